//! Networks that are graphs, and the layers that join and reshape, against PyTorch.

use anygrad::check::Interpreter;
use anygrad::config;
use anygrad::graph::{Array, Graph, Storage, TensorType, Value, autograd};
use anygrad::nn::{Inputs, Network, Signal};
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
