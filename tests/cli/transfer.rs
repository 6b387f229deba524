//! A network that begins with the weights of another one.

use std::fs;

use anygrad::config::SHIPPED;
use anygrad::train::Weights;

use super::failures::copy_of_the_run;
use super::runs::objects;
use super::*;

/// A network that has no weights of the digits' names.
const OTHER: &str = r#"
[data]
source = "digits"
[train]
steps = 1
[optimizer]
kind = "sgd"
[[layer]]
kind = "flatten"
[[layer]]
kind = "dense"
name = "other"
out_features = 10
"#;

#[test]
fn a_network_begins_with_what_fits_of_another_and_trains_the_rest() {
    let Some((folder, _)) = copy_of_the_run() else {
        return;
    };
    let frozen = "[[param]]\nmatch = \"conv*\"\nfreeze = true\n";
    let text = format!("init_from = \"runs/digits\"\n{}\n{frozen}", SHIPPED[0].1);
    fs::write(folder.path().join("digits.toml"), text).unwrap();
    let train = |more: &[&str]| {
        let args = [
            "train",
            "digits.toml",
            "--set",
            "train.steps=1",
            "--out",
            "new",
        ];
        anygrad(folder.path(), &[&args[..], more].concat())
    };
    let head = ["--set", "layer.dense2.name=head"];
    let said = train(&[&head[..], &["--json"]].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    let objects = objects(&said.stdout);
    let start = objects
        .iter()
        .find(|object| object["event"] == "start")
        .unwrap();
    let transfer = &start["transfer"];
    let tensors = transfer["tensors"].as_u64().unwrap();
    assert_eq!(
        transfer["loaded"].as_u64().unwrap() + 2,
        tensors,
        "{transfer}"
    );
    assert_eq!(
        transfer["left"],
        serde_json::json!(["`head.weight` (not there)", "`head.bias` (not there)"])
    );
    let read = |run: &str| Weights::read(&folder.path().join(run).join("weights.safetensors"));
    let (before, after) = (read("runs/digits").unwrap(), read("new/digits").unwrap());
    for tensor in before.tensors() {
        let same = after.tensors().contains(tensor);
        assert_eq!(same, tensor.name.starts_with("conv"), "{}", tensor.name);
    }
    // What the run folder keeps says where it came from, and can be gone on with from anywhere.
    let kept = fs::read_to_string(folder.path().join("new/digits/config.toml")).unwrap();
    assert!(kept.contains("runs/digits\""), "{kept}");
    let said = anygrad(
        folder.path(),
        &["train", "--resume", "new/digits", "--set", "train.steps=2"],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);

    let said = train(&[
        "--init-from",
        "runs/digits",
        "--set",
        "layer.dense1.out_features=8",
    ]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for part in [
        format!(
            "{} of {tensors} tensors loaded; random: `dense1.weight` (",
            tensors - 3
        ),
        "`dense1.bias` ([64] there, [8] here)".to_owned(),
    ] {
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(&part), "{part}\n{all}");
    }
}

#[test]
fn a_network_of_which_nothing_fits_and_two_beginnings_are_refused() {
    let Some((folder, _)) = copy_of_the_run() else {
        return;
    };
    fs::write(folder.path().join("other.toml"), OTHER).unwrap();
    let said = anygrad(
        folder.path(),
        &[
            "train",
            "other.toml",
            "--init-from",
            "runs/digits",
            "--out",
            "new",
        ],
    );
    assert_eq!(said.code, 3, "{}", said.stderr);
    for part in [
        "none of its",
        "the name and the shape of one of the network's",
        "give layers the names of the file",
    ] {
        assert!(said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
    let weights = "runs/digits/weights.safetensors";
    let said = anygrad(
        folder.path(),
        &[
            "train",
            "--init",
            weights,
            "--init-from",
            "runs/digits",
            "--out",
            "new",
        ],
    );
    assert_eq!(said.code, 2, "{}", said.stderr);
}
