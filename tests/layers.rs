//! Single layers and small networks, built from configurations and computed by the references.

use anygrad::check::Interpreter;
use anygrad::config;
use anygrad::graph::{Array, Graph, TensorType};
use anygrad::nn::{Inputs, Network, Signal};

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
        statistics: None,
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

/// The first line of what is wrong with a network.
fn refused(train: &str, layers: &str, sample: [usize; 3]) -> String {
    let text = format!(
        "[data]\nsource = \"idx\"\n[train]\n{train}\n[optimizer]\nkind = \"sgd\"\n{layers}[[layer]]\nkind = \"flatten\"\n\
         [[layer]]\nkind = \"dense\"\nout_features = 3\n"
    );
    let config = config::parse("layers.toml", &text, &[]).expect("a configuration");
    let error = Network::new(&config, sample, 3).expect_err("it is refused");
    format!("{error}; {}", error.help())
}

#[test]
fn normalisation_that_does_not_fit_is_refused_with_the_reason() {
    let image = [5, 5, 6];
    let groups = refused("", "[[layer]]\nkind = \"group_norm\"\ngroups = 4\n", image);
    assert!(
        groups.contains("6 channels cannot be divided into 4 groups"),
        "{groups}"
    );
    let parts = refused(
        "batch = 32\nmicro_batch = 8",
        "[[layer]]\nkind = \"batch_norm\"\n",
        image,
    );
    assert!(
        parts.contains("train.micro_batch") && parts.contains("accumulate"),
        "{parts}"
    );
    let row = "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dropout2d\"\n";
    let row = refused("", row, image);
    assert!(row.contains("needs an image"), "{row}");
    let row = "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"global_avg_pool\"\n";
    let row = refused("", row, image);
    assert!(row.contains("needs an image"), "{row}");
}

#[test]
fn weights_and_running_statistics_have_the_names_of_pytorch() {
    let layers = "[[layer]]\nkind = \"conv2d\"\nout_channels = 4\nkernel = 3\nbias = false\n\
         [[layer]]\nkind = \"batch_norm\"\nactivation = \"relu\"\n[[layer]]\nkind = \"dropout2d\"\n\
         [[layer]]\nkind = \"global_avg_pool\"\n[[layer]]\nkind = \"layer_norm\"\nbias = false\n\
         [[layer]]\nkind = \"dense\"\nout_features = 3\n";
    let network = network(layers, [9, 7, 2], 3);
    let parameters: Vec<&str> = network.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        parameters,
        [
            "conv1.weight",
            "bn1.weight",
            "bn1.bias",
            "norm1.weight",
            "dense1.weight",
            "dense1.bias"
        ]
    );
    let statistics: Vec<&str> = network.statistics.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(statistics, ["bn1.running_mean", "bn1.running_var"]);
    assert_eq!(network.parameter_count(), 4 * 18 + 3 * 4 + 3 * 5);
    let slab = network.initial(1);
    let variance = &slab[network.slab_elements + network.statistics[1].offset..][..4];
    assert!(variance.iter().all(|&v| v == 1.0), "{variance:?}");
    let weight = &slab[network.parameters[1].offset..][..4];
    assert!(weight.iter().all(|&w| w == 1.0), "{weight:?}");
}

#[test]
fn dropout_is_there_while_training_alone() {
    let dense = "[[layer]]\nkind = \"dense\"\nout_features = 3\n";
    let dropped = format!("[[layer]]\nkind = \"dropout\"\np = 0.9\n{dense}");
    let x = Array::new([2, 4], (0..8).map(f64::from).collect::<Vec<_>>());
    let weight: Vec<f32> = (0..12u8).map(f32::from).collect();
    let bias = [1.0, 2.0, 3.0];
    let parameters = [("dense1.weight", &weight[..]), ("dense1.bias", &bias[..])];
    let without = outputs(&network(dense, Signal::floats([4]), 3), &x, &parameters);
    let with = outputs(&network(&dropped, Signal::floats([4]), 3), &x, &parameters);
    assert_eq!(with.data, without.data);
}
