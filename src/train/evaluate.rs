//! A trained network on the test samples.

use std::path::Path;

use super::limits::{Demand, Fitting, binding_limit};
use super::resident::Reading;
use super::session::{Evaluator, Session};
use super::step::{self, Pass};
use super::{Model, Scores, Trained, Weights, predict, resident};
use crate::config::{Config, MicroBatch};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::gpu::{Choice, Gpu, Trust};
use crate::nn::Network;
use crate::plan::Plan;

/// How well a network does on the test samples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// How many samples.
    pub samples: usize,
    /// Mean loss, and accuracy or error.
    pub scores: Scores,
    /// More, by what is predicted.
    pub measured: Measured,
}

/// What is known of an evaluation beside its scores.
#[derive(Clone, Debug)]
pub enum Measured {
    /// Of a classification.
    Classes {
        /// Each class.
        classes: Vec<ClassScores>,
        /// Rows: the true class; columns: the predicted one.
        confusion: Vec<Vec<u64>>,
    },
    /// Of a regression: each number that is predicted.
    Values(Vec<ValueScores>),
}

/// How well a network predicts a number, in its units.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueScores {
    /// What the number is called.
    pub name: String,
    /// The mean of the absolute errors.
    pub mae: f64,
    /// The root of the mean squared error.
    pub rmse: f64,
    /// The share of the variance that is explained; `None` where all targets are equal.
    pub r2: Option<f64>,
}

/// What of the data a network is evaluated on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The data, if not where it was when training.
    pub data: Option<&'a Path>,
    /// All samples, and not only the test part.
    pub all: bool,
}

/// How well a network does on one class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassScores {
    /// The class.
    pub name: String,
    /// Of the samples predicted to be of this class, the share that is.
    pub precision: f64,
    /// Of the samples of this class, the share that is predicted to be.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Samples of this class.
    pub support: u64,
}

/// The mean of a score over the classes, each counting the same.
pub fn macro_mean(classes: &[ClassScores], score: impl Fn(&ClassScores) -> f64) -> f64 {
    classes.iter().map(score).sum::<f64>() / classes.len() as f64
}

/// Evaluates a trained network on the test samples of its data, or of other data.
///
/// # Errors
/// Whatever is wrong with the data or the device.
pub fn evaluate(
    trained: &Trained,
    asked: Asked<'_>,
    adapter: &Choice,
    trust: Trust,
) -> Result<Evaluation> {
    let Trained { config, model, .. } = trained;
    let reading = Reading {
        path: asked.data,
        known: Some(model.known()),
        fold: None,
        all: asked.all,
    };
    let dataset = resident::load(config, &reading, &mut |_, _| Ok(()))?;
    refuse_other_data(model, &dataset)?;
    if dataset.parts.test.is_empty() {
        return Err(Error::data(
            format!("{}: there are no test samples", dataset.name),
            "give data with a test set, or evaluate on all samples with --all",
        ));
    }
    let (scores, counts) = scores(trained, &dataset, adapter, trust)?;
    let measured = match &dataset.targets {
        Targets::Classes { .. } => {
            let classes = model.classes.len();
            let confusion: Vec<Vec<u64>> = counts[..classes * classes]
                .chunks(classes)
                .map(|row| row.iter().map(|&count| u64::from(count)).collect())
                .collect();
            Measured::Classes {
                classes: class_scores(&model.classes, &confusion),
                confusion,
            }
        }
        Targets::Values { values, names } => {
            let test = &dataset.parts.test;
            let predicted = predict::values(trained, &dataset.samples, test, adapter, trust)?;
            let values = &values[test.start * names.len()..test.end * names.len()];
            Measured::Values(value_scores(names, values, &predicted))
        }
    };
    Ok(Evaluation {
        samples: dataset.parts.test.len(),
        scores,
        measured,
    })
}

/// Loss and metric over the test samples, and the words of the confusion matrix; for a regression, none.
fn scores(
    trained: &Trained,
    dataset: &Dataset,
    adapter: &Choice,
    trust: Trust,
) -> Result<(Scores, Vec<u32>)> {
    let Trained {
        config,
        model,
        weights,
    } = trained;
    let network = network_of_run(config, model)?;
    let slab = slab_of_run(weights, &network)?;
    let data = resident::resident(dataset, model)?;
    let pass = Pass {
        name: "test",
        part: dataset.parts.test.clone(),
    };
    let gpu = Gpu::open(adapter, trust)?;
    // The weights of a run are what it has averaged. The scores do not depend on the batch: where the one trained with does not
    // fit, a smaller one is taken.
    let mut config = config.clone();
    config.average = None;
    config.train.batch = config.train.rows();
    config.train.micro_batch = MicroBatch::Whole;
    let confusion = !data.regression;
    let plan = loop {
        let plan = Plan::for_target(
            step::evaluation(&network, &config, &data, &pass, confusion),
            &[],
            &gpu.target(),
        );
        if config.train.batch == 1 || plan.largest_binding().0 as u64 <= binding_limit(&gpu) {
            break plan;
        }
        config.train.batch /= 2;
    };
    let demand = Demand {
        network: &network,
        data: &data,
        batch: config.train.batch,
        plans: &[&plan],
    };
    demand.check(&gpu, |_| Fitting::default())?;
    let mut session = Session::new(gpu, resident::measure(model));
    session.write_parameters(&slab)?;
    if config.train.loss.compares_rows() && !data.regression {
        session.write_class_rows(data.classes, network.outputs())?;
    }
    resident::upload(&session.gpu, &mut session.memory, dataset, model)?;
    let mut evaluator = Evaluator::new(&mut session, plan, pass, config.train.batch)?;
    let scores = evaluator.run(&session)?;
    let counts = if confusion {
        let name = evaluator.pass.confusion();
        session.memory.read(&session.gpu, &name)?
    } else {
        Vec::new()
    };
    Ok((scores, counts))
}

/// What to do about files of a run that contradict each other.
const BELONG: &str = "config.toml, model.json and weights.safetensors belong together: restore what was changed, or train again";

/// The network of a run, whose configuration is no longer the user's to mend.
pub(super) fn network_of_run(config: &Config, model: &Model) -> Result<Network> {
    Network::new(config, model.sample_shape, model.outputs()).map_err(|error| match error {
        Error::Source(mistakes) => Error::data(
            format!("the run's configuration does not fit its model.json: {mistakes}"),
            BELONG,
        ),
        other => other,
    })
}

/// The slab of a run's weights.
pub(super) fn slab_of_run(weights: &Weights, network: &Network) -> Result<Vec<f32>> {
    weights.to_slab(network).map_err(|differences| {
        Error::data(
            format!("weights.safetensors of the run does not fit its configuration: {differences}"),
            BELONG,
        )
    })
}

/// Data of another shape or with other classes than the network was trained on is refused.
fn refuse_other_data(model: &Model, dataset: &Dataset) -> Result<()> {
    let [h, w, c] = model.sample_shape;
    if dataset.sample_shape != model.sample_shape {
        let [dh, dw, dc] = dataset.sample_shape;
        return Err(Error::data(
            format!(
                "{}: its samples are {dh} × {dw} × {dc}, the network was trained on {h} × {w} × {c}",
                dataset.name
            ),
            "evaluate on data of the same shape",
        ));
    }
    let (outputs, known) = (dataset.targets.outputs(), model.outputs());
    let is_regression = dataset.targets.labels().is_none();
    if is_regression != model.targets.is_some()
        || outputs > known
        || (is_regression && outputs != known)
    {
        let what = if is_regression {
            "numbers to predict"
        } else {
            "classes"
        };
        return Err(Error::data(
            format!(
                "{}: it has {outputs} {what}, the network knows {known}",
                dataset.name
            ),
            "evaluate on data like the one it was trained on",
        ));
    }
    Ok(())
}

/// Mean absolute error, root mean squared error and explained variance of each number.
fn value_scores(names: &[String], values: &[f32], predicted: &[f32]) -> Vec<ValueScores> {
    let width = names.len();
    let n = (values.len() / width) as f64;
    let score = |(place, name): (usize, &String)| {
        let column = |numbers: &[f32]| -> Vec<f64> {
            let column = numbers.iter().skip(place).step_by(width);
            column.map(|&number| f64::from(number)).collect()
        };
        let (values, predicted) = (column(values), column(predicted));
        let errors = || values.iter().zip(&predicted).map(|(y, p)| p - y);
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = errors().map(|error| error * error).sum();
        let spread: f64 = values.iter().map(|y| (y - mean).powi(2)).sum();
        ValueScores {
            name: name.clone(),
            mae: errors().map(f64::abs).sum::<f64>() / n,
            rmse: (squares / n).sqrt(),
            r2: (spread > 0.0).then(|| 1.0 - squares / spread),
        }
    };
    names.iter().enumerate().map(score).collect()
}

/// Precision, recall and F1 of every class; 0 where a quotient has no denominator, as scikit-learn does.
fn class_scores(names: &[String], confusion: &[Vec<u64>]) -> Vec<ClassScores> {
    let quotient = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    names
        .iter()
        .enumerate()
        .map(|(class, name)| {
            let hits = confusion[class][class];
            let support: u64 = confusion[class].iter().sum();
            let predicted: u64 = confusion.iter().map(|row| row[class]).sum();
            ClassScores {
                name: name.clone(),
                precision: quotient(hits, predicted),
                recall: quotient(hits, support),
                f1: quotient(2 * hits, support + predicted),
                support,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_scores_are_those_of_scikit_learn() {
        let names = ["a", "b"].map(str::to_owned);
        // y = [3, -0.5, 2, 7], predicted [2.5, 0, 2, 8]: the example of scikit-learn's documentation; b never changes.
        let values = [3.0, 1.0, -0.5, 1.0, 2.0, 1.0, 7.0, 1.0];
        let predicted = [2.5, 1.0, 0.0, 1.0, 2.0, 3.0, 8.0, 1.0];
        let scores = value_scores(&names, &values, &predicted);
        assert_eq!(scores[0].mae, 0.5);
        assert_eq!(scores[0].rmse, 0.375_f64.sqrt());
        assert!(
            (scores[0].r2.unwrap() - 0.948_608_137).abs() < 1e-9,
            "{scores:?}"
        );
        assert_eq!(
            (scores[1].mae, scores[1].rmse, scores[1].r2),
            (0.5, 1.0, None)
        );
    }

    #[test]
    fn class_scores_are_those_of_scikit_learn() {
        // y_true = [0]*5 + [1]*4 + [2]*3, predictions per row as in the matrix; class 2 is never predicted.
        let confusion = vec![vec![4, 1, 0], vec![1, 3, 0], vec![2, 1, 0]];
        let names = ["a", "b", "c"].map(str::to_owned);
        let scores = class_scores(&names, &confusion);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
        close(scores[0].precision, 4.0 / 7.0);
        close(scores[0].recall, 0.8);
        close(scores[0].f1, 2.0 / 3.0);
        close(scores[1].precision, 0.6);
        close(scores[1].recall, 0.75);
        close(scores[2].precision, 0.0);
        close(scores[2].f1, 0.0);
        assert_eq!(
            scores.iter().map(|class| class.support).collect::<Vec<_>>(),
            [5, 4, 3]
        );
    }
}
