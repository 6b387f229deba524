//! The `[[layer]]` tables.

use std::collections::BTreeMap;

use super::keys;
use super::reader::Section;
use super::report::{Report, show};
use super::sections::missing_table;
use super::tree::{Node, Place, Table, Value};
use super::{
    Activation, Attention, Cell, Conv2d, Dense, Embedding, Initializer, Layer, LayerKind, Loss,
    MAX_LAYERS, Nonlinearity, Pool2d, PositionEmbedding, Recurrent, Returns,
};

/// The longest name of a layer, in bytes.
const LONGEST_NAME: usize = 64;

/// The layers in order; those that cannot be read are left out and reported. `init` is for those that do not say.
pub(super) fn layers(
    report: &mut Report<'_>,
    root: &Table,
    end: &Place,
    init: Initializer,
) -> Vec<Layer> {
    const HELP: &str = "describe the network from input to output, one [[layer]] with a kind each";
    let Some(entry) = root.get("layer") else {
        missing_table(report, root, end, "layer", HELP);
        return Vec::new();
    };
    let Some(nodes) = list(root) else {
        let (label, help) = match &entry.node.value {
            Value::Table(_) => ("this is a single table", "write [[layer]], in two brackets"),
            other => (other.what(), HELP),
        };
        let message = "`layer` must be a list of tables";
        report.mistake(&entry.node.place, message, label, help);
        return Vec::new();
    };
    if nodes.is_empty() {
        let message = "`layer` must not be empty";
        report.mistake(&entry.node.place, message, "no layers", HELP);
    }
    if let Some(node) = nodes.get(MAX_LAYERS) {
        let message = format!("{} layers are more than {MAX_LAYERS}", nodes.len());
        report.mistake(&node.place, message, "too many from here on", "");
        return Vec::new();
    }
    let names = names(root);
    check_names(report, nodes, &names);
    let read = nodes.iter().zip(names).enumerate();
    read.filter_map(|(i, (node, name))| layer(report, node, name, i + 1, init))
        .collect()
}

fn list(root: &Table) -> Option<&[Node]> {
    match &root.get("layer")?.node.value {
        Value::List(nodes) => Some(nodes),
        _ => None,
    }
}

fn text<'t>(node: &'t Node, key: &str) -> Option<&'t str> {
    let Value::Table(table) = &node.value else {
        return None;
    };
    match &table.get(key)?.node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The name of every layer, given or made from its kind and its number among those. All of a kind are counted, so that giving
/// one a name renames no other. A layer of no known kind has no name.
pub(super) fn names(root: &Table) -> Vec<Option<String>> {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut name = |node| {
        let kind = text(node, "kind").unwrap_or("");
        let variant = keys::LAYER.variants.iter().find(|v| v.kind == kind)?;
        let prefix = match variant.kind {
            "conv2d" => "conv",
            "max_pool2d" | "avg_pool2d" => "pool",
            kind => kind,
        };
        let count = counts.entry(prefix).or_default();
        *count += 1;
        let given = text(node, "name").map(str::to_owned);
        Some(given.unwrap_or_else(|| format!("{prefix}{count}")))
    };
    list(root).unwrap_or(&[]).iter().map(&mut name).collect()
}

/// Given names are well formed and no two layers have the same, given or not.
fn check_names(report: &mut Report<'_>, nodes: &[Node], names: &[Option<String>]) {
    let mut seen = BTreeMap::<&str, usize>::new();
    let place = |node: &Node| match &node.value {
        Value::Table(table) => table.get("name").map(|e| e.node.place.clone()),
        _ => None,
    };
    for (i, (node, name)) in nodes.iter().zip(names).enumerate() {
        let Some(name) = name else { continue };
        if let Some(given) = text(node, "name")
            && let Some(place) = place(node)
        {
            check_name(report, given, &place);
        }
        let Some(&first) = seen.get(name.as_str()) else {
            seen.insert(name, i);
            continue;
        };
        // One of the two has been given its name: both defaults would differ.
        let at = place(node).or_else(|| place(&nodes[first]));
        report.mistake(
            &at.unwrap_or_else(|| node.place.clone()),
            format!(
                "layers {} and {} are both called `{}`",
                first + 1,
                i + 1,
                show(name)
            ),
            "not unique",
            "give one of them another `name`",
        );
    }
}

fn check_name(report: &mut Report<'_>, name: &str, place: &Place) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let reason = if name.is_empty() {
        "must not be empty"
    } else if !name.chars().all(plain) {
        "must consist of letters, digits, `_` and `-`"
    } else if name.chars().all(|c| c.is_ascii_digit()) {
        "must not be a number, which would mean the layer of that position"
    } else if name.len() > LONGEST_NAME {
        "must not be longer than 64 characters"
    } else {
        return;
    };
    let message = format!("the layer's `name` {reason}, but is {:?}", show(name));
    let help = "choose a plain word such as hidden1, or remove `name`";
    report.mistake(place, message, "not a layer's name", help);
}

fn layer(
    report: &mut Report<'_>,
    node: &Node,
    name: Option<String>,
    number: usize,
    init: Initializer,
) -> Option<Layer> {
    let Value::Table(table) = &node.value else {
        let message = format!("layer {number} must be a table");
        let label = format!("this is {}", node.value.what());
        report.mistake(&node.place, message, label, "write { kind = \"…\" }");
        return None;
    };
    let title = format!("layer {number}");
    let (mut s, kind) = Section::open_family(report, table, &node.place, &title, &keys::LAYER);
    let kind = match kind? {
        "conv2d" => LayerKind::Conv2d(conv2d(&mut s, init)),
        "max_pool2d" => LayerKind::MaxPool2d(pool2d(&mut s)),
        "avg_pool2d" => LayerKind::AvgPool2d(pool2d(&mut s)),
        "dense" => LayerKind::Dense(Dense {
            out_features: s.count("out_features"),
            bias: s.bool("bias"),
            activation: s.choice("activation").flatten(),
            init: s.choice("init").unwrap_or(init),
        }),
        "rnn" => {
            let nonlinearity = s.choice("nonlinearity").unwrap_or(Nonlinearity::Tanh);
            LayerKind::Recurrent(recurrent(&mut s, Cell::Rnn(nonlinearity), init))
        }
        "lstm" => LayerKind::Recurrent(recurrent(&mut s, Cell::Lstm, init)),
        "gru" => LayerKind::Recurrent(recurrent(&mut s, Cell::Gru, init)),
        "embedding" => LayerKind::Embedding(embedding(&mut s, init)),
        "position_embedding" => LayerKind::PositionEmbedding(PositionEmbedding {
            init: s.choice("init").unwrap_or(init),
        }),
        "attention" => LayerKind::Attention(Attention {
            heads: s.count("heads"),
            causal: s.bool("causal"),
            rotary: s.bool("rotary"),
            bias: s.bool("bias"),
            init: s.choice("init").unwrap_or(init),
        }),
        "flatten" => LayerKind::Flatten,
        "relu" => LayerKind::Activation(Activation::Relu),
        "sigmoid" => LayerKind::Activation(Activation::Sigmoid),
        "tanh" => LayerKind::Activation(Activation::Tanh),
        "softmax" => LayerKind::Softmax,
        "log_softmax" => LayerKind::LogSoftmax,
        kind => unreachable!("{kind} has keys but is not read"),
    };
    // The name is made elsewhere, where all layers are seen; here only its type is checked.
    s.text("name");
    let place = s.whole("kind").filter(|place| place.text == 0);
    Some(Layer {
        name: name.unwrap_or(title),
        span: place.unwrap_or_else(|| node.place.clone()).span,
        kind,
    })
}

fn conv2d(s: &mut Section<'_, '_>, init: Initializer) -> Conv2d {
    let conv = Conv2d {
        out_channels: s.count("out_channels"),
        kernel: s.size("kernel"),
        stride: s.size("stride"),
        padding: s.size("padding"),
        dilation: s.size("dilation"),
        groups: s.count("groups"),
        bias: s.bool("bias"),
        activation: s.choice("activation").flatten(),
        init: s.choice("init").unwrap_or(init),
    };
    let (out, groups) = (conv.out_channels, conv.groups);
    if s.sound("out_channels") && s.sound("groups") && !out.is_multiple_of(groups) {
        let message = format!("{out} `out_channels` do not divide into {groups} `groups`");
        let help = "every group has the same number of output channels";
        s.mistake_at("groups", &message, "does not divide them", help);
    }
    conv
}

fn recurrent(s: &mut Section<'_, '_>, cell: Cell, init: Initializer) -> Recurrent {
    Recurrent {
        cell,
        hidden: s.count("hidden"),
        layers: s.count("layers"),
        returns: s.choice("return").unwrap_or(Returns::Sequence),
        init: s.choice("init").unwrap_or(init),
    }
}

fn embedding(s: &mut Section<'_, '_>, init: Initializer) -> Embedding {
    let padding = s.small_if_given("padding_idx");
    let embedding = Embedding {
        num_embeddings: s.count("num_embeddings"),
        embedding_dim: s.count("embedding_dim"),
        padding_idx: padding.map(|id| id as usize),
        init: s.choice("init").unwrap_or(init),
    };
    let tokens = embedding.num_embeddings;
    let beyond = embedding.padding_idx.is_some_and(|id| id >= tokens);
    if beyond && s.sound("num_embeddings") && s.sound("padding_idx") {
        let message = format!("`padding_idx` must be one of {tokens} tokens, which count from 0");
        let help = "name the token that fills up short texts, or remove it";
        s.mistake_at("padding_idx", &message, "no such token", help);
    }
    embedding
}

fn pool2d(s: &mut Section<'_, '_>) -> Pool2d {
    let kernel = s.size("kernel");
    let stride = s.size_if_given("stride").unwrap_or(kernel);
    let padding = s.size("padding");
    let too_much = padding.iter().zip(kernel).any(|(&p, k)| p > k / 2);
    if too_much && s.sound("kernel") && s.sound("padding") {
        let [h, w] = kernel.map(|k| k / 2);
        s.mistake_at(
            "padding",
            "`padding` must be at most half the `kernel`",
            &format!("more than [{h}, {w}]"),
            "a window must never lie in the padding alone",
        );
    }
    Pool2d {
        kernel,
        stride,
        padding,
    }
}

/// Both kinds of cross-entropy want logits: a softmax or a sigmoid at the end would be a second one.
pub(super) fn refuse_final_activation(
    report: &mut Report<'_>,
    root: &Table,
    layers: &[Layer],
    loss: Loss,
) {
    let nodes = list(root).unwrap_or(&[]);
    let (Some(node), Some(last)) = (nodes.last(), layers.last()) else {
        return;
    };
    let (loss, own) = match loss {
        Loss::CrossEntropy { .. } => ("cross_entropy", "softmax"),
        Loss::BinaryCrossEntropy => ("binary_cross_entropy", "sigmoid"),
        Loss::Mse | Loss::Mae | Loss::Huber { .. } => return,
    };
    let sigmoid = Some(Activation::Sigmoid);
    let (key, word) = match &last.kind {
        LayerKind::Softmax => ("kind", "softmax"),
        LayerKind::LogSoftmax => ("kind", "log_softmax"),
        LayerKind::Activation(Activation::Sigmoid) if own == "sigmoid" => ("kind", "sigmoid"),
        LayerKind::Dense(dense) if own == "sigmoid" && dense.activation == sigmoid => {
            ("activation", "sigmoid")
        }
        LayerKind::Conv2d(conv) if own == "sigmoid" && conv.activation == sigmoid => {
            ("activation", "sigmoid")
        }
        _ => return,
    };
    // Layers that could not be read are not among `layers`.
    if text(node, key) != Some(word) {
        return;
    }
    let place = match &node.value {
        Value::Table(table) => table.get(key).map(|e| &e.node.place),
        _ => None,
    };
    let what = if key == "kind" { "layer" } else { "activation" };
    report.mistake(
        place.unwrap_or(&node.place),
        format!("`{word}` as the last {what} does not go with loss {loss}"),
        format!("a second {own}"),
        format!("remove this {what}: {loss} takes logits and applies {own} itself"),
    );
}
