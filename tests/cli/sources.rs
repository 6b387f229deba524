//! Trainings on data that people bring: tables, folders of pictures, arrays.

use std::fmt::Write as _;

use image::{ColorType, ImageFormat};
use serde_json::Value;

use super::runs::{names_in, objects};
use super::*;
use anygrad::data::digits;
use anygrad::rng::{Sequence, Stream};

const DENSE: &str = "[optimizer]\nkind = \"adam\"\nlearning_rate = 0.01\n[[layer]]\nkind = \"dense\"\nout_features = 16\n\
    activation = \"relu\"\n[[layer]]\nkind = \"dense\"\n";

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// A table whose target is `3 a - 200 (c is "b") + 1000` with a little noise.
fn prices() -> String {
    let mut sequence = Sequence::new(1, Stream::Test, 60);
    let mut text = "id,a,c,price\n".to_owned();
    for i in 0..400 {
        let a = sequence.uniform_in(-50.0, 50.0);
        let c = ["a", "b"][sequence.below(2) as usize];
        let price = 3.0 * a - if c == "b" { 200.0 } else { 0.0 } + 1000.0 + sequence.normal();
        writeln!(text, "row{i},{a},{c},{price}").unwrap();
    }
    text
}

#[test]
fn a_table_of_numbers_is_learned_evaluated_and_predicted_in_its_own_units() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    write(folder.path(), "prices.csv", &prices());
    let config = format!(
        "[data]\npath = \"prices.csv\"\nignore = [\"id\"]\nvalidation = 0.1\n[train]\nepochs = 60\nloss = \"mse\"\n{DENSE}out_features = 1\n"
    );
    write(folder.path(), "prices.toml", &config);
    let said = anygrad(folder.path(), &["train", "prices.toml", "--json"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (0, ""),
        "{}",
        said.stdout
    );
    let events = objects(&said.stdout);
    assert_eq!(events[0]["regression"], true);
    assert_eq!(events[0]["samples"]["test"], 80);
    let test = &events.last().unwrap()["test"];
    // The spread of the prices is about 130, the noise 1.
    assert!(test["rmse"].as_f64().unwrap() < 6.0, "{test}");
    let metrics = fs::read_to_string(folder.path().join("runs/prices/metrics.csv")).unwrap();
    assert!(
        metrics.starts_with("epoch,step,train_loss,train_rmse,"),
        "{metrics}"
    );

    let said = anygrad(folder.path(), &["eval", "runs/prices", "--json"]);
    let eval: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (eval["samples"].as_u64(), &eval["rmse"]),
        (Some(80), &test["rmse"])
    );
    let number = &eval["numbers"][0];
    assert_eq!(number["name"], "price");
    assert!(number["r2"].as_f64().unwrap() > 0.99, "{eval}");
    let difference = number["rmse"].as_f64().unwrap() - test["rmse"].as_f64().unwrap();
    assert!(difference.abs() < 1e-3, "{eval}");
    assert!(
        number["mae"].as_f64().unwrap() <= number["rmse"].as_f64().unwrap(),
        "{eval}"
    );

    write(folder.path(), "new.csv", "c,a\na,10\nb,-10\n");
    let said = anygrad(
        folder.path(),
        &["predict", "runs/prices", "new.csv", "--json"],
    );
    let rows = objects(&said.stdout);
    for (row, (line, price)) in rows.iter().zip([(2, 1030.0), (3, 770.0)]) {
        assert_eq!(row["line"], line);
        let predicted = row["values"]["price"].as_f64().unwrap();
        assert!((predicted - price).abs() < 15.0, "{row}");
    }
    write(folder.path(), "bad.csv", "c,a\na,10\nz,1\n");
    let said = anygrad(folder.path(), &["predict", "runs/prices", "bad.csv"]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    assert!(
        said.stderr.contains("line 3") && said.stderr.contains("\"z\""),
        "{}",
        said.stderr
    );
}

#[test]
fn a_folder_of_pictures_is_learned_and_keeps_its_classes_and_statistics() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let (samples, labels) = digits::in_file_order().unwrap();
    for (i, (pixels, label)) in samples.chunks(64).zip(labels).take(600).enumerate() {
        let class = folder.path().join(format!("digits/number {label}"));
        fs::create_dir_all(&class).unwrap();
        let path = class.join(format!("{i}.png"));
        image::save_buffer_with_format(path, pixels, 8, 8, ColorType::L8, ImageFormat::Png)
            .unwrap();
    }
    let config = format!(
        "[data]\nsource = \"images\"\npath = \"digits\"\n[train]\nepochs = 12\n{}out_features = 10\n",
        DENSE.replacen("[[layer]]", "[[layer]]\nkind = \"flatten\"\n[[layer]]", 1)
    );
    write(folder.path(), "net.toml", &config);
    let said = anygrad(folder.path(), &["train", "net.toml", "--json"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (0, ""),
        "{}",
        said.stdout
    );
    let events = objects(&said.stdout);
    assert_eq!(events[0]["sample_shape"], serde_json::json!([8, 8, 1]));
    let accuracy = events.last().unwrap()["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.85, "{accuracy}");
    let model = fs::read_to_string(folder.path().join("runs/net/model.json")).unwrap();
    let model: Value = serde_json::from_str(&model).unwrap();
    assert_eq!(model["classes"][3], "number 3");
    let mean = model["mean"][0].as_f64().unwrap();
    assert!((0.2..0.4).contains(&mean), "fitted: {mean}");
    // From another folder, with classes missing, and larger pictures.
    let other = empty();
    for class in ["number 7", "number 2"] {
        let from = folder.path().join("digits").join(class);
        let to = other.path().join(class);
        fs::create_dir_all(&to).unwrap();
        for name in names_in(&from) {
            let large = image::open(from.join(&name)).unwrap();
            let large = large.resize_exact(16, 16, image::imageops::FilterType::Nearest);
            large.save(to.join(name)).unwrap();
        }
    }
    let path = other.path().to_str().unwrap();
    let said = anygrad(
        folder.path(),
        &["eval", "runs/net", "--data", path, "--all", "--json"],
    );
    let eval: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(eval["accuracy"].as_f64().unwrap() > 0.9, "{}", said.stdout);
    assert_eq!(eval["classes"][0]["support"], 0);
    let said = anygrad(
        folder.path(),
        &["predict", "runs/net", &format!("{path}/number 7/7.png")],
    );
    assert!(said.stdout.contains("number 7"), "{}", said.stdout);
}
