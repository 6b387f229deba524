//! The `[[layer]]` tables.

use std::collections::BTreeMap;

use super::choice::Approximate;
use super::expand::{INPUT, Written, expand};
use super::keys;
use super::reader::Section;
use super::report::{Report, show};
use super::sections::missing_table;
use super::tree::{Node, Place, Table, Value};
use super::value::size;
use super::{
    Activation, Attention, BatchNorm, Cell, Conv2d, Dense, Dropout, Embedding, GroupNorm,
    Initializer, Layer, LayerKind, LayerNorm, Loss, MAX_LAYERS, Nonlinearity, Pool2d,
    PositionEmbedding, Recurrent, Returns, RmsNorm,
};
use super::{Axis, ConvTranspose2d, Pad, Slice, Upsample, UpsampleMode};

/// The longest name of a layer, in bytes.
const LONGEST_NAME: usize = 64;

/// The layers in order, blocks and repetitions written out; those that cannot be read are left out and reported. `init` is for
/// those that do not say, `loss` what is made of the last one's output.
pub(super) fn layers(
    report: &mut Report<'_>,
    root: &Table,
    end: &Place,
    init: Initializer,
    loss: Loss,
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
    let written = expand(report, root, nodes);
    let read = written.iter();
    let layers: Vec<Layer> = read
        .filter_map(|written| layer(report, written, init))
        .collect();
    if let (Some(written), Some(last)) = (written.last(), layers.last()) {
        refuse_final_activation(report, &written.node, last, loss);
    }
    layers
}

pub(super) fn list(root: &Table) -> Option<&[Node]> {
    match &root.get("layer")?.node.value {
        Value::List(nodes) => Some(nodes),
        _ => None,
    }
}

pub(super) fn text<'t>(node: &'t Node, key: &str) -> Option<&'t str> {
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
pub(super) fn names<'t>(nodes: impl Iterator<Item = &'t Node>) -> Vec<Option<String>> {
    let mut counts = BTreeMap::<&str, usize>::new();
    let name = |node| {
        let kind = text(node, "kind").unwrap_or("");
        let variant = keys::LAYER.variants.iter().find(|v| v.kind == kind)?;
        let prefix = match variant.kind {
            "conv2d" | "conv1d" => "conv",
            "max_pool2d"
            | "max_pool1d"
            | "avg_pool1d"
            | "avg_pool2d"
            | "global_avg_pool"
            | "adaptive_avg_pool2d"
            | "adaptive_max_pool2d" => "pool",
            "conv_transpose2d" => "conv_transpose",
            "batch_norm" => "bn",
            "layer_norm" | "rms_norm" | "group_norm" => "norm",
            "dropout2d" => "dropout",
            kind => kind,
        };
        let count = counts.entry(prefix).or_default();
        *count += 1;
        let given = text(node, "name").map(str::to_owned);
        Some(given.unwrap_or_else(|| format!("{prefix}{count}")))
    };
    nodes.map(name).collect()
}

/// Given names are well formed and no two layers have the same, given or not; whether the latter is so.
pub(super) fn check_names<'t>(
    report: &mut Report<'_>,
    nodes: impl Iterator<Item = &'t Node>,
    names: &[Option<String>],
) -> bool {
    let nodes: Vec<&Node> = nodes.collect();
    let mut seen = BTreeMap::<&str, usize>::new();
    let place = |node: &Node| match &node.value {
        Value::Table(table) => table.get("name").map(|e| e.node.place.clone()),
        _ => None,
    };
    let mut unique = true;
    for (i, (&node, name)) in nodes.iter().zip(names).enumerate() {
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
        unique = false;
        // One of the two has been given its name: both defaults would differ.
        let at = place(node).or_else(|| place(nodes[first]));
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
    unique
}

fn check_name(report: &mut Report<'_>, name: &str, place: &Place) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '/';
    let reason = if name.is_empty() {
        "must not be empty"
    } else if !name.chars().all(plain) {
        "must consist of letters, digits, `_` and `-`"
    } else if name.split('/').any(str::is_empty) {
        "must have a word on both sides of every `/`, as the paths of layers in blocks"
    } else if name.split('/').any(|word| word == INPUT) {
        "must not be `input`, which means what comes in"
    } else if name.chars().all(|c| c.is_ascii_digit()) {
        "must not be a number, which would mean the layer of that position"
    } else if name.split('/').any(|word| word.len() > LONGEST_NAME) {
        "must not be longer than 64 characters"
    } else {
        return;
    };
    let message = format!("the layer's `name` {reason}, but is {:?}", show(name));
    let help = "choose a plain word such as hidden1, or remove `name`";
    report.mistake(place, message, "not a layer's name", help);
}

fn layer(report: &mut Report<'_>, written: &Written<'_>, init: Initializer) -> Option<Layer> {
    let (node, title) = (&written.node, &written.title);
    let Value::Table(table) = &node.value else {
        let message = format!("{title} must be a table");
        let label = format!("this is {}", node.value.what());
        report.mistake(&node.place, message, label, "write { kind = \"…\" }");
        return None;
    };
    let (mut s, kind) = Section::open_family(report, table, &node.place, title, &keys::LAYER);
    let kind = match kind? {
        "conv2d" => LayerKind::Conv2d(conv2d(&mut s, init)),
        "conv1d" => LayerKind::Conv1d(conv1d(&mut s, init)),
        "conv_transpose2d" => LayerKind::ConvTranspose2d(conv_transpose2d(&mut s, init)),
        "max_pool1d" => LayerKind::MaxPool1d(pool1d(&mut s)),
        "avg_pool1d" => LayerKind::AvgPool1d(pool1d(&mut s)),
        "upsample" => LayerKind::Upsample(Upsample {
            scale: s.size("scale"),
            mode: s.choice("mode").unwrap_or(UpsampleMode::Nearest),
        }),
        "pad" => LayerKind::Pad(pad(&mut s)),
        "slice" => LayerKind::Slice(Slice {
            axis: s.choice("axis").unwrap_or(Axis::Channels),
            begin: s.count("begin"),
            step: s.count("step"),
            size: s.int_if_given("size").map(size),
        }),
        "concat" => LayerKind::Concat(s.choice("axis").unwrap_or(Axis::Channels)),
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
        "gelu" => LayerKind::Activation(Activation::Gelu {
            tanh: s.choice("approximate") == Some(Approximate::Tanh),
        }),
        "silu" => LayerKind::Activation(Activation::Silu),
        "leaky_relu" => LayerKind::Activation(Activation::LeakyRelu {
            slope: s.float("slope"),
        }),
        "elu" => LayerKind::Activation(Activation::Elu {
            alpha: s.float("alpha"),
        }),
        "softplus" => LayerKind::Activation(Activation::Softplus),
        kind @ ("dropout" | "dropout2d") => LayerKind::Dropout(Dropout {
            p: s.float("p"),
            channels: kind == "dropout2d",
        }),
        "batch_norm" => LayerKind::BatchNorm(BatchNorm {
            epsilon: s.float("epsilon"),
            momentum: s.float("momentum"),
            activation: s.choice("activation").flatten(),
        }),
        "layer_norm" => LayerKind::LayerNorm(layer_norm(&mut s)),
        "rms_norm" => LayerKind::RmsNorm(RmsNorm {
            epsilon: s.float("epsilon"),
            affine: s.bool("affine"),
        }),
        "group_norm" => LayerKind::GroupNorm(GroupNorm {
            groups: s.count("groups"),
            epsilon: s.float("epsilon"),
            activation: s.choice("activation").flatten(),
        }),
        "global_avg_pool" => LayerKind::GlobalAvgPool,
        "adaptive_avg_pool2d" => LayerKind::AdaptiveAvgPool2d(s.size("output")),
        "adaptive_max_pool2d" => LayerKind::AdaptiveMaxPool2d(s.size("output")),
        "softmax" => LayerKind::Softmax,
        "log_softmax" => LayerKind::LogSoftmax,
        "add" => LayerKind::Add,
        "mul" => LayerKind::Mul,
        kind => unreachable!("{kind} has keys but is not read"),
    };
    // Names and inputs are found elsewhere, where all layers are seen; here only their types are checked.
    s.text("name");
    s.texts("inputs");
    s.int("repeat");
    let place = s.whole("kind");
    let inputs = written.inputs.clone();
    let takes = kind.inputs();
    if !takes.contains(&inputs.len()) && s.sound("inputs") {
        let word = kind.word();
        let (message, label, help) = if inputs.len() < *takes.start() {
            (
                format!(
                    "`{word}` joins two inputs or more, but {title} has {}",
                    inputs.len()
                ),
                "needs `inputs`",
                "name them, as in inputs = [\"conv2\", \"input\"]",
            )
        } else if *takes.end() == 1 {
            (
                format!("`{word}` takes one input, but {title} has {}", inputs.len()),
                "takes one",
                "join them before it with `kind = \"add\"` or \"concat\"",
            )
        } else {
            (
                format!(
                    "`{word}` takes at most {} inputs, but {title} has {}",
                    takes.end(),
                    inputs.len()
                ),
                "too many",
                "join some of them before it",
            )
        };
        let at = s.whole("inputs").or_else(|| place.clone());
        report.mistake(
            &at.unwrap_or_else(|| node.place.clone()),
            message,
            label,
            help,
        );
    }
    let place = place.filter(|place| place.text == 0);
    Some(Layer {
        name: written.name.clone().unwrap_or_else(|| title.clone()),
        span: place.unwrap_or_else(|| node.place.clone()).span,
        inputs,
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
    check_groups(s, &conv);
    conv
}

/// A convolution along a sequence: that of an image of one row.
fn conv1d(s: &mut Section<'_, '_>, init: Initializer) -> Conv2d {
    let conv = Conv2d {
        out_channels: s.count("out_channels"),
        kernel: [1, s.count("kernel")],
        stride: [1, s.count("stride")],
        padding: [0, s.count("padding")],
        dilation: [1, s.count("dilation")],
        groups: s.count("groups"),
        bias: s.bool("bias"),
        activation: s.choice("activation").flatten(),
        init: s.choice("init").unwrap_or(init),
    };
    check_groups(s, &conv);
    conv
}

fn conv_transpose2d(s: &mut Section<'_, '_>, init: Initializer) -> ConvTranspose2d {
    let conv = conv2d(s, init);
    let output_padding = s.size("output_padding");
    let too_much = (0..2).any(|i| output_padding[i] >= conv.stride[i].max(conv.dilation[i]));
    if too_much
        && ["output_padding", "stride", "dilation"]
            .iter()
            .all(|key| s.sound(key))
    {
        s.mistake_at(
            "output_padding",
            "`output_padding` must be smaller than `stride` or `dilation`",
            "not smaller than either",
            "it chooses among the sizes that a convolution with this stride would all make the input's",
        );
    }
    ConvTranspose2d {
        conv,
        output_padding,
    }
}

fn pad(s: &mut Section<'_, '_>) -> Pad {
    let mut ends = |key| match s.ints(key).as_deref() {
        Some(&[both]) => [both, both].map(|n| n as usize),
        Some(&[before, behind]) => [before, behind].map(|n| n as usize),
        _ => [0, 0],
    };
    let pad = Pad {
        height: ends("height"),
        width: ends("width"),
        time: ends("time"),
        channels: ends("channels"),
    };
    let keys = ["height", "width", "time", "channels"];
    if pad == Pad::default() && keys.iter().all(|key| s.sound(key)) {
        let help = "say where zeros come, as in height = [1, 1]";
        s.mistake_at("kind", "`pad` without zeros does nothing", "no zeros", help);
    }
    pad
}

fn check_groups(s: &mut Section<'_, '_>, conv: &Conv2d) {
    let (out, groups) = (conv.out_channels, conv.groups);
    if s.sound("out_channels") && s.sound("groups") && !out.is_multiple_of(groups) {
        let message = format!("{out} `out_channels` do not divide into {groups} `groups`");
        let help = "every group has the same number of output channels";
        s.mistake_at("groups", &message, "does not divide them", help);
    }
}

fn pool1d(s: &mut Section<'_, '_>) -> Pool2d {
    let kernel = s.count("kernel");
    let stride = s.int_if_given("stride").map_or(kernel, size);
    let padding = s.count("padding");
    if padding > kernel / 2 && s.sound("kernel") && s.sound("padding") {
        s.mistake_at(
            "padding",
            "`padding` must be at most half the `kernel`",
            &format!("more than {}", kernel / 2),
            "a window must never lie in the padding alone",
        );
    }
    Pool2d {
        kernel: [1, kernel],
        stride: [1, stride],
        padding: [0, padding],
    }
}

fn layer_norm(s: &mut Section<'_, '_>) -> LayerNorm {
    let (epsilon, affine) = (s.float("epsilon"), s.bool("affine"));
    let bias = s.bool("bias");
    let given = s.whole("bias").is_some();
    if bias && given && !affine {
        s.mistake_at(
            "bias",
            "`bias` needs `affine`",
            "there is nothing that is learned",
            "remove `bias`, or leave `affine` true",
        );
    }
    LayerNorm {
        epsilon,
        affine,
        bias: bias && affine,
    }
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
fn refuse_final_activation(report: &mut Report<'_>, node: &Node, last: &Layer, loss: Loss) {
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
