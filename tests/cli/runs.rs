//! Whole trainings from the command line, and what becomes of them: run folders, evaluation, prediction.

use std::sync::OnceLock;

use image::{ColorType, ImageBuffer, Luma};
use serde_json::Value;

use super::*;
use anygrad::data::digits;

/// A short training on the digits that some tests look at and none changes; `None` where there is no adapter.
pub(super) fn trained() -> Option<&'static (TempDir, Said)> {
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

pub(super) fn objects(text: &str) -> Vec<Value> {
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
    assert_eq!(keys(value).len(), 2, "{value}");
    assert_has(value, &["loss", "accuracy"]);
    let accuracy = value["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy), "{value}");
    assert!(value["loss"].as_f64().unwrap() > 0.0, "{value}");
}

pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

/// The first digits of the original file, as grey images.
pub(super) fn write_digits(folder: &Path, count: usize) -> Vec<(String, String)> {
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
    assert_eq!(
        kinds,
        ["start", "epoch", "epoch", "epoch", "checkpoint", "end"]
    );
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
    let end = &events[5];
    assert_eq!(end["run"], "runs/digits");
    assert_scores(&end["test"]);
    assert!(end["seconds"].as_f64().unwrap() > 0.0, "{end}");
    assert!(end["test"]["accuracy"].as_f64().unwrap() > 0.7, "{end}");
}

#[test]
fn a_run_folder_holds_files_that_agree_with_what_was_told() {
    let Some((folder, said)) = trained() else {
        return;
    };
    let run = folder.path().join("runs/digits");
    assert_eq!(
        names_in(&run),
        [
            "README.md",
            "checkpoints",
            "config.toml",
            "confusion.svg",
            "environment.json",
            "events.out.tfevents.0.anygrad",
            "kernels.json",
            "loss.svg",
            "metrics.csv",
            "metrics.jsonl",
            "model.json",
            "report.html",
            "samples.png",
            "summary.json",
            "weights.safetensors"
        ]
    );
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let events = objects(&said.stdout);
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert_eq!(summary["test"], events[5]["test"]);
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
        // The last bit is the JSON reader's.
        let told = event["train"]["loss"].as_f64().unwrap();
        assert!((loss - told).abs() <= 1e-15 * told, "{loss} and {told}");
    }
    let lines = objects(&read("metrics.jsonl"));
    for (line, event) in lines.iter().zip(&events[1..4]) {
        assert_eq!(line["epoch"], event["epoch"]);
        assert_eq!(line["train_loss"], event["train"]["loss"]);
    }
    let environment: Value = serde_json::from_str(&read("environment.json")).unwrap();
    assert_eq!(environment["adapter"], events[0]["adapter"]);
    assert_eq!(environment["command"][1], "train");
    let sheet = image::open(run.join("samples.png")).unwrap();
    assert!(sheet.width() > 100, "{}", sheet.width());
    let page = read("report.html");
    assert!(page.contains("Where it is most wrong"), "{page}");
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
            "top_k",
            "log_loss",
            "roc_auc",
            "pr_auc",
            "ece",
            "weighted",
            "reliability",
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
fn a_script_sets_bounds_and_gets_1_where_they_are_not_held() {
    let Some((folder, _)) = trained() else { return };
    let eval = |bounds: &[&str]| {
        let args = [&["eval", "runs/digits", "-q"], bounds].concat();
        anygrad(folder.path(), &args)
    };
    let held = eval(&["--min", "accuracy=0.5", "--max", "ece=0.9"]);
    assert_eq!((held.code, held.stderr.as_str()), (0, ""));
    let missed = eval(&["--min", "accuracy=1.5", "--min", "classes.3.f1=0.1"]);
    assert_eq!((missed.code, missed.stdout.as_str()), (1, ""));
    assert!(missed.stderr.contains("below 1.5"), "{}", missed.stderr);
    assert!(!missed.stderr.contains("classes.3"), "{}", missed.stderr);
    let unknown = eval(&["--min", "acuracy=0.9"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("accuracy"), "{}", unknown.stderr);
}

#[test]
fn the_probabilities_of_every_sample_say_what_the_scores_say() {
    let Some((folder, _)) = trained() else { return };
    let elsewhere = empty();
    let run = folder.path().join("runs/digits");
    let args = [
        "eval",
        run.to_str().unwrap(),
        "--json",
        "--predictions",
        "p.csv",
    ];
    let said = anygrad(elsewhere.path(), &args);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let object = objects(&said.stdout).pop().unwrap();
    let text = fs::read_to_string(elsewhere.path().join("p.csv")).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    assert!(
        header.starts_with("sample,true,predicted,p(0),p(1),"),
        "{header}"
    );
    let (mut right, mut rows) = (0, 0);
    for (i, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells.len(), cells[0]), (13, i.to_string().as_str()));
        let sum: f64 = cells[3..].iter().map(|p| p.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        right += usize::from(cells[1] == cells[2]);
        rows += 1;
    }
    assert_eq!(rows, 360);
    let accuracy = object["accuracy"].as_f64().unwrap();
    assert!(
        (right as f64 / 360.0 - accuracy).abs() < 1e-12,
        "{accuracy}"
    );
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
fn measured_kernels_are_kept_and_the_choice_of_a_run_gives_its_bits_again() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let train = |tune: &str, name: &str| {
        let args = [
            "train",
            "--set",
            "train.steps=3",
            "--tune",
            tune,
            "--name",
            name,
        ];
        let said = anygrad(folder.path(), &args);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let run = folder.path().join("runs").join(name);
        let summary = fs::read_to_string(run.join("summary.json")).unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        let weights = fs::read(run.join("weights.safetensors")).unwrap();
        (summary["kernels"].clone(), weights, said.stderr)
    };
    let (guessed, ..) = train("off", "guessed");
    let (missing, ..) = train("cached", "missing");
    assert_eq!(guessed, missing, "without a cache nothing is known");
    assert!(!folder.path().join("cache").exists(), "and nothing is kept");

    let (full, weights, _) = train("full", "full");
    assert!(full["measured"].as_u64().unwrap() > 0, "{full}");
    let (cached, again, _) = train("cached", "cached");
    assert_eq!(cached["choices"], full["choices"]);
    assert_eq!(cached["measured"], 0);
    assert!(weights == again, "the same kernels give the same bits");

    let cache = fs::read_dir(folder.path().join("cache")).unwrap();
    let cache: Vec<_> = cache.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(cache.len(), 1, "{cache:?}");
    fs::write(&cache[0], "no cache").unwrap();
    let (damaged, _, stderr) = train("cached", "damaged");
    assert_eq!(damaged, guessed);
    assert!(stderr.contains("left out"), "{stderr}");
    let (recorded, again, _) = train("runs/full", "recorded");
    assert_eq!(recorded["choices"], full["choices"]);
    assert!(weights == again, "the choices of a run give its bits");

    let args = ["train", "mnist-mlp", "--tune", "runs/nowhere"];
    assert_eq!(anygrad(folder.path(), &args).code, 3);
}

#[test]
fn runs_are_compared_for_people_for_machines_and_as_pages() {
    let Some((folder, _)) = trained() else { return };
    let elsewhere = empty();
    let run = folder.path().join("runs/digits");
    let run = run.to_str().unwrap();
    let said = anygrad(
        elsewhere.path(),
        &["compare", run, run, "--out", "both.html"],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("\ntest accuracy  "), "{}", said.stdout);
    let page = fs::read_to_string(elsewhere.path().join("both.html")).unwrap();
    assert_eq!(page.matches("<svg ").count(), 4, "{page}");
    let said = anygrad(
        elsewhere.path(),
        &["compare", run, "--json", "--out", "one.svg"],
    );
    let object = objects(&said.stdout).pop().unwrap();
    assert_scores(&object["runs"][0]["test"]);
    let picture = fs::read_to_string(elsewhere.path().join("one.svg")).unwrap();
    assert!(picture.starts_with("<svg xmlns="), "{picture}");
    let said = anygrad(elsewhere.path(), &["compare", run, "--out", "one.png"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
}

#[test]
fn a_run_is_inspected_by_its_configuration() {
    let Some((folder, _)) = trained() else { return };
    let said = anygrad(folder.path(), &["inspect", "runs/digits", "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(objects(&said.stdout)[0]["parameters"], 13_706);
}

#[test]
fn a_configuration_to_begin_with_is_written_once_and_trains() {
    let folder = empty();
    for name in ["digits", "images", "csv", "idx"] {
        let said = anygrad(folder.path(), &["init", name]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let file = format!("{name}.toml");
        assert!(
            said.stderr.contains(&format!("anygrad train {file}")),
            "{}",
            said.stderr
        );
        let again = anygrad(folder.path(), &["init", name]);
        assert_eq!(again.code, 2, "{}", again.stderr);
        assert!(again.stderr.contains("--out"), "{}", again.stderr);
    }
    let unknown = anygrad(folder.path(), &["init", "nothing"]);
    assert!(
        unknown.code == 2 && unknown.stderr.contains("images"),
        "{}",
        unknown.stderr
    );
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let table: String = (0..60)
        .map(|i| format!("{},{},{}\n", i % 3, i * 7 % 11, ["a", "b", "c"][i % 3]))
        .collect();
    fs::write(folder.path().join("t.csv"), format!("x,y,class\n{table}")).unwrap();
    for (class, shade) in [("dark", 40), ("light", 200)] {
        let pictures = folder.path().join("pictures").join(class);
        fs::create_dir_all(&pictures).unwrap();
        for i in 0..6 {
            let pixels = vec![shade + i; 64];
            let path = pictures.join(format!("{i}.png"));
            image::save_buffer(path, &pixels, 8, 8, ColorType::L8).unwrap();
        }
    }
    for (config, data) in [
        ("digits.toml", None),
        ("csv.toml", Some("t.csv")),
        ("images.toml", Some("pictures")),
    ] {
        let mut args = vec!["train", config, "-q", "--set", "train.epochs=1"];
        args.extend(data.into_iter().flat_map(|data| ["--data", data]));
        let said = anygrad(folder.path(), &args);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{config}");
    }
}
