//! Whole trainings from the command line, and what becomes of them: run folders, evaluation, prediction, and the ways to fail.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use image::{ColorType, ImageBuffer, Luma};
use serde_json::Value;

use super::*;
use anygrad::data::digits;

/// A short training on the digits that some tests look at and none changes; `None` where there is no adapter.
fn trained() -> Option<&'static (TempDir, Said)> {
    static RUN: OnceLock<Option<(TempDir, Said)>> = OnceLock::new();
    RUN.get_or_init(|| {
        common::gpu(anygrad::gpu::Trust::Trusted)?;
        let folder = empty();
        let said = anygrad(
            folder.path(),
            &["train", "--json", "--set", "train.epochs=3"],
        );
        Some((folder, said))
    })
    .as_ref()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// The names in an object hold all of these.
fn assert_has(value: &Value, wanted: &[&str]) {
    let keys = keys(value);
    for key in wanted {
        assert!(keys.contains(key), "{key} is in {keys:?}");
    }
}

fn assert_scores(value: &Value) {
    assert_eq!(
        keys(value).into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(["accuracy", "loss"]),
        "the keys of scores"
    );
    let accuracy = value["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy), "{value}");
    assert!(value["loss"].as_f64().unwrap() > 0.0, "{value}");
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A copy of the run that can be damaged.
fn copy_of_the_run() -> Option<(TempDir, PathBuf)> {
    let (original, _) = trained()?;
    let folder = empty();
    let run = folder.path().join("runs/digits");
    fs::create_dir_all(&run).unwrap();
    for name in names_in(&original.path().join("runs/digits")) {
        fs::copy(
            original.path().join("runs/digits").join(&name),
            run.join(&name),
        )
        .unwrap();
    }
    Some((folder, run))
}

/// The first digits of the original file, as grey images.
fn write_digits(folder: &Path, count: usize) -> Vec<(String, String)> {
    let (samples, labels) = digits::in_file_order().unwrap();
    let [h, w] = [8, 8];
    samples
        .chunks(64)
        .zip(labels)
        .take(count)
        .enumerate()
        .map(|(i, (pixels, label))| {
            let name = format!("digit {i}.png");
            image::save_buffer(folder.join(&name), pixels, w, h, ColorType::L8).unwrap();
            (name, label.to_string())
        })
        .collect()
}

#[test]
fn a_training_tells_machines_its_start_each_epoch_and_its_end() {
    let Some((_, said)) = trained() else { return };
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let events = objects(&said.stdout);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["start", "epoch", "epoch", "epoch", "end"]);
    assert!(
        said.stdout
            .starts_with(r#"{"event":"start","run":"runs/digits","name":"digits","#),
        "{}",
        said.stdout
    );
    let start = &events[0];
    assert_has(
        start,
        &[
            "adapter",
            "seed",
            "samples",
            "layers",
            "parameters",
            "steps",
        ],
    );
    assert_eq!(start["samples"]["train"], 1293);
    for (i, event) in events[1..4].iter().enumerate() {
        assert_eq!(event["epoch"], i + 1);
        assert_scores(&event["train"]);
        assert_scores(&event["validation"]);
        assert!(
            event["samples_per_second"].as_f64().unwrap() > 0.0,
            "{event}"
        );
    }
    let end = &events[4];
    assert_eq!(end["run"], "runs/digits");
    assert_scores(&end["test"]);
    assert!(end["seconds"].as_f64().unwrap() > 0.0, "{end}");
    assert!(end["test"]["accuracy"].as_f64().unwrap() > 0.7, "{end}");
}

#[test]
fn a_run_folder_holds_five_files_that_agree_with_what_was_told() {
    let Some((folder, said)) = trained() else {
        return;
    };
    let run = folder.path().join("runs/digits");
    assert_eq!(
        names_in(&run),
        [
            "config.toml",
            "metrics.csv",
            "model.json",
            "summary.json",
            "weights.safetensors"
        ]
    );
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let events = objects(&said.stdout);
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert_eq!(summary["test"], events[4]["test"]);
    assert_eq!(summary["validation"], events[3]["validation"]);
    let metrics = read("metrics.csv");
    let rows: Vec<Vec<&str>> = metrics
        .lines()
        .map(|row| row.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 4, "a line of names and one per epoch");
    for (row, event) in rows[1..].iter().zip(&events[1..4]) {
        assert_eq!(row[0], event["epoch"].to_string());
        let loss: f64 = row[2].parse().unwrap();
        assert_eq!(loss, event["train"]["loss"].as_f64().unwrap());
    }
    let model: Value = serde_json::from_str(&read("model.json")).unwrap();
    assert_eq!(model["classes"].as_array().unwrap().len(), 10);
    assert_eq!(names_in(folder.path()), ["runs"], "nothing else was left");
}

#[test]
fn one_seed_gives_the_same_weights_byte_for_byte_and_another_seed_others() {
    let Some((original, _)) = trained() else {
        return;
    };
    let folder = empty();
    let config = original.path().join("runs/digits/config.toml");
    let config = config.to_str().unwrap();
    for args in [
        &["train", config, "-q"][..],
        &["train", config, "-q", "--seed", "2"],
    ] {
        let said = anygrad(folder.path(), args);
        assert_eq!(
            (said.code, said.stdout.as_str(), said.stderr.as_str()),
            (0, "", "")
        );
    }
    let weights = |folder: &Path, run: &str| {
        fs::read(folder.join("runs").join(run).join("weights.safetensors")).unwrap()
    };
    let first = weights(original.path(), "digits");
    assert!(first == weights(folder.path(), "digits"), "one seed");
    assert!(first != weights(folder.path(), "digits-2"), "two seeds");
}

#[test]
fn an_evaluation_tells_machines_scores_classes_and_confusion() {
    let Some((folder, trained)) = trained() else {
        return;
    };
    let said = anygrad(folder.path(), &["eval", "runs/digits", "--json"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert!(
        said.stdout.starts_with(r#"{"samples":360,"loss":"#),
        "{}",
        said.stdout
    );
    let [object] = &objects(&said.stdout)[..] else {
        panic!("one object: {}", said.stdout);
    };
    assert_has(
        object,
        &[
            "samples",
            "loss",
            "accuracy",
            "macro",
            "classes",
            "confusion",
        ],
    );
    assert_has(&object["macro"], &["precision", "recall", "f1"]);
    let end = objects(&trained.stdout).pop().unwrap();
    assert_eq!(object["accuracy"], end["test"]["accuracy"]);
    let [loss, told] = [&object["loss"], &end["test"]["loss"]].map(|x| x.as_f64().unwrap());
    assert!((loss - told).abs() < 1e-6, "{loss} and {told}");
    let classes = object["classes"].as_array().unwrap();
    let confusion: Vec<Vec<u64>> = serde_json::from_value(object["confusion"].clone()).unwrap();
    assert_eq!((classes.len(), confusion.len()), (10, 10));
    for (i, (class, row)) in classes.iter().zip(&confusion).enumerate() {
        assert_has(class, &["name", "precision", "recall", "f1", "support"]);
        assert_eq!(class["name"], i.to_string());
        assert_eq!(class["support"], row.iter().sum::<u64>());
        let recall = row[i] as f64 / row.iter().sum::<u64>() as f64;
        assert!(
            (class["recall"].as_f64().unwrap() - recall).abs() < 1e-12,
            "{class}"
        );
    }
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 360);
}

#[test]
fn an_evaluation_tells_people_a_line_a_table_and_a_matrix() {
    let Some((folder, _)) = trained() else { return };
    let said = anygrad(folder.path(), &["eval", "runs/digits"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    for part in [
        "360 test samples: accuracy ",
        "\nmacro mean ",
        "\ntrue   0   1 ",
    ] {
        assert!(said.stdout.contains(part), "{part} in\n{}", said.stdout);
    }
}

#[test]
fn images_are_named_by_their_class_and_most_of_them_rightly() {
    let Some((folder, _)) = trained() else { return };
    let pictures = empty();
    let digits = write_digits(pictures.path(), 40);
    let run = folder.path().join("runs/digits");
    let mut args = vec!["predict", run.to_str().unwrap(), "--json"];
    args.extend(digits.iter().map(|(name, _)| name.as_str()));
    let said = anygrad(pictures.path(), &args);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let predictions = objects(&said.stdout);
    assert_eq!(predictions.len(), 40);
    let mut right = 0;
    for (prediction, (name, label)) in predictions.iter().zip(&digits) {
        assert_has(prediction, &["input", "class", "probabilities"]);
        assert_eq!(prediction["input"], **name);
        let probabilities = prediction["probabilities"].as_object().unwrap();
        assert_eq!(probabilities.len(), 10);
        let sum: f64 = probabilities.values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let class = prediction["class"].as_str().unwrap();
        let best = probabilities[class].as_f64().unwrap();
        assert!(
            probabilities.values().all(|p| p.as_f64().unwrap() <= best),
            "{prediction}"
        );
        right += usize::from(class == label);
    }
    assert!(right >= 30, "{right} of 40");
    let said = anygrad(
        pictures.path(),
        &["predict", run.to_str().unwrap(), "digit 0.png"],
    );
    assert!(said.stdout.starts_with("digit 0.png  "), "{}", said.stdout);
    assert!(said.stdout.contains(" %  then "), "{}", said.stdout);
}

#[test]
fn the_same_picture_in_another_form_is_the_same_to_the_network() {
    let Some((folder, _)) = trained() else { return };
    let pictures = empty();
    let at = |name: &str| pictures.path().join(name);
    write_digits(pictures.path(), 1);
    let grey = image::open(at("digit 0.png")).unwrap().into_luma8();
    let image = image::DynamicImage::from(grey.clone());
    image.to_rgb8().save(at("rgb.png")).unwrap();
    image.to_rgba8().save(at("rgba.png")).unwrap();
    image.save(at("grey.bmp")).unwrap();
    let wide: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_fn(8, 8, |x, y| {
        Luma([u16::from(grey.get_pixel(x, y).0[0]) * 257])
    });
    wide.save(at("wide.png")).unwrap();
    let run = folder.path().join("runs/digits");
    let args = [
        "predict",
        run.to_str().unwrap(),
        "--json",
        "digit 0.png",
        "rgb.png",
        "rgba.png",
        "grey.bmp",
        "wide.png",
    ];
    let said = anygrad(pictures.path(), &args);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let predictions = objects(&said.stdout);
    for prediction in &predictions[1..] {
        assert_eq!(prediction["probabilities"], predictions[0]["probabilities"]);
    }
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
    let renamed = String::from_utf8_lossy(&weights[..600]).replace("conv1.bias", "conv7.bias");
    let renamed = [renamed.as_bytes(), &weights[600..]].concat();
    assert_eq!(renamed.len(), weights.len(), "the header is text");
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
        assert_eq!(names, ["config.toml", "metrics.csv"]);
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
    assert_eq!(names, ["config.toml", "metrics.csv"]);
    let said = anygrad(folder.path(), &["eval", "runs/digits"]);
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("did not finish"), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("anygrad train runs/digits/config.toml"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_training_goes_on_when_its_reader_leaves_and_names_may_be_anything() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let args = [
        "train",
        "--set",
        "train.steps=2",
        "--out",
        "läufe und 数字",
        "--name",
        "eins zwei",
    ];
    let mut child = command(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let trained = said(&child.wait_with_output().unwrap());
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    let run = "läufe und 数字/eins zwei";
    if cfg!(unix) {
        let next = format!("anygrad eval '{run}'");
        assert!(trained.stderr.contains(&next), "{}", trained.stderr);
    }
    assert_eq!(anygrad(folder.path(), &["eval", run, "-q"]).code, 0);
}

#[test]
fn a_batch_larger_than_the_data_is_a_hint_and_no_error() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let args = [
        "train",
        "--set",
        "train.steps=1",
        "--set",
        "data.validation=0.99",
    ];
    let said = anygrad(folder.path(), &args);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("--set train.batch=14 "),
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
