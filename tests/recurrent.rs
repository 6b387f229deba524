//! Recurrent layers against PyTorch's: outputs and gradients of every weight and of the input, in f64 (`tests/golden/recurrent.csv`).

use anygrad::check::Interpreter;
use anygrad::config;
use anygrad::graph::{Array, Graph, TensorType, Value, autograd};
use anygrad::nn::{Inputs, Network, Signal};
use anygrad::ops;

const GOLDEN: &str = include_str!("golden/recurrent.csv");

/// The numbers that go in, as `record_recurrent.py` makes them.
fn sines(count: usize, begin: f64, scale: f64) -> Vec<f64> {
    (0..count)
        .map(|i| (i as f64 * 0.7 + begin).sin() * scale)
        .collect()
}

/// What is recorded of a tensor: a sum with other sines as weights, and the sum of squares.
fn summary(data: &[f64]) -> [f64; 2] {
    let weights = sines(data.len(), 2.0, 1.0);
    [
        data.iter().zip(weights).map(|(x, w)| x * w).sum(),
        data.iter().map(|x| x * x).sum(),
    ]
}

/// A layer over (N, T, C) with H units, with numbers in it.
struct Layer {
    network: Network,
    graph: Graph,
    x: Value,
    y: Value,
    dy: Value,
    parameters: Vec<Value>,
    gradients: Vec<Value>,
    dx: Value,
}

impl Layer {
    fn new(kind: &str, layers: usize, [n, t, c, h]: [usize; 4]) -> Self {
        let word = match kind {
            "tanh" | "relu" => format!("rnn\"\nnonlinearity = \"{kind}"),
            kind => kind.to_owned(),
        };
        let text = format!(
            "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n[[layer]]\nkind = \"{word}\"\n\
             hidden = {h}\nlayers = {layers}\n[[layer]]\nkind = \"flatten\"\n"
        );
        let config = config::parse("recurrent.toml", &text, &[]).expect("a configuration");
        let network = Network::new(&config, Signal::floats([t, c]), t * h).expect("a network");
        let mut graph = Graph::new();
        let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
        let x = graph.input("x", TensorType::f32([n, t, c]));
        let inputs = Inputs {
            x,
            parameters: slab,
            statistics: None,
            training: None,
        };
        let y = network.forward(&mut graph, inputs);
        let named = |name: &str| {
            let mut values = graph.values();
            values.find(|&v| graph.info(v).label == name)
        };
        let parameters: Vec<Value> = network
            .parameters
            .iter()
            .map(|parameter| named(&parameter.name).expect("every parameter is used"))
            .collect();
        let dy = graph.input("dy", graph.tensor(y).clone());
        let wrt = [parameters.as_slice(), &[x]].concat();
        let found = autograd::backward(&mut graph, &[(y, dy)], &wrt, &ops::sum());
        let mut gradients: Vec<Value> = found
            .into_iter()
            .map(|gradient| gradient.expect("every parameter has a gradient"))
            .collect();
        let dx = gradients.pop().expect("the input is the last");
        Self {
            network,
            graph,
            x,
            y,
            dy,
            parameters,
            gradients,
            dx,
        }
    }

    /// The output, the gradient of the input, and those of the parameters, by their names.
    fn run(&self, h: usize) -> Vec<(String, Array)> {
        let mut interpreter = Interpreter::new(&self.graph);
        let mut set = |value: Value, begin: f64, scale: f64| {
            let shape = self.graph.shape(value).clone();
            let data = sines(shape.elements(), begin, scale);
            interpreter.set(value, &Array::new(shape, data));
        };
        set(self.x, 0.0, 1.0);
        set(self.dy, 0.5, 1.0);
        let slab = self.graph.home(self.parameters[0]).0;
        let mut values = vec![0.0; self.network.slab_elements];
        for (number, parameter) in self.network.parameters.iter().enumerate() {
            let scale = 1.0 / (h as f64).sqrt();
            let place = &mut values[parameter.offset..][..parameter.shape.elements()];
            place.copy_from_slice(&sines(place.len(), number as f64 + 1.0, scale));
        }
        interpreter.set(slab, &Array::new([values.len()], values));
        interpreter.step();
        let mut results = vec![
            ("y".to_owned(), interpreter.get(self.y)),
            ("x".to_owned(), interpreter.get(self.dx)),
        ];
        let parameters = self.network.parameters.iter().zip(&self.gradients);
        results.extend(parameters.map(|(parameter, &gradient)| {
            let name = parameter.name.split_once('.').expect("layer.name").1;
            (name.to_owned(), interpreter.get(gradient))
        }));
        results
    }
}

#[test]
fn recurrent_layers_give_what_pytorch_gives_and_so_do_their_gradients() {
    let mut lines = GOLDEN.lines().skip(1).peekable();
    let mut cases = 0;
    while let Some(line) = lines.peek() {
        let columns: Vec<&str> = line.split(',').collect();
        let numbers: Vec<usize> = columns[1..6].iter().map(|c| c.parse().unwrap()).collect();
        let [layers, n, t, c, h] = numbers[..] else {
            panic!("five numbers: {line}");
        };
        let kind = columns[0].to_owned();
        let layer = Layer::new(&kind, layers, [n, t, c, h]);
        for (name, array) in layer.run(h) {
            let line = lines.next().unwrap();
            let columns: Vec<&str> = line.split(',').collect();
            assert_eq!(columns[6], name, "tensors in the order of PyTorch: {line}");
            let golden: Vec<f64> = columns[7..].iter().map(|c| c.parse().unwrap()).collect();
            let size = golden[1].sqrt().max(1e-3);
            for ((ours, golden), scale) in summary(&array.data)
                .iter()
                .zip(&golden)
                .zip([size * (array.data.len() as f64).sqrt(), size * size])
            {
                assert!(
                    (ours - golden).abs() <= 1e-11 * scale,
                    "{line}: {ours} is not {golden}"
                );
            }
        }
        cases += 1;
    }
    assert_eq!(cases, 12, "every kind, in odd sizes, short and long");
}

/// The network of these layers on samples of this kind, or what is wrong with it.
fn refusal(layers: &str, sample: impl Into<Signal>) -> String {
    let text = format!("[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{layers}");
    let config = config::parse("recurrent.toml", &text, &[]).expect("a configuration");
    let network = Network::new(&config, sample, 10);
    network.expect_err("a refusal").to_string()
}

#[test]
fn a_recurrent_layer_behind_a_row_of_features_says_what_it_needs() {
    let lstm = "[[layer]]\nkind = \"lstm\"\nhidden = 4\n";
    let flat = format!("[[layer]]\nkind = \"flatten\"\n{lstm}");
    let error = refusal(&flat, [8, 8, 1]);
    assert!(
        error.contains("it needs a sequence (steps, features) or an image, which it reads row by row, but its input is a row of 64 features"),
        "{error}"
    );
    let last = "[[layer]]\nkind = \"gru\"\nhidden = 4\nreturn = \"last\"\n";
    let error = refusal(&format!("{last}{lstm}"), [8, 8, 1]);
    assert!(error.contains("a row of 4 features"), "{error}");
    let error = refusal(lstm, Signal::tokens(12));
    assert!(error.contains("kind = \"embedding\""), "{error}");
}

#[test]
fn an_image_is_read_row_by_row_and_the_last_step_is_a_row_of_features() {
    let text = "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n\
        [[layer]]\nkind = \"lstm\"\nhidden = 5\nlayers = 2\n[[layer]]\nkind = \"gru\"\nhidden = 3\nreturn = \"last\"\n\
        [[layer]]\nkind = \"dense\"\nout_features = 10\n";
    let config = config::parse("recurrent.toml", text, &[]).expect("a configuration");
    let network = Network::new(&config, [7, 6, 2], 10).expect("a network");
    let outputs: Vec<_> = network.summary().into_iter().map(|l| l.output).collect();
    assert_eq!(outputs, [vec![7, 5], vec![3], vec![10]]);
    let shapes: Vec<String> = network
        .parameters
        .iter()
        .map(|p| format!("{} {}", p.name, p.shape))
        .collect();
    assert_eq!(shapes[0], "lstm1.weight_ih_l0 (20, 12)");
    assert_eq!(shapes[5], "lstm1.weight_hh_l1 (20, 5)");
    assert_eq!(shapes[8], "gru1.weight_ih_l0 (9, 5)");
    assert_eq!(shapes[11], "gru1.bias_hh_l0 (9)");
    // PyTorch's rule whatever the size of the input: uniform within 1 / √H.
    let slab = network.initial(1);
    for parameter in &network.parameters[..12] {
        let hidden = if parameter.name.starts_with("lstm") {
            5.0
        } else {
            3.0
        };
        let values = &slab[parameter.offset..][..parameter.shape.elements()];
        let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
        let bound = f32::sqrt(1.0 / hidden);
        assert!(
            largest <= bound && largest > 0.7 * bound,
            "{}: {largest} of {bound}",
            parameter.name
        );
    }
}

#[test]
fn the_networks_for_texts_that_come_with_the_source_fit_what_they_are_for() {
    let characters = include_str!("../assets/nets/char-lstm.toml");
    let config = config::parse("char-lstm.toml", characters, &[]).expect("a configuration");
    let network = Network::new(&config, Signal::tokens(64), 65).expect("a network");
    assert_eq!(
        network.output().shape,
        [64, 65],
        "a score for each character"
    );
    let sentences = include_str!("../assets/nets/text-classify.toml");
    let config = config::parse("text-classify.toml", sentences, &[]).expect("a configuration");
    let network = Network::new(&config, Signal::tokens(24), 2).expect("a network");
    assert_eq!(network.output().shape, [2], "a score for each class");
}
