//! Runs that cannot be: damaged folders, wrong files, diverged and killed trainings, no adapter.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::runs::{names_in, objects, trained, write_digits};
use super::*;

/// A copy of the run that can be damaged.
pub(super) fn copy_of_the_run() -> Option<(TempDir, PathBuf)> {
    let (original, _) = trained()?;
    let folder = empty();
    let run = folder.path().join("runs/digits");
    fs::create_dir_all(&run).unwrap();
    let original = original.path().join("runs/digits");
    for name in names_in(&original) {
        if original.join(&name).is_file() {
            fs::copy(original.join(&name), run.join(&name)).unwrap();
        }
    }
    Some((folder, run))
}

#[test]
fn files_that_are_no_pictures_exit_with_3_by_name() {
    let Some((folder, _)) = trained() else { return };
    let pictures = empty();
    write_digits(pictures.path(), 1);
    let whole = fs::read(pictures.path().join("digit 0.png")).unwrap();
    for (name, bytes) in [
        ("empty.png", &[][..]),
        ("text.png", b"hello"),
        ("half.png", &whole[..whole.len() / 2]),
        ("old.gif", b"GIF89a\x01\x00\x01\x00"),
    ] {
        fs::write(pictures.path().join(name), bytes).unwrap();
    }
    fs::create_dir(pictures.path().join("folder.png")).unwrap();
    let run = folder.path().join("runs/digits");
    for name in [
        "empty.png",
        "text.png",
        "half.png",
        "old.gif",
        "folder.png",
        "none.png",
    ] {
        let args = ["predict", run.to_str().unwrap(), "digit 0.png", name];
        let said = anygrad(pictures.path(), &args);
        assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{name}");
        assert!(said.stderr.contains(name), "{}", said.stderr);
        assert!(said.stderr.contains("help: "), "{}", said.stderr);
    }
}

#[test]
fn a_damaged_run_exits_with_3_and_names_the_file() {
    let Some((_folder, run)) = copy_of_the_run() else {
        return;
    };
    let folder = run.parent().unwrap();
    let weights = fs::read(run.join("weights.safetensors")).unwrap();
    let mut not_numbers = weights.clone();
    let last = not_numbers.len() - 4;
    not_numbers[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let model = fs::read_to_string(run.join("model.json")).unwrap();
    let other_classes = model.replacen("\"9\"", "\"9\", \"10\"", 1);
    let mut renamed = weights.clone();
    let name = b"conv1.bias";
    let at = weights.windows(name.len()).position(|word| word == name);
    renamed[at.unwrap()..][..name.len()].copy_from_slice(b"conv7.bias");
    for (name, bytes, part) in [
        (
            "weights.safetensors",
            &weights[..weights.len() - 1],
            "safetensors file",
        ),
        ("weights.safetensors", &[][..], "empty"),
        ("weights.safetensors", &not_numbers, "`dense2.weight`"),
        ("weights.safetensors", &renamed, "`conv7.bias`"),
        ("model.json", b"{\"classes\":", "damaged"),
        ("model.json", other_classes.as_bytes(), "11 classes"),
        ("config.toml", b"seed = 1", "[data] is missing"),
    ] {
        let good = fs::read(run.join(name)).unwrap();
        fs::write(run.join(name), bytes).unwrap();
        let said = anygrad(folder, &["eval", "digits"]);
        fs::write(run.join(name), good).unwrap();
        assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{name}: {part}");
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
        assert!(said.stderr.contains("help: "), "{}", said.stderr);
    }
    assert_eq!(anygrad(folder, &["eval", "digits", "-q"]).code, 0);
    fs::remove_file(run.join("summary.json")).unwrap();
    let said = anygrad(folder, &["eval", "digits"]);
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("did not finish"), "{}", said.stderr);
}

#[test]
fn a_training_begins_with_given_weights_and_refuses_what_does_not_fit() {
    let Some((folder, run)) = copy_of_the_run() else {
        return;
    };
    let train = |init: &str, more: &[&str]| {
        let args = [
            "train",
            "--set",
            "train.steps=1",
            "--out",
            "new",
            "--init",
            init,
        ];
        anygrad(folder.path(), &[&args[..], more].concat())
    };
    let said = train("runs/digits/weights.safetensors", &["--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let accuracy = objects(&said.stdout).pop().unwrap()["test"]["accuracy"].clone();
    assert!(
        accuracy.as_f64().unwrap() > 0.7,
        "{accuracy}: it goes on from there"
    );
    fs::remove_dir_all(folder.path().join("new")).unwrap();

    let said = train(
        "runs/digits/weights.safetensors",
        &[
            "--set",
            "layer.dense1.out_features=32",
            "--set",
            "layer.conv1.name=first",
        ],
    );
    assert_eq!(said.code, 3);
    for part in [
        "`first.weight` [16, 1, 3, 3] is missing",
        "`conv1.weight` [16, 1, 3, 3] is not in the network",
        "`dense1.weight` is [64, 128] in the file, [32, 128] in the network",
        "`dense1.bias` is [64] in the file, [32] in the network",
    ] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    fs::write(run.join("model.pt"), b"PK\x03\x04archive/data.pkl").unwrap();
    let said = train("runs/digits/model.pt", &[]);
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("pickle"), "{}", said.stderr);
    assert!(said.stderr.contains("save_file"), "{}", said.stderr);
    let said = train("runs/digits", &[]);
    assert_eq!(said.code, 3);
    assert!(
        said.stderr.contains("digits/weights.safetensors"),
        "{}",
        said.stderr
    );
    assert!(!folder.path().join("new").exists(), "no run, no folder");
}

#[test]
fn a_training_that_diverges_exits_with_1_and_leaves_no_weights() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    for more in ["train.steps=1", "train.steps=9"] {
        let folder = empty();
        let rate = "optimizer.learning_rate=1e30";
        let said = anygrad(folder.path(), &["train", "--set", rate, "--set", more]);
        assert_eq!(said.code, 1, "{}", said.stdout);
        assert!(said.stderr.contains("learning rate"), "{}", said.stderr);
        assert!(said.stderr.contains("did not finish"), "{}", said.stderr);
        let names = names_in(&folder.path().join("runs/digits"));
        let results = ["model.json", "weights.safetensors", "summary.json"];
        assert!(
            !names.iter().any(|name| results.contains(&name.as_str())),
            "{names:?}"
        );
    }
}

#[test]
fn a_place_that_takes_no_run_is_told_before_the_first_step() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    fs::write(folder.path().join("taken"), "mine").unwrap();
    let said = anygrad(folder.path(), &["train", "--out", "taken"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("--out"), "{}", said.stderr);
    let said = anygrad(folder.path(), &["train", "--out", "taken/inside"]);
    assert_eq!((said.code, said.stdout.as_str()), (5, ""));
    assert_eq!(
        fs::read_to_string(folder.path().join("taken")).unwrap(),
        "mine"
    );
}

#[test]
fn a_killed_training_leaves_a_folder_that_says_so() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let mut child = command(
        folder.path(),
        &["train", "-q", "--set", "train.epochs=100000"],
    )
    .spawn()
    .unwrap();
    let metrics = folder.path().join("runs/digits/metrics.csv");
    let begin = Instant::now();
    let has_epoch = || fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() > 1);
    while !has_epoch() && begin.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(has_epoch(), "an epoch was done");
    let names = names_in(&folder.path().join("runs/digits"));
    assert!(names.contains(&"metrics.csv".to_owned()), "{names:?}");
    for finished in [
        "model.json",
        "weights.safetensors",
        "summary.json",
        "report.html",
    ] {
        assert!(!names.contains(&finished.to_owned()), "{names:?}");
    }
    let said = anygrad(folder.path(), &["eval", "runs/digits"]);
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("did not finish"), "{}", said.stderr);
    assert!(
        said.stderr.contains("anygrad train --resume runs/digits"),
        "{}",
        said.stderr
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_machine_without_an_adapter_exits_with_4_and_is_told_what_to_install() {
    let folder = empty();
    for args in [&["train"][..], &["devices"], &["verify"]] {
        let output = command(folder.path(), args)
            .env("VK_ICD_FILENAMES", "/nonexistent")
            .env("VK_DRIVER_FILES", "/nonexistent")
            .output()
            .unwrap();
        let said = said(&output);
        assert_eq!((said.code, said.stdout.as_str()), (4, ""), "{args:?}");
        assert!(
            said.stderr.contains("install a Vulkan driver"),
            "{}",
            said.stderr
        );
    }
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
}

#[test]
fn a_dashboard_without_a_terminal_is_refused_and_nothing_is_begun() {
    let folder = empty();
    let said = anygrad(folder.path(), &["train", "--tui"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (2, ""),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("error: --tui: "), "{}", said.stderr);
    assert!(said.stderr.contains("leave"), "{}", said.stderr);
    assert!(!folder.path().join("runs").exists(), "no run");
}
