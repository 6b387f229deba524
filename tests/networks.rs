//! Networks that are graphs, and the layers that join and reshape, against PyTorch.

use anygrad::check::Interpreter;
use anygrad::config;
use anygrad::graph::{Array, Graph, Storage, TensorType, Value, autograd};
use anygrad::nn::{Border, Inputs, Network, Signal};
use anygrad::ops;

/// The network of these `[[layer]]` tables.
fn network(layers: &str, sample: impl Into<Signal>, outputs: usize) -> Network {
    let text = format!("[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{layers}");
    let config = config::parse("networks.toml", &text, &[]).expect("a configuration");
    Network::new(&config, sample, outputs).expect("a network")
}

/// Something of which PyTorch has recorded what comes out of it.
#[derive(serde::Deserialize)]
struct Recorded {
    name: String,
    layers: String,
    sample: Vec<usize>,
    outputs: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    dy: Vec<f64>,
    parameters: Vec<RecordedParameter>,
}

#[derive(serde::Deserialize)]
struct RecordedParameter {
    name: String,
    shape: Vec<usize>,
    data: Vec<f32>,
    gradient: Vec<f64>,
}

fn agrees(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    assert!(largest > 1e-3, "{what}: PyTorch's numbers say something");
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let error = (ours - theirs).abs();
        assert!(
            error <= 1e-8 * largest,
            "{what}: element {i} is {ours}, PyTorch has {theirs}"
        );
    }
}

#[test]
fn layers_give_the_outputs_and_gradients_of_pytorch() {
    let recorded: Vec<Recorded> =
        serde_json::from_str(include_str!("golden/networks.json")).expect("a recording");
    assert!(!recorded.is_empty(), "something was recorded");
    for case in recorded {
        let network = network(
            &case.layers,
            Signal::floats(case.sample.clone()),
            case.outputs,
        );
        let mut graph = Graph::new();
        let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
        let rows = case.dy.len() / case.outputs;
        let dims = [&[rows], case.sample.as_slice()].concat();
        let x = graph.input("x", TensorType::f32(dims.clone()));
        let dy = graph.input("dy", TensorType::f32([rows, case.outputs]));
        let inputs = Inputs {
            x,
            parameters: slab,
            statistics: None,
            training: None,
        };
        let y = network.forward(&mut graph, inputs);
        let slices: Vec<Value> = graph
            .values()
            .filter(|&value| matches!(graph.info(value).storage, Storage::Slice { .. }))
            .collect();
        let gradients = autograd::backward(&mut graph, &[(y, dy)], &slices, &ops::sum());
        let mut values = vec![0.0; network.slab_elements];
        assert_eq!(
            case.parameters.len(),
            network.parameters.len(),
            "{}",
            case.name
        );
        for (ours, theirs) in network.parameters.iter().zip(&case.parameters) {
            assert_eq!(ours.name, theirs.name, "{}", case.name);
            assert_eq!(
                ours.border.file_shape(&ours.shape),
                theirs.shape,
                "{}",
                case.name
            );
            let kernels = ours.border.to_kernels(&ours.shape, &theirs.data);
            for (value, kernel) in values[ours.offset..].iter_mut().zip(kernels) {
                *value = f64::from(kernel);
            }
        }
        let mut interpreter = Interpreter::new(&graph);
        interpreter.set(slab, &Array::new([values.len()], values));
        interpreter.set(x, &Array::new(dims, case.x.clone()));
        interpreter.set(dy, &Array::new([rows, case.outputs], case.dy.clone()));
        interpreter.step();
        agrees(&case.name, &interpreter.get(y).data, &case.y);
        for (slice, gradient) in slices.into_iter().zip(gradients) {
            let (_, offset) = graph.home(slice);
            let index = network.parameters.iter().position(|p| p.offset == offset);
            let index = index.expect("a slice is a parameter");
            let (ours, theirs) = (&network.parameters[index], &case.parameters[index]);
            let gradient = interpreter.get(gradient.expect("it has a gradient")).data;
            // What the gradient would move, in the order of files.
            let file = ours.border.to_file(&ours.shape, &gradient);
            let what = format!("{}: gradient of {}", case.name, ours.name);
            agrees(&what, &file, &theirs.gradient);
        }
    }
}

/// Floating-point operations of the products of a network for one sample: those of convolutions and dense layers without biases.
fn products(network: &Network, sample: &Signal) -> u64 {
    let mut graph = Graph::new();
    let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
    let statistics = network.statistics_elements;
    let statistics =
        (statistics > 0).then(|| graph.persistent("statistics", TensorType::f32([statistics])));
    let x = graph.input("x", sample.batch(1));
    let inputs = Inputs {
        x,
        parameters: slab,
        statistics,
        training: None,
    };
    network.forward(&mut graph, inputs);
    let products = graph.nodes().iter();
    let products = products.filter(|node| ["conv2d", "matmul"].contains(&node.op.name()));
    products.map(|node| node.lowering.flops()).sum()
}

#[test]
fn lenet_5_has_61706_parameters_and_416520_multiply_adds() {
    let conv = |out: usize, more: &str| {
        format!(
            "[[layer]]\nkind = \"conv2d\"\nout_channels = {out}\nkernel = 5\nactivation = \"tanh\"\n{more}\
             [[layer]]\nkind = \"avg_pool2d\"\nkernel = 2\n"
        )
    };
    let dense = |out: usize| format!("[[layer]]\nkind = \"dense\"\nout_features = {out}\n");
    let layers = [
        conv(6, "padding = 2\n"),
        conv(16, ""),
        "[[layer]]\nkind = \"flatten\"\n".to_owned(),
        dense(120),
        dense(84),
        dense(10),
    ];
    let lenet = network(&layers.concat(), [28, 28, 1], 10);
    assert_eq!(lenet.parameter_count(), 61_706);
    let of_layers: Vec<usize> = lenet.summary().iter().map(|l| l.parameters).collect();
    assert_eq!(of_layers, [156, 0, 2416, 0, 0, 48_120, 10_164, 850]);
    assert_eq!(products(&lenet, &Signal::from([28, 28, 1])), 2 * 416_520);
}

/// He et al. 2016, section 4.2: shortcuts without weights (option A).
const RESNET_20: &str = r#"
[[block.conv.layer]]
kind = "conv2d"
out_channels = "$channels"
kernel = 3
stride = "$stride"
padding = 1
bias = false
[[block.conv.layer]]
kind = "batch_norm"

[[block.same.layer]]
kind = "block"
block = "conv"
with = { channels = "$channels", stride = 1 }
[[block.same.layer]]
kind = "relu"
[[block.same.layer]]
kind = "block"
block = "conv"
with = { channels = "$channels", stride = 1 }
[[block.same.layer]]
kind = "add"
inputs = ["block2", "input"]
[[block.same.layer]]
kind = "relu"

[[block.half.layer]]
kind = "block"
block = "conv"
with = { channels = "$channels", stride = 2 }
[[block.half.layer]]
kind = "relu"
[[block.half.layer]]
kind = "block"
block = "conv"
with = { channels = "$channels", stride = 1 }
[[block.half.layer]]
kind = "max_pool2d"
kernel = 1
stride = 2
inputs = ["input"]
[[block.half.layer]]
kind = "pad"
channels = "$zeros"
[[block.half.layer]]
kind = "add"
inputs = ["block2", "pad1"]
[[block.half.layer]]
kind = "relu"

[[layer]]
kind = "block"
block = "conv"
with = { channels = 16, stride = 1 }
[[layer]]
kind = "relu"
[[layer]]
kind = "block"
block = "same"
with = { channels = 16 }
repeat = 3
[[layer]]
kind = "block"
block = "half"
with = { channels = 32, zeros = [8, 8] }
[[layer]]
kind = "block"
block = "same"
with = { channels = 32 }
repeat = 2
[[layer]]
kind = "block"
block = "half"
with = { channels = 64, zeros = [16, 16] }
[[layer]]
kind = "block"
block = "same"
with = { channels = 64 }
repeat = 2
[[layer]]
kind = "global_avg_pool"
[[layer]]
kind = "dense"
out_features = 10
"#;

#[test]
fn resnet_20_has_269722_parameters_and_40551040_multiply_adds() {
    let resnet = network(RESNET_20, [32, 32, 3], 10);
    assert_eq!(resnet.parameter_count(), 269_722);
    assert_eq!(
        products(&resnet, &Signal::from([32, 32, 3])),
        2 * 40_551_040
    );
    let convolutions = resnet.parameters.iter();
    let convolutions = convolutions.filter(|parameter| parameter.border == Border::Conv);
    assert_eq!(convolutions.count(), 19, "and a dense layer");
    assert_eq!(resnet.parameters[3].name, "block2/1/block1/conv1.weight");
}

#[test]
fn what_does_not_fit_together_is_told_with_both_shapes() {
    let conv = "[[layer]]\nkind = \"conv2d\"\nout_channels = 3\nkernel = 3\n";
    for (layer, expected) in [
        (
            "kind = \"concat\"\ninputs = [\"conv1\", \"input\"]",
            "layer `concat1`: its inputs may differ along `channels` alone, but `conv1` gives 6 × 6 × 3 and `input` 8 × 8 × 1",
        ),
        (
            "kind = \"mul\"\ninputs = [\"conv1\", \"input\"]",
            "layer `mul1`: its inputs must have one shape, but `conv1` gives 6 × 6 × 3 and `input` 8 × 8 × 1",
        ),
        (
            "kind = \"slice\"\nbegin = 3",
            "layer `slice1`: what begins at 3 is not in the 3 channels of its input, 6 × 6 × 3",
        ),
        (
            "kind = \"slice\"\naxis = \"height\"\nstep = 2\nsize = 4",
            "layer `slice1`: 4 from 0 on, every 2, is not in the 6 height of its input, 6 × 6 × 3",
        ),
        (
            "kind = \"pad\"\ntime = [1]",
            "layer `pad1`: its input is an image of 6 × 6 × 3, without `time`",
        ),
        (
            "kind = \"conv1d\"\nout_channels = 2\nkernel = 3",
            "layer `conv2`: it needs a sequence (steps, channels), but its input is an image of 6 × 6 × 3",
        ),
        (
            "kind = \"conv_transpose2d\"\nout_channels = 2\nkernel = 1\npadding = 3",
            "layer `conv_transpose1`: its padding cuts off the whole image",
        ),
    ] {
        let text = format!(
            "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{conv}[[layer]]\n{layer}\n[[layer]]\nkind = \"flatten\"\n\
             [[layer]]\nkind = \"dense\"\nout_features = 10\n"
        );
        let config = config::parse("networks.toml", &text, &[]).expect("a configuration");
        let error = Network::new(&config, [8, 8, 1], 10).expect_err("refused");
        assert!(error.to_string().contains(expected), "{expected}\n{error}");
    }
}
