//! Attention and embeddings against PyTorch's (`tests/golden/sequences.csv`): outputs and every gradient, by the references.

use std::collections::BTreeMap;
use std::path::Path;

use anygrad::check::Interpreter;
use anygrad::config;
use anygrad::graph::{Array, Graph, Storage, TensorType, Value, autograd};
use anygrad::nn::{Inputs, Network, Signal};
use anygrad::ops;

const SAMPLES: usize = 2;
const TOKENS: usize = 7;
const CHANNELS: usize = 12;

/// What PyTorch has recorded of one case, by the names of the tensors.
fn recorded(case: &str) -> BTreeMap<String, Vec<f64>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sequences.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut words = line.strip_prefix(case)?.strip_prefix(',')?.split(',');
        let name = words.next()?.to_owned();
        Some((name, words.map(|word| word.parse().unwrap()).collect()))
    });
    rows.collect()
}

fn assert_close(what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        assert!(
            error <= 1e-9 * largest,
            "{what}[{i}]: {got} is not {expected}"
        );
    }
}

/// Runs these layers on the recorded samples with the recorded parameters, and compares the output and all gradients. `names` are
/// ours and PyTorch's for each parameter.
fn agrees(case: &str, layers: &str, sample: &Signal, names: &[[&str; 2]]) {
    let recorded = recorded(case);
    let text = format!(
        "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{layers}[[layer]]\nkind = \"flatten\"\n"
    );
    let config = config::parse("sequences.toml", &text, &[]).unwrap();
    let network = Network::new(&config, sample.clone(), TOKENS * CHANNELS).unwrap();
    let mut graph = Graph::new();
    let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
    let x = graph.input("x", sample.batch(SAMPLES));
    let inputs = Inputs {
        x,
        parameters: slab,
        statistics: None,
        training: None,
    };
    let y = network.forward(&mut graph, inputs);
    let dy = graph.input("dy", graph.tensor(y).clone());
    let slice_of = |graph: &Graph, wanted: usize| {
        let mut values = graph.values();
        let is = |value: &Value| {
            graph.info(*value).storage
                == Storage::Slice {
                    of: slab,
                    offset: wanted,
                }
        };
        values.find(is).unwrap()
    };
    let mut wrt: Vec<Value> = network
        .parameters
        .iter()
        .map(|parameter| slice_of(&graph, parameter.offset))
        .collect();
    let parameters = wrt.clone();
    wrt.extend(recorded.contains_key("dx").then_some(x));
    let gradients = autograd::backward(&mut graph, &[(y, dy)], &wrt, &ops::sum());

    let mut interpreter = Interpreter::new(&graph);
    let set = |interpreter: &mut Interpreter<'_>, value: Value, numbers: &[f64]| {
        let shape = graph.shape(value).clone();
        interpreter.set(value, &Array::new(shape, numbers.to_vec()));
    };
    set(&mut interpreter, x, &recorded["x"]);
    set(&mut interpreter, dy, &recorded["dy"]);
    let ours: Vec<&str> = network.parameters.iter().map(|p| p.name.as_str()).collect();
    let listed: Vec<&str> = names.iter().map(|[ours, _]| *ours).collect();
    assert_eq!(ours, listed, "the parameters");
    for (&value, [_, theirs]) in parameters.iter().zip(names) {
        set(&mut interpreter, value, &recorded[*theirs]);
    }
    interpreter.step();
    assert_close("y", &interpreter.get(y).data, &recorded["y"]);
    let theirs = names.iter().map(|[_, theirs]| format!("d{theirs}"));
    for (name, gradient) in theirs.chain(["dx".to_owned()]).zip(&gradients) {
        let gradient = interpreter.get(gradient.unwrap()).data;
        assert_close(&name, &gradient, &recorded[&name]);
    }
}

const PROJECTIONS: [[&str; 2]; 4] = [
    ["attention1.in_proj_weight", "in_proj_weight"],
    ["attention1.in_proj_bias", "in_proj_bias"],
    ["attention1.out_proj.weight", "out_proj.weight"],
    ["attention1.out_proj.bias", "out_proj.bias"],
];

fn attention(keys: &str) -> String {
    format!("[[layer]]\nkind = \"attention\"\nheads = 3\n{keys}\n")
}

#[test]
fn attention_is_that_of_pytorch_with_all_its_gradients() {
    let sample = Signal::floats([TOKENS, CHANNELS]);
    agrees("full", &attention(""), &sample, &PROJECTIONS);
    let without_bias = [PROJECTIONS[0], PROJECTIONS[2]];
    let keys = "causal = true\nbias = false";
    agrees("causal", &attention(keys), &sample, &without_bias);
    let keys = "causal = true\nrotary = true";
    agrees("rotary", &attention(keys), &sample, &PROJECTIONS);
}

#[test]
fn embeddings_of_tokens_and_places_are_those_of_pytorch_with_all_their_gradients() {
    let layers = "[[layer]]\nkind = \"embedding\"\nname = \"token\"\nnum_embeddings = 5\nembedding_dim = 12\n\
         [[layer]]\nkind = \"position_embedding\"\nname = \"place\"\n";
    let names = [
        ["token.weight", "token.weight"],
        ["place.weight", "place.weight"],
    ];
    agrees("embedding", layers, &Signal::tokens(TOKENS), &names);
}

#[test]
fn layers_for_sequences_refuse_what_is_none_and_heads_that_do_not_fit() {
    let refused = |layers: &str, sample: Signal, outputs: usize| {
        let text = format!(
            "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{layers}[[layer]]\nkind = \"flatten\"\n"
        );
        let config = config::parse("sequences.toml", &text, &[]).unwrap();
        let error = Network::new(&config, sample, outputs).unwrap_err();
        error.to_string()
    };
    let sequence = || Signal::floats([TOKENS, CHANNELS]);
    let heads = |heads, keys: &str| attention(keys).replace("= 3", &format!("= {heads}"));
    for (layers, sample, why) in [
        (
            heads(5, ""),
            sequence(),
            "12 channels do not divide into 5 `heads`",
        ),
        (heads(4, "rotary = true"), sequence(), "a head has 3"),
        (
            heads(3, ""),
            Signal::tokens(7),
            "put a layer with `kind = \"embedding\"` before it",
        ),
        (
            heads(3, ""),
            Signal::floats([4, 4, 3]),
            "its input is an image of 4 × 4 × 3",
        ),
        (
            "[[layer]]\nkind = \"embedding\"\nnum_embeddings = 5\nembedding_dim = 12\n".to_owned(),
            sequence(),
            "it needs the numbers of tokens, but its input is a sequence of 7 × 12",
        ),
        (
            "[[layer]]\nkind = \"position_embedding\"\n".to_owned(),
            Signal::floats([9]),
            "it needs a sequence (length, channels), but its input is a row of 9 features",
        ),
    ] {
        let error = refused(&layers, sample, 84);
        assert!(error.contains(why), "{error}");
    }
}
