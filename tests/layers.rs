//! Single layers and small networks, built from configurations and computed by the references.

use anygrad::check::Interpreter;
use anygrad::config;
use anygrad::graph::{Array, Graph, Storage, TensorType, Value, autograd};
use anygrad::nn::{Inputs, Network, Signal};
use anygrad::ops;

/// The network of these `[[layer]]` tables.
fn network(layers: &str, sample: impl Into<Signal>, outputs: usize) -> Network {
    let text = format!("[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{layers}");
    let config = config::parse("layers.toml", &text, &[]).expect("a configuration");
    Network::new(&config, sample, outputs).expect("a network")
}

/// What comes out of a network for these samples, with parameters that are named and in the order of files.
fn outputs(network: &Network, x: &Array, parameters: &[(&str, &[f32])]) -> Array {
    let mut graph = Graph::new();
    let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
    let input = graph.input("x", TensorType::f32(x.shape.dims().to_vec()));
    let inputs = Inputs {
        x: input,
        parameters: slab,
        training: None,
    };
    let y = network.forward(&mut graph, inputs);
    let mut values = vec![0.0; network.slab_elements];
    assert_eq!(parameters.len(), network.parameters.len(), "all parameters");
    for (parameter, (name, file)) in network.parameters.iter().zip(parameters) {
        assert_eq!(parameter.name, *name, "parameters in their order");
        let kernels = parameter.border.to_kernels(&parameter.shape, file);
        for (value, kernel) in values[parameter.offset..].iter_mut().zip(kernels) {
            *value = f64::from(kernel);
        }
    }
    let mut interpreter = Interpreter::new(&graph);
    interpreter.set(slab, &Array::new([values.len()], values));
    interpreter.set(input, x);
    interpreter.step();
    interpreter.get(y)
}

#[test]
fn dense_works_on_every_step_of_a_sequence_by_itself() {
    let layers = "[[layer]]\nkind = \"dense\"\nout_features = 2\nactivation = \"relu\"\n\
         [[layer]]\nkind = \"softmax\"\n[[layer]]\nkind = \"flatten\"\n";
    let network = network(layers, Signal::floats([3, 2]), 6);
    let x = Array::new(
        [2, 3, 2],
        (0..12).map(f64::from).map(|x| x / 4.0).collect::<Vec<_>>(),
    );
    let (weight, bias) = ([1.0, -1.0, 0.5, 0.25], [0.125, -0.5]);
    let y = outputs(
        &network,
        &x,
        &[("dense1.weight", &weight), ("dense1.bias", &bias)],
    );
    assert_eq!(y.shape.dims(), [2, 6], "a row of 3 steps for each sample");
    for (step, pair) in y.data.chunks(2).enumerate() {
        let x = &x.data[2 * step..][..2];
        let z = [0, 1].map(|out| {
            let sum = f64::from(weight[2 * out]) * x[0] + f64::from(weight[2 * out + 1]) * x[1];
            f64::max(sum + f64::from(bias[out]), 0.0)
        });
        let sum = z[0].exp() + z[1].exp();
        for out in 0..2 {
            let expected = z[out].exp() / sum;
            assert!(
                (pair[out] - expected).abs() < 1e-12,
                "step {step}: {} is not {expected}",
                pair[out]
            );
        }
    }
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
        serde_json::from_str(include_str!("golden/layers.json")).expect("a recording");
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
