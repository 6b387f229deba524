//! `anygrad eval`: what a trained network is worth.

use std::path::PathBuf;

use serde::Serialize;

use super::Device;
use super::format::{self, Align};
use super::output::{Out, width_of_stdout};
use crate::error::Result;
use crate::report;
use crate::train::{
    self, Asked, ClassScores, Evaluation, Measured, Scores, ValueScores, macro_mean,
};

/// A confusion matrix of more classes is told as its largest entries.
const MOST_CLASSES: usize = 20;

/// So many of the most confused pairs are told.
const PAIRS: usize = 10;

/// Evaluate a trained network on test samples: accuracy, precision, recall, F1, confusion
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad eval runs/digits
  anygrad eval runs/mnist-cnn --data other-mnist/ --json
  anygrad eval runs/prices --data new.csv --all")]
pub(super) struct Options {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where the data is, if not where it was when training
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Use all samples of the data, not only its test part
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let trained = report::load(&options.run)?;
    let device = &options.device;
    out.begin_spinner("evaluating");
    let asked = Asked {
        data: options.data.as_deref(),
        all: options.all,
    };
    let evaluation = train::evaluate(&trained, asked, &device.choice(), device.trust())?;
    out.end_bar();
    let kind = if options.all { "sample" } else { "test sample" };
    out.object(&Object::new(&evaluation))?;
    out.line(format!(
        "{}: {}, loss {}",
        format::plural(evaluation.samples, kind),
        format::metric(evaluation.scores.metric),
        format::loss(evaluation.scores.loss)
    ))?;
    out.line("")?;
    match &evaluation.measured {
        Measured::Classes { classes, confusion } => {
            out.lines(&class_table(classes))?;
            out.line("")?;
            out.lines(&self::confusion(classes, confusion, width_of_stdout()))
        }
        Measured::Values(values) => out.lines(&value_table(values)),
    }
}

/// The errors of each number that is predicted.
fn value_table(values: &[ValueScores]) -> Vec<String> {
    let header = ["number", "MAE", "RMSE", "R²"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(values.iter().map(|value| {
        let r2 = value.r2.map_or("–".to_owned(), |r2| format!("{r2:.4}"));
        let [mae, rmse] = [value.mae, value.rmse].map(format::number);
        vec![format::clean(&value.name), mae, rmse, r2]
    }));
    let mut aligns = [Align::Right; 4];
    aligns[0] = Align::Left;
    format::table(&aligns, &rows)
}

/// Precision, recall, F1 and support of each class, and their means.
fn class_table(classes: &[ClassScores]) -> Vec<String> {
    let row = |name: String, scores: [f64; 3], support: u64| {
        let [precision, recall, f1] = scores.map(format::percent);
        vec![name, precision, recall, f1, format::count(support)]
    };
    let header = ["class", "precision", "recall", "F1", "support"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for class in classes {
        let scores = [class.precision, class.recall, class.f1];
        rows.push(row(format::clean(&class.name), scores, class.support));
    }
    let means = [
        macro_mean(classes, |class| class.precision),
        macro_mean(classes, |class| class.recall),
        macro_mean(classes, |class| class.f1),
    ];
    let support = classes.iter().map(|class| class.support).sum();
    rows.push(row("macro mean".to_owned(), means, support));
    let mut aligns = [Align::Right; 5];
    aligns[0] = Align::Left;
    format::table(&aligns, &rows)
}

/// The confusion matrix, or its largest entries where it is too wide.
fn confusion(classes: &[ClassScores], counts: &[Vec<u64>], width: Option<usize>) -> Vec<String> {
    if classes.len() <= MOST_CLASSES {
        let matrix = matrix(classes, counts);
        let widest = matrix.iter().map(|line| line.chars().count()).max();
        if width.is_none_or(|width| widest.unwrap_or(0) <= width) {
            return matrix;
        }
    }
    pairs(classes, counts)
}

fn matrix(classes: &[ClassScores], confusion: &[Vec<u64>]) -> Vec<String> {
    let names: Vec<String> = classes
        .iter()
        .map(|class| format::clean(&class.name))
        .collect();
    let are_short = names.iter().all(|name| name.chars().count() <= 5);
    // Long names stand once, at the rows; the columns then bear numbers.
    let (rows, columns): (Vec<String>, Vec<String>) = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            if are_short {
                (name.clone(), name.clone())
            } else {
                (format!("{i} {name}"), i.to_string())
            }
        })
        .unzip();
    let mut cells = vec![[vec!["true".to_owned()], columns].concat()];
    for (name, counts) in rows.into_iter().zip(confusion) {
        let counts = counts.iter().map(|&count| match count {
            0 => "·".to_owned(),
            count => format::count(count),
        });
        cells.push([name].into_iter().chain(counts).collect());
    }
    let mut aligns = vec![Align::Right; classes.len() + 1];
    aligns[0] = Align::Left;
    let mut lines =
        vec!["confusion: a row is the true class, a column what was predicted".to_owned()];
    lines.extend(format::table(&aligns, &cells));
    lines
}

/// The most confused pairs, the most frequent first.
fn pairs(classes: &[ClassScores], confusion: &[Vec<u64>]) -> Vec<String> {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (i, row) in confusion.iter().enumerate() {
        let wrong = row
            .iter()
            .enumerate()
            .filter(|(j, count)| *j != i && **count > 0);
        pairs.extend(wrong.map(|(j, &count)| (count, i, j)));
    }
    if pairs.is_empty() {
        return vec!["confusion: none, every sample was predicted right".to_owned()];
    }
    pairs.sort_by(|a, b| b.0.cmp(&a.0).then(a.cmp(b)));
    let header = ["true", "predicted", "samples", "of the class"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for &(count, i, j) in pairs.iter().take(PAIRS) {
        let [from, to] = [i, j].map(|class| &classes[class]);
        rows.push(vec![
            format::clean(&from.name),
            format::clean(&to.name),
            format::count(count),
            format::percent(count as f64 / from.support.max(1) as f64),
        ]);
    }
    let mut lines = vec![format!(
        "confusion: {} of {}, the most frequent",
        rows.len() - 1,
        format::plural(pairs.len(), "confused pair")
    )];
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Right];
    lines.extend(format::table(&aligns, &rows));
    lines
}

/// An evaluation for machines.
#[derive(Serialize)]
struct Object<'a> {
    samples: usize,
    #[serde(flatten)]
    scores: Scores,
    #[serde(flatten)]
    measured: MeasuredObject<'a>,
}

/// What is known beside the scores, for machines.
#[derive(Serialize)]
#[serde(untagged)]
enum MeasuredObject<'a> {
    Classes {
        r#macro: Means,
        classes: Vec<ClassObject<'a>>,
        confusion: &'a [Vec<u64>],
    },
    Values {
        numbers: Vec<ValueObject<'a>>,
    },
}

/// The means over the classes, for machines.
#[derive(Serialize)]
struct Means {
    precision: f64,
    recall: f64,
    f1: f64,
}

/// A class for machines.
#[derive(Serialize)]
struct ClassObject<'a> {
    name: &'a str,
    precision: f64,
    recall: f64,
    f1: f64,
    support: u64,
}

/// A number of a regression for machines.
#[derive(Serialize)]
struct ValueObject<'a> {
    name: &'a str,
    mae: f64,
    rmse: f64,
    r2: Option<f64>,
}

impl<'a> Object<'a> {
    fn new(evaluation: &'a Evaluation) -> Self {
        let class = |class: &'a ClassScores| ClassObject {
            name: &class.name,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
            support: class.support,
        };
        let value = |value: &'a ValueScores| ValueObject {
            name: &value.name,
            mae: value.mae,
            rmse: value.rmse,
            r2: value.r2,
        };
        Self {
            samples: evaluation.samples,
            scores: evaluation.scores,
            measured: match &evaluation.measured {
                Measured::Classes { classes, confusion } => MeasuredObject::Classes {
                    r#macro: Means {
                        precision: macro_mean(classes, |class| class.precision),
                        recall: macro_mean(classes, |class| class.recall),
                        f1: macro_mean(classes, |class| class.f1),
                    },
                    classes: classes.iter().map(class).collect(),
                    confusion,
                },
                Measured::Values(values) => MeasuredObject::Values {
                    numbers: values.iter().map(value).collect(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Metric;

    fn evaluation(names: [&str; 2]) -> Evaluation {
        let class = |name: &str, support| ClassScores {
            name: name.to_owned(),
            precision: 0.75,
            recall: 0.5,
            f1: 0.6,
            support,
        };
        Evaluation {
            samples: 1040,
            scores: Scores {
                loss: 0.25,
                metric: Metric::Accuracy(0.985),
            },
            measured: Measured::Classes {
                classes: vec![class(names[0], 1000), class(names[1], 40)],
                confusion: vec![vec![1000, 0], vec![16, 24]],
            },
        }
    }

    fn classes(names: [&str; 2]) -> Vec<ClassScores> {
        match evaluation(names).measured {
            Measured::Classes { classes, .. } => classes,
            Measured::Values(_) => unreachable!("these are classes"),
        }
    }

    fn confusion(names: [&str; 2], width: Option<usize>) -> Vec<String> {
        super::confusion(&classes(names), &[vec![1000, 0], vec![16, 24]], width)
    }

    #[test]
    fn each_class_has_a_row_and_the_means_are_last() {
        assert_eq!(
            class_table(&classes(["cat", "dog"])),
            [
                "class       precision   recall       F1  support",
                "cat           75.00 %  50.00 %  60.00 %    1,000",
                "dog           75.00 %  50.00 %  60.00 %       40",
                "macro mean    75.00 %  50.00 %  60.00 %    1,040",
            ]
        );
    }

    #[test]
    fn a_confusion_matrix_has_dots_for_zeros() {
        assert_eq!(
            confusion(["cat", "dog"], None)[1..],
            ["true    cat  dog", "cat   1,000    ·", "dog      16   24"]
        );
    }

    #[test]
    fn long_names_stand_only_at_the_rows() {
        assert_eq!(
            confusion(["aeroplane", "dog"], Some(80))[1..],
            [
                "true             0   1",
                "0 aeroplane  1,000   ·",
                "1 dog           16  24",
            ]
        );
    }

    #[test]
    fn a_matrix_that_is_too_wide_becomes_its_most_confused_pairs() {
        assert_eq!(
            confusion(["cat", "dog"], Some(10)),
            [
                "confusion: 1 of 1 confused pair, the most frequent",
                "true  predicted  samples  of the class",
                "dog   cat             16       40.00 %",
            ]
        );
    }

    #[test]
    fn nothing_confused_is_said_so() {
        let right = [vec![1000, 0], vec![0, 40]];
        let lines = super::confusion(&classes(["cat", "dog"]), &right, Some(10));
        assert!(lines[0].contains("none"), "{lines:?}");
    }

    #[test]
    fn machines_get_the_fields_of_the_contract_in_order() {
        let evaluation = evaluation(["cat", "dog"]);
        let text = serde_json::to_string(&Object::new(&evaluation)).unwrap();
        assert!(
            text.starts_with(
                r#"{"samples":1040,"loss":0.25,"accuracy":0.985,"macro":{"precision":0.75,"recall":0.5,"f1":0.6},"classes":[{"name":"cat","precision":0.75"#
            ),
            "{text}"
        );
        assert!(
            text.ends_with(r#""confusion":[[1000,0],[16,24]]}"#),
            "{text}"
        );
    }

    #[test]
    fn a_regression_has_a_row_for_each_number() {
        let value = |name: &str, r2| ValueScores {
            name: name.to_owned(),
            mae: 1234.5,
            rmse: 2000.0,
            r2,
        };
        let values = vec![value("price", Some(0.912_34)), value("age", None)];
        assert_eq!(
            value_table(&values),
            [
                "number   MAE  RMSE      R²",
                "price   1234  2000  0.9123",
                "age     1234  2000       –",
            ]
        );
        let evaluation = Evaluation {
            samples: 2,
            scores: Scores {
                loss: 0.5,
                metric: Metric::Rmse(2000.0),
            },
            measured: Measured::Values(values),
        };
        assert_eq!(
            serde_json::to_string(&Object::new(&evaluation)).unwrap(),
            r#"{"samples":2,"loss":0.5,"rmse":2000.0,"numbers":[{"name":"price","mae":1234.5,"rmse":2000.0,"r2":0.91234},{"name":"age","mae":1234.5,"rmse":2000.0,"r2":null}]}"#
        );
    }
}
