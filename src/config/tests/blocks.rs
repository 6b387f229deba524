//! Networks that are graphs: inputs by name, blocks, repetitions.

use super::*;

/// A file with these layers behind its other tables.
pub(super) fn with(layers: &str) -> String {
    format!("[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{layers}")
}

/// Two residual blocks, of which the second is one for other channels.
const RESIDUAL: &str = r#"
[block.basic]
with = { stride = 1 }
[[block.basic.layer]]
kind = "conv2d"
out_channels = "$channels"
kernel = 3
stride = "$stride"
padding = 1
activation = "relu"
[[block.basic.layer]]
kind = "conv2d"
out_channels = "$channels"
kernel = 3
padding = 1
[[block.basic.layer]]
kind = "conv2d"
name = "shortcut"
inputs = ["input"]
out_channels = "$channels"
kernel = 1
stride = "$stride"
[[block.basic.layer]]
kind = "add"
inputs = ["conv2", "shortcut"]
[[layer]]
kind = "block"
block = "basic"
with = { channels = 4 }
repeat = 2
[[layer]]
kind = "block"
name = "wide"
block = "basic"
with = { channels = 8, stride = 2 }
[[layer]]
kind = "flatten"
inputs = ["wide"]
[[layer]]
kind = "dense"
out_features = 10
"#;

/// The names of the layers, each with those of its inputs.
fn graph(config: &Config) -> Vec<String> {
    let layers = config.layers.iter();
    let line = layers.map(|layer| {
        let inputs = layer.inputs.iter().map(|input| config.input_name(*input));
        format!("{} <- {}", layer.name, inputs.collect::<Vec<_>>().join(" "))
    });
    line.collect()
}

#[test]
fn blocks_and_repetitions_are_written_out_with_paths_as_names() {
    let config = right(&with(RESIDUAL));
    let expected = [
        "block1/1/conv1 <- input",
        "block1/1/conv2 <- block1/1/conv1",
        "block1/1/shortcut <- input",
        "block1/1/add1 <- block1/1/conv2 block1/1/shortcut",
        "block1/2/conv1 <- block1/1/add1",
        "block1/2/conv2 <- block1/2/conv1",
        "block1/2/shortcut <- block1/1/add1",
        "block1/2/add1 <- block1/2/conv2 block1/2/shortcut",
        "wide/conv1 <- block1/2/add1",
        "wide/conv2 <- wide/conv1",
        "wide/shortcut <- block1/2/add1",
        "wide/add1 <- wide/conv2 wide/shortcut",
        "flatten1 <- wide/add1",
        "dense1 <- flatten1",
    ];
    assert_eq!(graph(&config), expected);
    let widths: Vec<_> = config
        .layers
        .iter()
        .filter_map(|layer| match &layer.kind {
            LayerKind::Conv2d(conv) => Some((conv.out_channels, conv.stride)),
            _ => None,
        })
        .collect();
    let stage = |channels, stride| {
        [
            (channels, [stride; 2]),
            (channels, [1; 2]),
            (channels, [stride; 2]),
        ]
    };
    assert_eq!(
        widths,
        [stage(4, 1), stage(4, 1), stage(8, 2)].concat(),
        "arguments in their places"
    );
}

#[test]
fn a_network_that_is_written_out_is_read_again_as_an_equal_one() {
    let layer = "[[layer]]\nkind = \"dense\"\nout_features = 7\nrepeat = 3\n[[layer]]\nkind = \"dense\"\nout_features = 10\n";
    for layers in [RESIDUAL, layer] {
        let config = right(&with(layers));
        let written = config.to_toml();
        let again = right(&written);
        let named = Config {
            name: config.name.clone(),
            ..again
        };
        assert_eq!(named, config, "{written}");
        assert_eq!(named.to_toml(), written, "writing is stable");
    }
}

#[test]
fn the_schema_allows_blocks_and_what_is_written_of_them() {
    let config = right(&with(RESIDUAL));
    assert!(schema::tests::is_allowed(&with(RESIDUAL)), "blocks");
    let written = config.to_toml();
    assert!(schema::tests::is_allowed(&written), "{written}");
}

#[test]
fn a_layer_inside_a_block_can_be_named_from_outside_and_blocks_stand_in_blocks() {
    let text = with(
        r#"
[[block.inner.layer]]
kind = "relu"
[[block.inner.layer]]
kind = "tanh"
[[block.outer.layer]]
kind = "block"
block = "inner"
name = "core"
[[block.outer.layer]]
kind = "add"
inputs = ["core/relu1", "core", "input"]
[[layer]]
kind = "flatten"
[[layer]]
kind = "block"
block = "outer"
name = "o"
[[layer]]
kind = "mul"
inputs = ["o/core/tanh1", "flatten1", "o"]
[[layer]]
kind = "dense"
out_features = 10
"#,
    );
    let expected = [
        "flatten1 <- input",
        "o/core/relu1 <- flatten1",
        "o/core/tanh1 <- o/core/relu1",
        "o/add1 <- o/core/relu1 o/core/tanh1 flatten1",
        "mul1 <- o/core/tanh1 flatten1 o/add1",
        "dense1 <- mul1",
    ];
    assert_eq!(graph(&right(&text)), expected);
}

#[test]
fn what_a_block_says_can_be_set_on_the_command_line() {
    let text = with(RESIDUAL);
    let config = set(
        &text,
        &[
            "layer.wide.with.channels=6",
            "layer.block1.repeat=1",
            "block.basic.layer.conv1.kernel=5",
            "block.basic.layer.2.activation=tanh",
        ],
    )
    .unwrap();
    let names: Vec<_> = config.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(
        names[..5],
        [
            "block1/conv1",
            "block1/conv2",
            "block1/shortcut",
            "block1/add1",
            "wide/conv1"
        ]
    );
    let LayerKind::Conv2d(conv) = &config.layers[4].kind else {
        panic!("{:?}", config.layers[4]);
    };
    assert_eq!((conv.out_channels, conv.kernel), (6, [5, 5]));
    for (set_to, word) in [
        (
            "block.basics.layer.1.kernel=3",
            "there is no block `basics`",
        ),
        (
            "block.basic.layer.conv9.kernel=3",
            "there is no layer `conv9`",
        ),
        ("layer.wide.with.chanels=3", "did you mean `channels`?"),
    ] {
        let found = lines(&wrong(set(&text, &[set_to])));
        assert!(found[0].contains(word), "{found:#?}");
    }
}

#[test]
fn mistakes_in_inputs_name_the_place_and_what_was_meant() {
    let dense = "[[layer]]\nkind = \"dense\"\nout_features = 10\n";
    for (layers, expected) in [
        (
            format!(
                "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"add\"\ninputs = [\"flaten1\", \"input\"]\n{dense}"
            ),
            "9: `\"flaten1\"`: `inputs` names `flaten1`, and there is no such layer; did you mean `flatten1`?; layers before it: input, flatten1",
        ),
        (
            format!("[[layer]]\nkind = \"add\"\ninputs = [\"input\", \"dense1\"]\n{dense}"),
            "7: `\"dense1\"`: `inputs` names `dense1`, which would be a cycle; computed only later; move that layer before this one: layers stand in the order in which they are computed",
        ),
        (
            format!("[[layer]]\nkind = \"add\"\ninputs = [\"input\", \"add1\"]\n{dense}"),
            "7: `\"add1\"`: `inputs` names `add1`, which would be a cycle; this is the layer itself; name a layer before it; `kind = \"add\"` with \"input\" makes a way around",
        ),
        (
            format!("[[layer]]\nkind = \"add\"\n{dense}"),
            "6: `kind = \"add\"`: `add` joins two inputs or more, but layer 1 has 1; needs `inputs`; name them, as in inputs = [\"conv2\", \"input\"]",
        ),
        (
            "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 10\ninputs = [\"flatten1\", \"input\"]\n".to_owned(),
            "10: `inputs = [\"flatten1\", \"input\"]`: `dense` takes one input, but layer 2 has 2; takes one; join them before it with `kind = \"add\"` or \"concat\"",
        ),
        (
            format!(
                "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"relu\"\ninputs = [\"input\"]\n{dense}"
            ),
            "6: `kind = \"flatten\"`: what comes out of layer `flatten1` goes nowhere; no layer takes it; name it in the `inputs` of a layer behind it, or remove it",
        ),
        (
            format!("[[layer]]\nkind = \"flatten\"\ninputs = []\n{dense}"),
            "7: `inputs = []`: `inputs` must name at least one layer, not []; an empty list; remove it, or name one",
        ),
        (
            format!("[[layer]]\nkind = \"flatten\"\nname = \"input\"\n{dense}"),
            "7: `\"input\"`: the layer's `name` must not be `input`, which means what comes in, but is \"input\"; not a layer's name; choose a plain word such as hidden1, or remove `name`",
        ),
        (
            format!(
                "[[layer]]\nkind = \"add\"\ninputs = [\"input\", \"input\"]\nrepeat = 2\n{dense}"
            ),
            "8: `repeat`: a layer with several inputs cannot be repeated; has several inputs; repeat a block around it: its `input` is what comes out of the one before",
        ),
    ] {
        assert_eq!(mistake(&with(&layers)), expected);
    }
}

#[test]
fn mistakes_in_blocks_are_reported_once_however_often_they_stand_in_the_network() {
    let text = with(RESIDUAL);
    for (right, wrong, expected) in [
        (
            "block = \"basic\"\nwith = { channels = 4 }",
            "block = \"basik\"\nwith = { channels = 4 }",
            "there is no block `basik`; did you mean `basic`?",
        ),
        (
            "with = { channels = 4 }",
            "with = {}",
            "block `basic` needs a value for `channels`; not given; write with = { channels = … } here, or in [block.basic] for all",
        ),
        (
            "channels = 4 }",
            "channels = 4, chanels = 5 }",
            "block `basic` has no argument `chanels`; did you mean `channels`?",
        ),
        (
            "channels = 4 }",
            "channels = 0 }",
            "`0`: `out_channels` must be a whole number from 1 to 1048576, not 0; too small",
        ),
        (
            "with = { stride = 1 }",
            "with = { stride = 1, depth = 2 }",
            "no layer of [block.basic] takes `depth`; not used",
        ),
        (
            "with = { stride = 1 }",
            "width = { stride = 1 }",
            "unknown key `width` in [block.basic]; did you mean `with`?",
        ),
        (
            "kernel = 1\n",
            "kernel = 0\n",
            "`kernel` must be a whole number from 1 to 1024",
        ),
        (
            "inputs = [\"conv2\", \"shortcut\"]",
            "inputs = [\"conv2\", \"shortcuts\"]",
            "there is no such layer; did you mean `shortcut`?; layers before it in block `basic`",
        ),
        (
            "kind = \"add\"\n",
            "kind = \"block\"\nblock = \"basic\"\n",
            "block `basic` contains itself; would never end",
        ),
        (
            "block = \"basic\"\nwith = { channels = 4 }",
            "block = \"basic\"\nwith = 4",
            "`with` must be a table with a value for each argument, not 4",
        ),
        (
            "repeat = 2",
            "repeat = 0",
            "`repeat` must be a whole number from 1 to 4096, not 0",
        ),
        (
            "[[layer]]\nkind = \"flatten\"",
            "[[block.spare.layer]]\nkind = \"relu\"\n[[layer]]\nkind = \"flatten\"",
            "block `spare` stands nowhere; not used",
        ),
    ] {
        assert!(text.contains(right), "{right}");
        let found = mistakes(&text.replacen(right, wrong, 1));
        assert!(found[0].contains(expected), "{expected}\n{found:#?}");
        let same = found.iter().filter(|line| line.contains(expected)).count();
        assert_eq!(same, 1, "{found:#?}");
    }
    let stray = SMALL.replace("out_features = 10", "out_features = \"$n\"");
    assert!(
        mistake(&stray).contains("`out_features` must be"),
        "outside of a block"
    );
}

#[test]
fn blocks_that_would_write_out_more_than_a_network_may_have_are_refused_quickly() {
    let mut text =
        with("[[layer]]\nkind = \"block\"\nblock = \"b0\"\n[[block.b15.layer]]\nkind = \"relu\"\n");
    for level in 0..15 {
        let layer = format!(
            "[[block.b{level}.layer]]\nkind = \"block\"\nblock = \"b{}\"\nrepeat = 9\n",
            level + 1
        );
        text += &layer.repeat(2);
    }
    let found = mistakes(&text);
    assert!(
        found
            .iter()
            .any(|line| line.contains("more than 4096 layers")),
        "{found:#?}"
    );
    assert!(found.len() < 20, "{found:#?}");
    let long = "x".repeat(MAX_BYTES / 2);
    let copies = with(&format!(
        "[[block.b.layer]]\nkind = \"dense\"\nname = \"{long}\"\nout_features = \"$n\"\n[[layer]]\nkind = \"block\"\nblock = \"b\"\nwith = {{ n = 10 }}\nrepeat = 4096\n"
    ));
    assert!(!mistakes(&copies).is_empty(), "refused");
}
