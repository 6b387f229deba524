//! Texts from the command line: language models that write, and columns of texts that are classified.

use std::fmt::Write as _;

use serde_json::Value;

use anygrad::rng::{Sequence, Stream};

use super::runs::objects;
use super::*;

/// What comes next depends on more than the last character: `ab` is followed by `c` and by `d` in turn.
const POEM: &str = "abcabd";

const CONFIG: &str = r#"
[data]
source = "text"
path = "poem.txt"
context = 12
stride = 1
validation = 0.1
test = 0.1
[train]
batch = 32
steps = 200
[optimizer]
kind = "adam"
learning_rate = 0.01
[[layer]]
kind = "embedding"
num_embeddings = 4
embedding_dim = 16
[[layer]]
kind = "position_embedding"
[[layer]]
kind = "attention"
heads = 2
causal = true
[[layer]]
kind = "dense"
out_features = 32
activation = "relu"
[[layer]]
kind = "dense"
out_features = 4
"#;

fn prepared() -> TempDir {
    let folder = empty();
    fs::write(folder.path().join("poem.txt"), POEM.repeat(400)).unwrap();
    fs::write(folder.path().join("poem.toml"), CONFIG).unwrap();
    folder
}

/// What is written behind a prompt, with more arguments.
fn generate(folder: &Path, prompt: &str, more: &[&str]) -> Said {
    let args = [&["generate", "runs/poem", "--prompt", prompt][..], more].concat();
    anygrad(folder, &args)
}

#[test]
fn a_text_is_learned_measured_and_gone_on_with() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = prepared();
    let folder = folder.path();
    let said = anygrad(folder, &["train", "poem.toml", "--json"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (0, ""),
        "{}",
        said.stdout
    );
    let test = &objects(&said.stdout).pop().unwrap()["test"];
    // Nobody can know whether the first `ab` of a window is followed by `c` or by `d`.
    assert!(test["accuracy"].as_f64().unwrap() > 0.9, "{test}");

    let said = anygrad(folder, &["eval", "runs/poem", "--json"]);
    let eval: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(eval["loss"], test["loss"], "{eval}");
    let bits = eval["loss"].as_f64().unwrap() / 2f64.ln();
    assert!((eval["bits_per_character"].as_f64().unwrap() - bits).abs() < 1e-12);
    assert_eq!(eval["characters"].as_u64(), Some(19 * 12));
    let bound = ["eval", "runs/poem", "--max", "perplexity=0.9"];
    assert_eq!(anygrad(folder, &bound).code, 1);
    let said = anygrad(folder, &["eval", "runs/poem", "--predictions", "p.csv"]);
    assert_eq!(said.code, 2, "{}", said.stderr);

    // A prompt that is shorter than the window, and a text that is longer.
    for (prompt, phase) in [("abc", 0), ("dabcabdabcabdab", 5)] {
        let said = generate(folder, prompt, &["--temperature", "0", "--tokens", "40"]);
        let all = POEM.chars().cycle().skip(phase);
        let wanted: String = all.take(prompt.len() + 40).collect();
        assert_eq!(said.stdout, wanted + "\n", "{}", said.stderr);
    }
    let drawn = |seed: &str| {
        let said = generate(
            folder,
            "a",
            &["--temperature", "8", "--seed", seed, "--json"],
        );
        let object: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(object["text"].as_str().unwrap().len(), 300, "{object}");
        object["text"].to_string()
    };
    assert_eq!(drawn("1"), drawn("1"), "a seed is a text");
    assert_ne!(drawn("1"), drawn("2"), "another seed is another one");

    let said = generate(folder, "abx\u{e9}x", &[]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("'x', '\u{e9}'"), "{}", said.stderr);
    assert!(said.stderr.contains("abcd"), "{}", said.stderr);
    let said = anygrad(folder, &["predict", "runs/poem", "poem.txt"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("anygrad generate"), "{}", said.stderr);
    // The text has no line break to begin with.
    let said = anygrad(folder, &["generate", "runs/poem"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("--prompt"), "{}", said.stderr);
}

#[test]
fn a_network_that_looks_ahead_does_not_write() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = prepared();
    let set = ["layer.attention1.causal=false", "train.steps=2"];
    let args = ["train", "poem.toml", "--set", set[0], "--set", set[1]];
    assert_eq!(anygrad(folder.path(), &args).code, 0);
    let said = generate(folder.path(), "ab", &[]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stderr.contains("looks ahead"), "{}", said.stderr);
}

#[test]
fn a_training_on_a_text_goes_on_as_if_it_had_never_stopped() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = prepared();
    let weights = |run: &str| {
        let run = folder.path().join(run);
        fs::read(run.join("weights.safetensors")).unwrap()
    };
    let [few, all] = ["train.steps=20", "train.steps=50"];
    for args in [
        &["train", "poem.toml", "--set", all][..],
        &["train", "poem.toml", "--set", few, "--set", "name=short"],
        &["train", "--resume", "runs/short", "--set", all],
    ] {
        let said = anygrad(folder.path(), args);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    assert!(
        weights("runs/short") == weights("runs/poem"),
        "the same bits"
    );
}

const REVIEWS: &str = r#"
[data]
path = "reviews.csv"
text = "review"
target = "stars"
max_tokens = 6
validation = 0.1
[train]
epochs = 8
[optimizer]
kind = "adam"
learning_rate = 0.01
[[layer]]
kind = "embedding"
num_embeddings = 12
embedding_dim = 8
padding_idx = 0
[[layer]]
kind = "flatten"
[[layer]]
kind = "dense"
out_features = 2
"#;

/// Reviews of two to six words; whoever writes `fine` is content.
fn reviews() -> String {
    let mut sequence = Sequence::new(2, Stream::Test, 61);
    let mut text = "stars,review,id\n".to_owned();
    for i in 0..400 {
        let is_content = i % 2 == 0;
        let mut words: Vec<&str> = (0..1 + sequence.below(5))
            .map(|_| ["a", "the", "book", "It", "was"][sequence.below(5) as usize])
            .collect();
        words.push(if is_content { "Fine" } else { "dull" });
        sequence.shuffle(&mut words);
        let stars = if is_content { "five" } else { "one" };
        writeln!(text, "{stars},\"{}\",{i}", words.join(" ")).unwrap();
    }
    text
}

#[test]
fn a_column_of_texts_is_learned_and_asked_about() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let folder = folder.path();
    fs::write(folder.join("reviews.csv"), reviews()).unwrap();
    fs::write(folder.join("reviews.toml"), REVIEWS).unwrap();
    let said = anygrad(folder, &["train", "reviews.toml", "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let test = &objects(&said.stdout).pop().unwrap()["test"];
    assert!(test["accuracy"].as_f64().unwrap() > 0.95, "{test}");
    let eval = anygrad(folder, &["eval", "runs/reviews", "--json"]);
    let eval: Value = serde_json::from_str(&eval.stdout).unwrap();
    assert_eq!(eval["accuracy"], test["accuracy"]);

    // Words that nobody has read, none at all, and more than fit.
    let new = "review\nFINE!\na very dull sequel\nthe book was fine it was a book\n";
    fs::write(folder.join("new.csv"), new).unwrap();
    let said = anygrad(folder, &["predict", "runs/reviews", "new.csv", "--json"]);
    let classes: Vec<String> = objects(&said.stdout)
        .iter()
        .map(|row| row["class"].to_string())
        .collect();
    assert_eq!(
        classes,
        ["\"five\"", "\"one\"", "\"five\""],
        "{}",
        said.stderr
    );
    fs::write(folder.join("other.csv"), "title\nfine\n").unwrap();
    let said = anygrad(folder, &["predict", "runs/reviews", "other.csv"]);
    assert_eq!(said.code, 3);
    assert!(
        said.stderr.contains("no column \"review\""),
        "{}",
        said.stderr
    );

    // Too few rows of the embedding, and no embedding at all.
    let set = "layer.embedding1.num_embeddings=3";
    let said = anygrad(folder, &["train", "reviews.toml", "--set", set]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr.contains("num_embeddings = 9"),
        "{}",
        said.stderr
    );
    let without = REVIEWS
        .split("[[layer]]\nkind = \"embedding\"")
        .next()
        .unwrap();
    let tail = "[[layer]]\nkind = \"dense\"\nout_features = 2\n";
    fs::write(folder.join("bare.toml"), format!("{without}{tail}")).unwrap();
    let said = anygrad(folder, &["train", "bare.toml"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr.contains("kind = \"embedding\""),
        "{}",
        said.stderr
    );
}
