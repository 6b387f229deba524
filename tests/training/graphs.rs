//! Networks that are graphs, trained on the adapter.

use super::*;

/// Residual blocks of which one is repeated, with ways around and joined.
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
bias = false
[[block.basic.layer]]
kind = "add"
inputs = ["conv2", "shortcut"]
[[block.basic.layer]]
kind = "relu"
[[layer]]
kind = "block"
block = "basic"
with = { channels = 4 }
repeat = 2
[[layer]]
kind = "block"
block = "basic"
with = { channels = 6, stride = 2 }
[[layer]]
kind = "tanh"
name = "gate"
[[layer]]
kind = "mul"
inputs = ["gate", "block2"]
[[layer]]
kind = "flatten"
[[layer]]
kind = "dense"
out_features = 4
"#;

fn residual(more: &str) -> Config {
    let text = format!(
        "seed = 7\n[data]\nsource = \"digits\"\ndivide_by = 255\nmean = [0.4, 0.5, 0.6]\nstd = 0.3\n[train]\nbatch = 5\nsteps = 12\n\
         [optimizer]\nkind = \"sgd\"\nlearning_rate = 0.02\nmomentum = 0.9\n{more}{RESIDUAL}"
    );
    config::parse("residual.toml", &text, &[]).unwrap()
}

#[test]
fn a_residual_network_trains_as_the_references_say() {
    if common::gpu(Trust::Trusted).is_some() {
        agrees_with_the_references(&residual(""), 1e-4);
    }
}

#[test]
fn weights_in_blocks_are_named_by_their_paths_in_files_and_for_param() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let config = residual("[[param]]\nmatch = \"block1/*\"\nfreeze = true\n");
    let (outcome, _) = trained(&config, &random_dataset(), Trust::Trusted);
    let names = outcome.weights.tensors().iter().map(|t| t.name.clone());
    let names: Vec<String> = names.collect();
    assert_eq!(names[0], "block1/1/conv1.weight");
    assert_eq!(names[names.len() - 3], "block2/shortcut.weight");
    let network = Network::new(&config, [9, 7, 3], 4).unwrap();
    let initial = network.initial(config.seed);
    for (parameter, tensor) in network.parameters.iter().zip(outcome.weights.tensors()) {
        let before = &initial[parameter.offset..][..parameter.shape.elements()];
        let after = parameter.border.to_kernels(&parameter.shape, &tensor.data);
        let frozen = parameter.name.starts_with("block1/");
        assert_eq!(before == after, frozen, "{}", parameter.name);
    }
}

#[test]
fn shapes_that_cannot_be_added_are_named_with_their_layers() {
    let text = format!("[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{RESIDUAL}")
        .replacen("name = \"shortcut\"", "name = \"shortcut\"\npadding = 1", 1);
    let config = config::parse("residual.toml", &text, &[]).unwrap();
    let error = Network::new(&config, [9, 7, 3], 4).unwrap_err().to_string();
    let expected = "layer `block1/1/add1`: its inputs must have one shape, but `block1/1/conv2` gives 9 × 7 × 4 and \
         `block1/1/shortcut` 11 × 9 × 4";
    assert!(error.contains(expected), "{error}");
    assert!(error.starts_with("residual.toml:30:1: "), "{error}");
}
