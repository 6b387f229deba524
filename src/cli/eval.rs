//! `anygrad eval`: what a trained network is worth.

use std::path::PathBuf;

use serde::Serialize;

use super::Device;
use super::format::{self, Align};
use super::output::{Out, width_of_stdout};
use crate::error::Result;
use crate::report;
use crate::train::{self, ClassScores, Evaluation};

/// A confusion matrix of more classes is told as its largest entries.
const MOST_CLASSES: usize = 20;

/// So many of the most confused pairs are told.
const PAIRS: usize = 10;

/// Evaluate a trained network on test samples: accuracy, precision, recall, F1, confusion
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad eval runs/digits
  anygrad eval runs/mnist-cnn --data other-mnist/ --json")]
pub(super) struct Options {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where the data is, if not where it was when training
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let trained = report::load(&options.run)?;
    let device = &options.device;
    out.begin_spinner("evaluating");
    let evaluation = train::evaluate(
        &trained,
        options.data.as_deref(),
        &device.choice(),
        device.trust(),
    )?;
    out.end_bar();
    out.object(&Object::new(&evaluation))?;
    out.line(format!(
        "{}: accuracy {}, loss {}",
        format::plural(evaluation.samples, "test sample"),
        format::percent(evaluation.scores.accuracy),
        format::loss(evaluation.scores.loss)
    ))?;
    out.line("")?;
    out.lines(&class_table(&evaluation))?;
    out.line("")?;
    out.lines(&confusion(&evaluation, width_of_stdout()))
}

/// Precision, recall, F1 and support of each class, and their means.
fn class_table(evaluation: &Evaluation) -> Vec<String> {
    let row = |name: String, scores: [f64; 3], support: u64| {
        let [precision, recall, f1] = scores.map(format::percent);
        vec![name, precision, recall, f1, format::count(support)]
    };
    let header = ["class", "precision", "recall", "F1", "support"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for class in &evaluation.classes {
        let scores = [class.precision, class.recall, class.f1];
        rows.push(row(format::clean(&class.name), scores, class.support));
    }
    let means = [
        evaluation.macro_mean(|class| class.precision),
        evaluation.macro_mean(|class| class.recall),
        evaluation.macro_mean(|class| class.f1),
    ];
    rows.push(row("macro mean".to_owned(), means, support(evaluation)));
    let mut aligns = [Align::Right; 5];
    aligns[0] = Align::Left;
    format::table(&aligns, &rows)
}

fn support(evaluation: &Evaluation) -> u64 {
    evaluation.classes.iter().map(|class| class.support).sum()
}

/// The confusion matrix, or its largest entries where it is too wide.
fn confusion(evaluation: &Evaluation, width: Option<usize>) -> Vec<String> {
    if evaluation.classes.len() <= MOST_CLASSES {
        let matrix = matrix(evaluation);
        let widest = matrix.iter().map(|line| line.chars().count()).max();
        if width.is_none_or(|width| widest.unwrap_or(0) <= width) {
            return matrix;
        }
    }
    pairs(evaluation)
}

fn matrix(evaluation: &Evaluation) -> Vec<String> {
    let names: Vec<String> = evaluation
        .classes
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
    for (name, counts) in rows.into_iter().zip(&evaluation.confusion) {
        let counts = counts.iter().map(|&count| match count {
            0 => "·".to_owned(),
            count => format::count(count),
        });
        cells.push([name].into_iter().chain(counts).collect());
    }
    let mut aligns = vec![Align::Right; evaluation.classes.len() + 1];
    aligns[0] = Align::Left;
    let mut lines =
        vec!["confusion: a row is the true class, a column what was predicted".to_owned()];
    lines.extend(format::table(&aligns, &cells));
    lines
}

/// The most confused pairs, the most frequent first.
fn pairs(evaluation: &Evaluation) -> Vec<String> {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (i, row) in evaluation.confusion.iter().enumerate() {
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
        let [from, to] = [i, j].map(|class| &evaluation.classes[class]);
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
    loss: f64,
    accuracy: f64,
    r#macro: Means,
    classes: Vec<ClassObject<'a>>,
    confusion: &'a [Vec<u64>],
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

impl<'a> Object<'a> {
    fn new(evaluation: &'a Evaluation) -> Self {
        let class = |class: &'a ClassScores| ClassObject {
            name: &class.name,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
            support: class.support,
        };
        Self {
            samples: evaluation.samples,
            loss: evaluation.scores.loss,
            accuracy: evaluation.scores.accuracy,
            r#macro: Means {
                precision: evaluation.macro_mean(|class| class.precision),
                recall: evaluation.macro_mean(|class| class.recall),
                f1: evaluation.macro_mean(|class| class.f1),
            },
            classes: evaluation.classes.iter().map(class).collect(),
            confusion: &evaluation.confusion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Scores;

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
                accuracy: 0.985,
            },
            classes: vec![class(names[0], 1000), class(names[1], 40)],
            confusion: vec![vec![1000, 0], vec![16, 24]],
        }
    }

    #[test]
    fn each_class_has_a_row_and_the_means_are_last() {
        assert_eq!(
            class_table(&evaluation(["cat", "dog"])),
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
            confusion(&evaluation(["cat", "dog"]), None)[1..],
            ["true    cat  dog", "cat   1,000    ·", "dog      16   24"]
        );
    }

    #[test]
    fn long_names_stand_only_at_the_rows() {
        assert_eq!(
            confusion(&evaluation(["aeroplane", "dog"]), Some(80))[1..],
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
            confusion(&evaluation(["cat", "dog"]), Some(10)),
            [
                "confusion: 1 of 1 confused pair, the most frequent",
                "true  predicted  samples  of the class",
                "dog   cat             16       40.00 %",
            ]
        );
    }

    #[test]
    fn nothing_confused_is_said_so() {
        let mut evaluation = evaluation(["cat", "dog"]);
        evaluation.confusion = vec![vec![1000, 0], vec![0, 40]];
        assert!(
            confusion(&evaluation, Some(10))[0].contains("none"),
            "none is said"
        );
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
}
