//! `anygrad predict`: what a trained network says of images, rows of tables and arrays.

use std::path::PathBuf;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::Device;
use super::format::{self, Align};
use super::output::Out;
use crate::error::Result;
use crate::report;
use crate::train::{self, Answer, Place, Prediction};

/// So many classes beside the most probable one are told.
const RUNNERS_UP: usize = 2;

/// Ask a trained network about images, rows of tables or arrays
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Images are PNG, JPEG, BMP or WebP; a network trained on a table takes CSV files
with the same columns, one trained on arrays NPY files. All of them are treated
as the training data was.

Examples:
  anygrad predict runs/digits seven.png
  anygrad predict runs/digits --invert scan.jpg   dark ink on white paper
  anygrad predict runs/prices new.csv
  anygrad predict runs/digits seven.png --json")]
pub(super) struct Options {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The files
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
    let names = match &trained.model.targets {
        Some(targets) => &targets.names,
        None => &trained.model.classes,
    };
    for prediction in &predictions {
        out.object(&Object::new(prediction, names))?;
    }
    out.lines(&lines(&predictions, names))
}

/// One line per sample: where it is, then its class, probability and runners-up, or its numbers.
fn lines(predictions: &[Prediction], names: &[String]) -> Vec<String> {
    let row = |prediction: &Prediction| {
        let input = prediction.input.display();
        let place = match prediction.place {
            None => format::clean(input),
            Some(Place::Line(line)) => format!("{}:{line}", format::clean(input)),
            Some(Place::Sample(sample)) => format!("{}[{sample}]", format::clean(input)),
        };
        let mut cells = vec![place];
        match &prediction.answer {
            Answer::Class {
                class,
                probabilities,
            } => cells.extend(class_cells(*class, probabilities, names)),
            Answer::Values(values) => {
                cells.extend(values.iter().map(|&value| format::number(value.into())));
            }
        }
        cells
    };
    let rows: Vec<_> = predictions.iter().map(row).collect();
    let aligns = match predictions.first().map(|first| &first.answer) {
        Some(Answer::Values(values)) => {
            let numbers = std::iter::repeat_n(Align::Right, values.len());
            [Align::Left].into_iter().chain(numbers).collect()
        }
        _ => vec![Align::Left, Align::Left, Align::Right, Align::Left],
    };
    format::table(&aligns, &rows)
}

/// The class, its probability, and the runners-up.
fn class_cells(class: usize, probabilities: &[f32], names: &[String]) -> [String; 3] {
    let probability = |class: usize| probabilities.get(class).copied().unwrap_or(f32::NAN);
    let share = |class: usize| format::percent(probability(class).into());
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)));
    let others: Vec<String> = order
        .into_iter()
        .filter(|&other| other != class)
        .take(RUNNERS_UP)
        .map(|class| format!("{} {}", name(names, class), share(class)))
        .collect();
    let then = match others[..] {
        [] => String::new(),
        _ => format!("then {}", others.join(", ")),
    };
    [name(names, class), share(class), then]
}

fn name(names: &[String], class: usize) -> String {
    match names.get(class) {
        Some(name) => format::clean(name),
        None => class.to_string(),
    }
}

/// A prediction for machines.
#[derive(serde::Serialize)]
struct Object<'a> {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<usize>,
    #[serde(flatten)]
    answer: AnswerObject<'a>,
}

/// What a network says, for machines.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum AnswerObject<'a> {
    Class {
        class: String,
        probabilities: ByName<'a>,
    },
    Values {
        values: ByName<'a>,
    },
}

/// The number of each class or target by its name, in the order of the outputs.
struct ByName<'a> {
    names: &'a [String],
    values: &'a [f32],
}

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for (name, value) in self.names.iter().zip(self.values) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'a> Object<'a> {
    fn new(prediction: &'a Prediction, names: &'a [String]) -> Self {
        let (line, sample) = match prediction.place {
            Some(Place::Line(line)) => (Some(line), None),
            Some(Place::Sample(sample)) => (None, Some(sample)),
            None => (None, None),
        };
        Self {
            input: prediction.input.display().to_string(),
            line,
            sample,
            answer: match &prediction.answer {
                Answer::Class {
                    class,
                    probabilities: values,
                } => AnswerObject::Class {
                    class: (names.get(*class)).map_or_else(|| class.to_string(), Clone::clone),
                    probabilities: ByName { names, values },
                },
                Answer::Values(values) => AnswerObject::Values {
                    values: ByName { names, values },
                },
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
                place: None,
                answer: Answer::Class {
                    class: 2,
                    probabilities: vec![0.0, 0.25, 0.625, 0.125],
                },
            },
            Prediction {
                input: "long/name.png".into(),
                place: None,
                answer: Answer::Class {
                    class: 0,
                    probabilities: vec![1.0, 0.0, 0.0, 0.0],
                },
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

    #[test]
    fn a_row_of_a_table_is_a_line_with_its_numbers() {
        let predictions = [(2, 1.5), (13, -1200.25)].map(|(line, value)| Prediction {
            input: "new.csv".into(),
            place: Some(Place::Line(line)),
            answer: Answer::Values(vec![value]),
        });
        let names = ["price".to_owned()];
        assert_eq!(
            lines(&predictions, &names),
            ["new.csv:2   1.500", "new.csv:13  -1200"]
        );
        assert_eq!(
            serde_json::to_string(&Object::new(&predictions[0], &names)).unwrap(),
            r#"{"input":"new.csv","line":2,"values":{"price":1.5}}"#
        );
    }
}
