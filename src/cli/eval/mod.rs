//! `anygrad eval`: what a trained network is worth.

use std::path::PathBuf;

use super::Device;
use super::format::{self, Align};
use super::output::{Out, width_of_stdout};
use crate::error::{Error, Result};
use crate::metrics::{BINS, Classification, ValueScores};
use crate::report;
use crate::train::{self, Asked, Measured, TextScores};
use bounds::Bound;

mod bounds;
mod confusion;
mod objects;

/// Evaluate a trained network on test samples: accuracy, F1, AUC, calibration, confusion
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Names for --min and --max are those of --json, with dots: accuracy, loss, macro.f1,
weighted.recall, top_k.3, roc_auc, pr_auc, ece, classes.CLASS.recall; rmse, r2, and so on.

Examples:
  anygrad eval runs/digits
  anygrad eval runs/digits --min accuracy=0.97 --max ece=0.05   exit code 1 if not
  anygrad eval runs/digits --predictions digits.csv             a row per sample
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
    /// Exit with 1 if a metric is below this; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = bounds::parse)]
    min: Vec<Bound>,
    /// Exit with 1 if a metric is above this; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = bounds::parse)]
    max: Vec<Bound>,
    /// The k of top-k accuracy
    #[arg(
        long,
        value_name = "K,K",
        value_delimiter = ',',
        default_value = "2,3,5"
    )]
    top_k: Vec<std::num::NonZeroUsize>,
    /// Write what is said of every sample to this file
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let trained = report::load(&options.run)?;
    let top_k: Vec<usize> = options.top_k.iter().map(|k| k.get()).collect();
    let limits = [&options.min[..], &options.max[..]];
    bounds::check_names(&trained.model, &top_k, limits)?;
    if options.predictions.is_some() && trained.model.text {
        return Err(Error::usage(
            "--predictions: a language model says something of every character",
            "leave it out; --json has the figures",
        ));
    }
    let device = &options.device;
    out.begin_spinner("evaluating");
    let asked = Asked {
        data: options.data.as_deref(),
        all: options.all,
        top_k: &top_k,
    };
    let evaluation = train::evaluate(&trained, asked, &device.choice(), device.trust())?;
    out.end_bar();
    if let Some(path) = &options.predictions {
        report::write_predictions(path, &evaluation)?;
    }
    let object = objects::Object::new(&evaluation);
    out.object(&object)?;
    let kind = match (&evaluation.measured, options.all) {
        (Measured::Text(_), true) => "window",
        (Measured::Text(_), false) => "test window",
        (_, true) => "sample",
        (_, false) => "test sample",
    };
    out.line(format!(
        "{}: {}, loss {}",
        format::plural(evaluation.samples, kind),
        format::metric(evaluation.scores.metric),
        format::loss(evaluation.scores.loss)
    ))?;
    let names = &evaluation.names;
    match &evaluation.measured {
        Measured::Classes(classes) => {
            let scores = &classes.scores;
            out.lines(&overview(scores))?;
            out.line("")?;
            out.lines(&class_table(names, scores))?;
            out.line("")?;
            let width = width_of_stdout();
            out.lines(&confusion::lines(names, &scores.confusion, width))?;
        }
        Measured::Values(values) => {
            out.line("")?;
            out.lines(&value_table(names, &values.scores))?;
        }
        Measured::Text(text) => out.line(text_line(*text))?,
    }
    if let Some(path) = &options.predictions {
        let shown = format::clean(path.display());
        out.talk(format!("\nwhat is said of every sample is in {shown}"));
    }
    bounds::hold(&object, limits)
}

/// How well the next character is predicted.
fn text_line(text: TextScores) -> String {
    format!(
        "{} predicted: perplexity {}, {} bits per character",
        format::plural(text.characters, "character"),
        format::loss(text.perplexity),
        format::loss(text.bits_per_character)
    )
}

/// The errors of each number that is predicted.
fn value_table(names: &[String], values: &[ValueScores]) -> Vec<String> {
    let header = ["number", "MAE", "RMSE", "R²"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(names.iter().zip(values).map(|(name, value)| {
        let r2 = value.r2.map_or("–".to_owned(), |r2| format!("{r2:.4}"));
        let [mae, rmse] = [value.mae, value.rmse].map(format::number);
        vec![format::clean(name), mae, rmse, r2]
    }));
    let mut aligns = [Align::Right; 4];
    aligns[0] = Align::Left;
    format::table(&aligns, &rows)
}

/// What is measured over all classes, beside accuracy and loss.
fn overview(scores: &Classification) -> Vec<String> {
    let mut lines = Vec::new();
    if !scores.top_k.is_empty() {
        let shares = scores.top_k.iter();
        let shares = shares.map(|(k, share)| format!("{} for {k}", format::percent(*share)));
        let shares: Vec<String> = shares.collect();
        lines.push(format!("top-k accuracy: {}", shares.join(", ")));
    }
    lines.push(format!(
        "areas under the curves, mean over the classes: ROC {}, precision-recall {}",
        area(scores.roc_auc),
        area(scores.pr_auc)
    ));
    lines.push(format!(
        "log loss {}; calibration error {} (ECE, {BINS} bins)",
        format::loss(scores.log_loss),
        format::loss(scores.calibration.ece)
    ));
    lines
}

/// An area under a curve, where there is one.
fn area(area: Option<f64>) -> String {
    match area {
        // 0.99996 must not look like a perfect order.
        Some(area) if area < 1.0 => format!("{:.4}", area.min(0.9999)),
        Some(area) => format!("{area:.4}"),
        None => "–".to_owned(),
    }
}

/// The scores of each class, and their means.
fn class_table(names: &[String], measured: &Classification) -> Vec<String> {
    let row = |name: String, scores: [f64; 3], areas: [Option<f64>; 2], support: u64| {
        let [precision, recall, f1] = scores.map(format::percent);
        let [roc, pr] = areas.map(area);
        vec![name, precision, recall, f1, roc, pr, format::count(support)]
    };
    let header = [
        "class",
        "precision",
        "recall",
        "F1",
        "ROC-AUC",
        "PR-AUC",
        "support",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (name, class) in names.iter().zip(&measured.classes) {
        let scores = [class.precision, class.recall, class.f1];
        let areas = [class.roc_auc, class.pr_auc];
        rows.push(row(format::clean(name), scores, areas, class.support));
    }
    let areas = [measured.roc_auc, measured.pr_auc];
    for (name, mean, areas) in [
        ("macro mean", &measured.macro_mean, areas),
        ("weighted mean", &measured.weighted_mean, [None; 2]),
    ] {
        let scores = [mean.precision, mean.recall, mean.f1];
        rows.push(row(name.to_owned(), scores, areas, measured.samples as u64));
    }
    let mut aligns = [Align::Right; 7];
    aligns[0] = Align::Left;
    format::table(&aligns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Estimates, Predictions};
    use crate::train::{Classes, Evaluation, Metric, Scores, Values};

    /// Six samples, of which the fourth is taken for the other class.
    pub(super) fn evaluation(names: [&str; 2]) -> Evaluation {
        let first = [0.75_f32, 0.875, 0.625, 0.75, 0.25, 0.125];
        let probabilities = first.iter().flat_map(|p| [*p, 1.0 - p]).collect();
        let predictions = Predictions::new(2, probabilities, vec![0, 0, 0, 1, 1, 1]);
        let scores = Classification::of(&predictions, &[1, 2]);
        Evaluation {
            samples: 6,
            scores: Scores {
                loss: 0.25,
                metric: Metric::Accuracy(scores.accuracy),
            },
            names: names.map(str::to_owned).to_vec(),
            measured: Measured::Classes(Box::new(Classes {
                scores,
                predictions,
            })),
        }
    }

    /// What a classification of these measures.
    pub(super) fn scores(evaluation: &Evaluation) -> &Classification {
        match &evaluation.measured {
            Measured::Classes(classes) => &classes.scores,
            _ => unreachable!("these are classes"),
        }
    }

    /// Two numbers of two samples.
    pub(super) fn regression() -> Evaluation {
        let estimates = Estimates::new(2, vec![1.0, 2.0, 4.0, 2.0], vec![1.0, 2.0, 3.0, 2.0]);
        Evaluation {
            samples: 2,
            scores: Scores {
                loss: 0.25,
                metric: Metric::Rmse(0.5),
            },
            names: ["price", "area"].map(str::to_owned).to_vec(),
            measured: Measured::Values(Values {
                scores: estimates.scores(),
                estimates,
            }),
        }
    }

    #[test]
    fn each_class_has_a_row_and_the_means_are_last() {
        let evaluation = evaluation(["cat", "dog"]);
        assert_eq!(
            class_table(&evaluation.names, scores(&evaluation)),
            [
                "class          precision    recall       F1  ROC-AUC  PR-AUC  support",
                "cat              75.00 %  100.00 %  85.71 %   0.8333  0.8056        3",
                "dog             100.00 %   66.67 %  80.00 %   0.8333  0.8667        3",
                "macro mean       87.50 %   83.33 %  82.86 %   0.8333  0.8361        6",
                "weighted mean    87.50 %   83.33 %  82.86 %        –       –        6",
            ]
        );
    }

    #[test]
    fn the_first_lines_say_what_the_network_is_worth() {
        let evaluation = evaluation(["cat", "dog"]);
        assert_eq!(
            overview(scores(&evaluation)),
            [
                "top-k accuracy: 83.33 % for 1",
                "areas under the curves, mean over the classes: ROC 0.8333, precision-recall 0.8361",
                "log loss 0.4498; calibration error 0.1458 (ECE, 15 bins)",
            ]
        );
        assert_eq!(area(Some(0.99999)), "0.9999");
    }

    #[test]
    fn each_number_of_a_regression_has_a_row() {
        let Measured::Values(values) = regression().measured else {
            unreachable!("these are numbers");
        };
        let names = ["price", "area"].map(str::to_owned);
        assert_eq!(
            value_table(&names, &values.scores),
            [
                "number     MAE    RMSE      R²",
                "price   0.5000  0.7071  0.5000",
                "area         0       0       –",
            ]
        );
    }
}
