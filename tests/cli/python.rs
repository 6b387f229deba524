//! The files of a run in the programs that others use for them: TensorBoard, numpy, safetensors, Python's own JSON.
//!
//! Skipped, aloud, where there is no Python or a package is missing. `ANYGRAD_PYTHON` names another interpreter than `python3`.

use super::runs::trained;
use super::*;

/// What a script prints for a run folder, if Python has the package it needs.
fn python(package: &str, script: &str, run: &Path) -> Option<String> {
    let interpreter = std::env::var("ANYGRAD_PYTHON").unwrap_or("python3".to_owned());
    let has = Command::new(&interpreter)
        .args(["-c", &format!("import {package}")])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        common::say(&format!("SKIPPED, {interpreter} has no package {package}"));
        return None;
    }
    let output = Command::new(&interpreter)
        .args(["-c", script])
        .arg(run)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A column of the metrics.
fn column(run: &Path, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(','));
    let place = lines.next().unwrap().position(|column| column == name);
    lines
        .map(|mut cells| cells.nth(place.unwrap()).unwrap().parse().unwrap())
        .collect()
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

#[test]
fn tensorboard_reads_the_scalars_of_every_epoch() {
    let Some((folder, _)) = trained() else { return };
    let run = folder.path().join("runs/digits");
    let script = "import sys\n\
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n\
        events = EventAccumulator(sys.argv[1]); events.Reload()\n\
        for scalar in events.Scalars('loss/train'): print(scalar.step, scalar.value)\n\
        for scalar in events.Scalars('accuracy/validation'): print(scalar.step, scalar.value)\n";
    let Some(said) = python("tensorboard", script, &run) else {
        return;
    };
    let steps = column(&run, "step");
    let values = [
        column(&run, "train_loss"),
        column(&run, "validation_accuracy"),
    ]
    .concat();
    let wanted = steps.iter().cycle().zip(&values);
    let wanted: Vec<f64> = wanted.flat_map(|(step, value)| [*step, *value]).collect();
    let found = numbers(&said);
    assert_eq!(found.len(), wanted.len(), "{said}");
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!(
            (found - wanted).abs() <= 1e-6 * wanted.abs(),
            "{found} and {wanted}"
        );
    }
}

#[test]
fn numpy_reads_the_metrics() {
    let Some((folder, _)) = trained() else { return };
    let run = folder.path().join("runs/digits");
    let script = "import sys, numpy\n\
        rows = numpy.genfromtxt(sys.argv[1] + '/metrics.csv', delimiter=',', names=True)\n\
        print(*rows['train_loss'])\n";
    if let Some(said) = python("numpy", script, &run) {
        assert_eq!(numbers(&said), column(&run, "train_loss"));
    }
}

#[test]
fn the_package_safetensors_reads_the_weights() {
    let Some((folder, _)) = trained() else { return };
    let run = folder.path().join("runs/digits");
    let script = "import sys\nfrom safetensors.numpy import load_file\n\
        weights = load_file(sys.argv[1] + '/weights.safetensors')\n\
        print(sum(w.size for w in weights.values()), *weights['conv1.weight'].shape)\n";
    if let Some(said) = python("safetensors.numpy", script, &run) {
        assert_eq!(numbers(&said), [13_706.0, 16.0, 1.0, 3.0, 3.0]);
    }
}

#[test]
fn pythons_json_reads_the_lines() {
    let Some((folder, _)) = trained() else { return };
    let run = folder.path().join("runs/digits");
    let script = "import sys, json\n\
        print(*(json.loads(line)['train_loss'] for line in open(sys.argv[1] + '/metrics.jsonl')))\n";
    if let Some(said) = python("json", script, &run) {
        assert_eq!(numbers(&said), column(&run, "train_loss"));
    }
}
