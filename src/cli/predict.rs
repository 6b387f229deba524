//! `anygrad predict`: what a trained network says of images.

use std::path::PathBuf;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::Device;
use super::format::{self, Align};
use super::output::Out;
use crate::error::Result;
use crate::report;
use crate::train::{self, Prediction};

/// So many classes beside the most probable one are told.
const RUNNERS_UP: usize = 2;

/// Ask a trained network about images
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Images are PNG, JPEG or BMP; they are brought to the size the network knows
and treated as its training data was.

Examples:
  anygrad predict runs/digits seven.png
  anygrad predict runs/digits --invert scan.jpg   dark ink on white paper
  anygrad predict runs/digits seven.png --json")]
pub(super) struct Options {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The images
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Exchange dark and light first
    #[arg(long)]
    invert: bool,
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let trained = report::load(&options.run)?;
    let device = &options.device;
    out.begin_spinner("predicting");
    let predictions = train::predict(
        &trained,
        &options.files,
        options.invert,
        &device.choice(),
        device.trust(),
    )?;
    out.end_bar();
    let classes = &trained.model.classes;
    for prediction in &predictions {
        out.object(&Object::new(prediction, classes))?;
    }
    out.lines(&lines(&predictions, classes))
}

/// One line per file: path, class, probability, runners-up.
fn lines(predictions: &[Prediction], classes: &[String]) -> Vec<String> {
    let row = |prediction: &Prediction| {
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by(|&a, &b| probability(prediction, b).total_cmp(&probability(prediction, a)));
        let others: Vec<String> = order
            .into_iter()
            .filter(|&class| class != prediction.class)
            .take(RUNNERS_UP)
            .map(|class| {
                let share = format::percent(probability(prediction, class));
                format!("{} {share}", name(classes, class))
            })
            .collect();
        vec![
            format::clean(prediction.input.display()),
            name(classes, prediction.class),
            format::percent(probability(prediction, prediction.class)),
            if others.is_empty() {
                String::new()
            } else {
                format!("then {}", others.join(", "))
            },
        ]
    };
    let rows: Vec<_> = predictions.iter().map(row).collect();
    format::table(
        &[Align::Left, Align::Left, Align::Right, Align::Left],
        &rows,
    )
}

fn probability(prediction: &Prediction, class: usize) -> f64 {
    let probability = prediction.probabilities.get(class);
    probability.copied().map_or(f64::NAN, f64::from)
}

fn name(classes: &[String], class: usize) -> String {
    match classes.get(class) {
        Some(name) => format::clean(name),
        None => class.to_string(),
    }
}

/// A prediction for machines.
#[derive(serde::Serialize)]
struct Object<'a> {
    input: String,
    class: String,
    probabilities: Probabilities<'a>,
}

/// The probability of each class by its name, in the order of the classes.
struct Probabilities<'a> {
    classes: &'a [String],
    values: &'a [f32],
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.classes.len()))?;
        for (class, value) in self.classes.iter().zip(self.values) {
            map.serialize_entry(class, value)?;
        }
        map.end()
    }
}

impl<'a> Object<'a> {
    fn new(prediction: &'a Prediction, classes: &'a [String]) -> Self {
        let class = classes.get(prediction.class);
        Self {
            input: prediction.input.display().to_string(),
            class: class.map_or_else(|| prediction.class.to_string(), Clone::clone),
            probabilities: Probabilities {
                classes,
                values: &prediction.probabilities,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> (Vec<Prediction>, Vec<String>) {
        let predictions = vec![
            Prediction {
                input: "a.png".into(),
                class: 2,
                probabilities: vec![0.0, 0.25, 0.625, 0.125],
            },
            Prediction {
                input: "long/name.png".into(),
                class: 0,
                probabilities: vec![1.0, 0.0, 0.0, 0.0],
            },
        ];
        let classes = ["zebra", "ape", "yak", "bee"].map(str::to_owned).to_vec();
        (predictions, classes)
    }

    #[test]
    fn a_file_is_a_line_with_its_class_and_the_runners_up() {
        let (predictions, classes) = predictions();
        assert_eq!(
            lines(&predictions, &classes),
            [
                "a.png          yak     62.50 %  then ape 25.00 %, bee 12.50 %",
                "long/name.png  zebra  100.00 %  then ape 0.00 %, yak 0.00 %",
            ]
        );
    }

    #[test]
    fn machines_get_the_probabilities_in_the_order_of_the_classes() {
        let (predictions, classes) = predictions();
        assert_eq!(
            serde_json::to_string(&Object::new(&predictions[0], &classes)).unwrap(),
            r#"{"input":"a.png","class":"yak","probabilities":{"zebra":0.0,"ape":0.25,"yak":0.625,"bee":0.125}}"#
        );
    }
}
