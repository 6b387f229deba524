//! What a training tells of its worth: folds, weights of classes, data that was cleaned.

use std::fmt::Write as _;

use serde_json::Value;

use super::runs::objects;
use super::*;
use anygrad::rng::{Sequence, Stream};

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn folds_hold_out_every_sample_once_and_tell_mean_and_deviation() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let args = ["train", "digits", "--folds", "3", "--set", "train.epochs=2"];
    let said = anygrad(folder.path(), &[&args[..], &["--json"]].concat());
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (0, ""),
        "{}",
        said.stdout
    );
    let events = objects(&said.stdout);
    let starts: Vec<&Value> = (events.iter())
        .filter(|event| event["event"] == "start")
        .map(|event| &event["samples"])
        .collect();
    assert_eq!(starts.len(), 3);
    let held_out: f64 = starts
        .iter()
        .map(|samples| number(&samples["validation"]))
        .sum();
    for samples in &starts {
        let here = number(&samples["train"]) + number(&samples["validation"]);
        assert_eq!(here, held_out, "each sample is held out once: {starts:?}");
        assert_eq!(samples["test"], starts[0]["test"]);
    }
    let last = events.last().unwrap();
    assert_eq!(last["event"], "folds");
    let accuracies: Vec<f64> = (last["folds"].as_array().unwrap().iter())
        .map(|fold| number(&fold["validation"]["accuracy"]))
        .collect();
    let mean = accuracies.iter().sum::<f64>() / 3.0;
    let squares: f64 = accuracies.iter().map(|a| (a - mean).powi(2)).sum();
    assert!(
        (number(&last["mean"]["metric"]) - mean).abs() < 1e-6,
        "{last}"
    );
    let deviation = (squares / 2.0).sqrt();
    assert!(
        (number(&last["deviation"]["metric"]) - deviation).abs() < 1e-6,
        "{last}"
    );
    // People see the same, and the folds are runs of their own.
    let run = last["run"].as_str().unwrap();
    let said = anygrad(folder.path(), &["eval", &format!("{run}/fold-2"), "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = anygrad(folder.path(), &args);
    let shown = said
        .stdout
        .lines()
        .find(|line| line.starts_with("mean "))
        .unwrap();
    assert!(shown.contains(&format!("{:.2} %", 100.0 * mean)), "{shown}");
    let shown = said
        .stdout
        .lines()
        .find(|line| line.starts_with("deviation "))
        .unwrap();
    assert!(
        shown.contains(&format!("{:.2} %", 100.0 * deviation)),
        "{shown}"
    );
}

#[test]
fn balanced_classes_raise_the_recall_of_a_rare_one() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    // Two classes that overlap, one of them a twentieth of the rows.
    let folder = empty();
    let mut sequence = Sequence::new(1, Stream::Test, 61);
    let mut text = "a,b,y\n".to_owned();
    for i in 0..1200 {
        let rare = i % 20 == 0;
        let centre = if rare { 1.0 } else { -0.6 };
        let (a, b) = (centre + sequence.normal(), sequence.normal());
        writeln!(text, "{a},{b},{}", if rare { "rare" } else { "common" }).unwrap();
    }
    fs::write(folder.path().join("a.csv"), text).unwrap();
    let recall = |name: &str, weights: &str| {
        let config = format!(
            "seed = 3\n[data]\npath = \"a.csv\"\n{weights}\n[train]\nepochs = 25\n[optimizer]\nkind = \"adam\"\nlearning_rate = 0.02\n\
             [[layer]]\nkind = \"dense\"\nout_features = 2\n"
        );
        fs::write(folder.path().join(format!("{name}.toml")), config).unwrap();
        let said = anygrad(folder.path(), &["train", &format!("{name}.toml"), "--json"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let said = anygrad(folder.path(), &["eval", &format!("runs/{name}"), "--json"]);
        let eval: Value = serde_json::from_str(&said.stdout).unwrap();
        let classes = eval["classes"].as_array().unwrap();
        let rare = classes.iter().find(|class| class["name"] == "rare");
        number(&rare.unwrap_or_else(|| panic!("{eval}"))["recall"])
    };
    let [plain, balanced] = [
        recall("plain", ""),
        recall("balanced", "class_weights = \"balanced\""),
    ];
    assert!(plain < 0.45, "a rare class is lost: {plain}");
    assert!(balanced > plain + 0.3, "{balanced} after {plain}");
}

/// An NPY file of 64-bit floats.
fn npy(shape: &str, values: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn cleaned_arrays_train_and_nothing_more_is_found_in_them() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let mut sequence = Sequence::new(1, Stream::Test, 62);
    let arrays = folder.path().join("arrays");
    fs::create_dir(&arrays).unwrap();
    for (part, rows) in [("train", 90), ("test", 30)] {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let class = row % 3;
            let value = sequence.uniform_in(0.0, 0.5) + f64::from(class);
            x.extend([value, 1.0 - value]);
            y.push(f64::from(class));
        }
        // The first row again, and the second under another label.
        x.extend_from_within(..4);
        y.extend([0.0, 2.0]);
        let x = npy(&format!("({}, 2)", rows + 2), &x);
        fs::write(arrays.join(format!("x_{part}.npy")), x).unwrap();
        let y = npy(&format!("({},)", rows + 2), &y);
        fs::write(arrays.join(format!("y_{part}.npy")), y).unwrap();
    }
    let said = anygrad(folder.path(), &["data", "check", "arrays"]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(
        said.stderr.contains("anygrad data clean arrays"),
        "{}",
        said.stderr
    );
    let said = anygrad(
        folder.path(),
        &["data", "clean", "arrays", "--out", "clean"],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("118 samples"), "{}", said.stdout);
    let said = anygrad(folder.path(), &["data", "check", "clean"]);
    assert_eq!(said.code, 0, "{}\n{}", said.stdout, said.stderr);
    let config = "[data]\nsource = \"npy\"\npath = \"clean\"\n[train]\nepochs = 30\n[optimizer]\nkind = \"adam\"\nlearning_rate = 0.05\n\
                  [[layer]]\nkind = \"dense\"\nout_features = 3\n";
    fs::write(folder.path().join("net.toml"), config).unwrap();
    let said = anygrad(folder.path(), &["train", "net.toml", "--json"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (0, ""),
        "{}",
        said.stdout
    );
    let events = objects(&said.stdout);
    assert_eq!(
        events[0]["samples"]["test"], 29,
        "30 and 2, without 3 of them"
    );
}
