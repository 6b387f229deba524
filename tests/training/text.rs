//! Language models: every token of a window is a row with a target of its own.

use anygrad::data::Windows;
use anygrad::data::text::Piece;
use anygrad::nn::Signal;

use super::*;

const LAYERS: &str = r#"
[[layer]]
kind = "embedding"
num_embeddings = 5
embedding_dim = 6
[[layer]]
kind = "attention"
heads = 2
causal = true
rotary = false
[[layer]]
kind = "dense"
out_features = 5
"#;

fn language(train: &str) -> Config {
    let text = format!(
        "seed = 7\n[data]\nsource = \"text\"\npath = \"p\"\n[train]\nbatch = 5\nsteps = 12\n{train}\n[optimizer]\n\
         kind = \"sgd\"\nlearning_rate = 0.3\n{LAYERS}"
    );
    config::parse("language.toml", &text, &[]).unwrap()
}

/// 101 random tokens of 5: 23 overlapping windows of 7 to train on, 3 to validate and 2 to test.
fn random_text() -> Dataset {
    let mut sequence = Sequence::new(5, Stream::Test, 0);
    let tokens = (0..101).map(|_| u8::try_from(sequence.below(5)).unwrap());
    let tokens = Tokens::Bytes(tokens.collect());
    let piece = |windows, first, stride| Piece {
        windows,
        first,
        stride,
    };
    let pieces = [
        piece(0..23, 1, 2),
        piece(23..26, 53, 7),
        piece(26..28, 86, 7),
    ];
    Dataset {
        name: "noise".to_owned(),
        sample_shape: [1, 1, 7],
        samples: Samples::Text(Text {
            tokens,
            windows: Windows {
                tokens: 101,
                context: 7,
                pieces,
            },
        }),
        targets: Targets::Next {
            count: 28,
            names: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
        },
        weights: None,
        encoding: None,
        parts: Parts {
            train: 0..23,
            validation: 23..26,
            test: 26..28,
        },
    }
}

#[test]
fn twelve_steps_of_a_language_model_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_text();
    // In parts of two windows it is the same training.
    for train in ["", "micro_batch = 2"] {
        let config = language(train);
        let network = Network::new(&config, Signal::tokens(7), 5).unwrap();
        is_near_on(&dataset, &network, &config, 1e-5, 1e-4);
    }
}

/// What the network says of the validation tokens, by the references: the mean loss in nats, and the share of hits.
fn scores_of_validation(config: &Config, dataset: &Dataset) -> [f64; 2] {
    let network = Network::new(config, Signal::tokens(7), 5).unwrap();
    let Samples::Text(Text {
        tokens: Tokens::Bytes(tokens),
        ..
    }) = &dataset.samples
    else {
        panic!("a text of bytes")
    };
    let mut graph = Graph::new();
    let parameters = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
    let x = graph.input("x", TensorType::u32([3, 7]));
    let inputs = Inputs {
        x,
        parameters,
        statistics: None,
        training: None,
    };
    let logits = network.forward(&mut graph, inputs);
    let mut interpreter = Interpreter::new(&graph);
    let slab = network.initial(config.seed);
    let slab = slab.into_iter().map(f64::from).collect();
    interpreter.set(parameters, &Array::new([network.slab_elements], slab));
    let windows = tokens[53..53 + 21].iter().map(|&token| f64::from(token));
    interpreter.set(x, &Array::new([3, 7], windows.collect()));
    interpreter.step();
    let rows = interpreter.get(logits).data;
    let mut scores = [0.0; 2];
    for (row, &next) in rows.chunks(5).zip(&tokens[54..]) {
        let own = row[usize::from(next)];
        let all: f64 = row.iter().map(|logit| logit.exp()).sum();
        scores[0] -= (own.exp() / all).ln() / 21.0;
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        scores[1] += f64::from(u8::from(own == largest)) / 21.0;
    }
    scores
}

#[test]
fn the_loss_of_a_language_model_is_the_mean_over_the_tokens_in_nats() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    // The weights stay what they are.
    let still = language("").to_toml() + "[[param]]\nmatch = \"*\"\nlr_scale = 1e-30\n";
    let config = config::parse("still.toml", &still, &[]).unwrap();
    let dataset = random_text();
    let mut measured = Vec::new();
    let request = request(config.clone(), Trust::Trusted);
    let outcome = train_on(&request, &dataset, &mut |event| {
        if let Event::Epoch(epoch) = event {
            measured.extend(epoch.validation);
        }
        Ok(())
    });
    let [loss, hits] = scores_of_validation(&config, &dataset);
    let found = measured[0];
    assert!((found.loss - loss).abs() < 1e-5, "{found:?}, truth {loss}");
    let share = found.metric.value();
    assert!((share - hits).abs() < 1e-6, "{found:?}, truth {hits}");
    let evaluation = outcome.unwrap().evaluation.expect("there is a test part");
    let anygrad::train::Measured::Text(text) = evaluation.measured else {
        panic!("a text is measured as one")
    };
    assert_eq!(text.characters, 14);
    let bits = evaluation.scores.loss / 2f64.ln();
    assert!((text.bits_per_character - bits).abs() < 1e-12, "{text:?}");
    assert!((text.perplexity - 2f64.powf(bits)).abs() < 1e-9, "{text:?}");
}
