//! A trained network on the test samples.

use std::ops::Range;
use std::path::Path;
use std::thread::{self, Scope};

use super::limits::{Demand, Fitting, binding_limit};
use super::resident::Reading;
use super::session::{Evaluator, Session};
use super::step::{self, Pass};
use super::stream::{Feed, Feeder};
use super::{Metric, Model, Scores, Trained, Weights, resident};
use crate::config::{Config, MicroBatch};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::gpu::{Choice, Gpu, Trust};
use crate::metrics::{Classification, Estimates, Predictions, ValueScores};
use crate::nn::Network;
use crate::plan::Plan;

/// How well a network does on the test samples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// How many samples.
    pub samples: usize,
    /// Mean loss, and accuracy or error.
    pub scores: Scores,
    /// The names of the classes, or of the numbers that are predicted.
    pub names: Vec<String>,
    /// More, by what is predicted.
    pub measured: Measured,
}

/// What is known of an evaluation beside its scores.
#[derive(Clone, Debug)]
pub enum Measured {
    /// Of a classification.
    Classes(Box<Classes>),
    /// Of a regression.
    Values(Values),
    /// Of a language model.
    Text(TextScores),
}

/// A language model, measured: how well it says which character comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextScores {
    /// Characters that were predicted.
    pub characters: usize,
    /// e to the mean loss: among so many equally probable characters it would be as uncertain.
    pub perplexity: f64,
    /// The mean loss in bits: what a character would take in a file that was compressed with it.
    pub bits_per_character: f64,
}

impl TextScores {
    /// Of this mean loss, in nats.
    pub fn of(characters: usize, loss: f64) -> Self {
        Self {
            characters,
            perplexity: loss.exp(),
            bits_per_character: loss / std::f64::consts::LN_2,
        }
    }
}

/// A classification, measured.
#[derive(Clone, Debug)]
pub struct Classes {
    /// Everything that is measured.
    pub scores: Classification,
    /// What is said of every sample, in the order of the data.
    pub predictions: Predictions,
}

/// A regression, measured.
#[derive(Clone, Debug)]
pub struct Values {
    /// Each number that is predicted.
    pub scores: Vec<ValueScores>,
    /// What is said of every sample, in the order of the data.
    pub estimates: Estimates,
}

impl Evaluation {
    /// An evaluation of one sample that never was: it has every figure that one of this model has.
    pub fn example(model: &Model, top_k: &[usize]) -> Self {
        let zeros = vec![0.0; model.outputs()];
        let (names, metric, measured) = match &model.targets {
            None if model.text => {
                let measured = Measured::Text(TextScores::of(1, 0.0));
                (model.classes.clone(), Metric::Accuracy(0.0), measured)
            }
            Some(scale) => {
                let estimates = Estimates::new(zeros.len(), zeros.clone(), zeros);
                let scores = estimates.scores();
                let measured = Measured::Values(Values { scores, estimates });
                (scale.names.clone(), Metric::Rmse(0.0), measured)
            }
            None => {
                let predictions = Predictions::new(zeros.len(), zeros, vec![0]);
                let scores = Classification::of(&predictions, top_k);
                let measured = Measured::Classes(Box::new(Classes {
                    scores,
                    predictions,
                }));
                (model.classes.clone(), Metric::Accuracy(0.0), measured)
            }
        };
        Self {
            samples: 1,
            scores: Scores { loss: 0.0, metric },
            names,
            measured,
        }
    }

    /// What `scores` over the windows of a part say of a language model.
    pub(super) fn of_text(dataset: &Dataset, part: &Range<usize>, scores: Scores) -> Self {
        let characters = part.len() * dataset.sample_len();
        Self {
            samples: part.len(),
            scores,
            names: dataset.targets.names().to_vec(),
            measured: Measured::Text(TextScores::of(characters, scores.loss)),
        }
    }

    /// Measures the `answers` (samples, outputs) of a network to the samples of a part: probabilities, or scaled numbers.
    /// `top_k` names the k of top-k accuracy.
    pub(super) fn of(
        dataset: &Dataset,
        part: &Range<usize>,
        model: &Model,
        scores: Scores,
        answers: Vec<f32>,
        top_k: &[usize],
    ) -> Self {
        let (names, measured) = match (&dataset.targets, &model.targets) {
            (Targets::Values { values, names }, Some(scale)) => {
                let values = values[part.start * names.len()..part.end * names.len()].to_vec();
                let estimates = Estimates::new(names.len(), scale.undo(&answers), values);
                let scores = estimates.scores();
                let measured = Measured::Values(Values { scores, estimates });
                (names.clone(), measured)
            }
            (Targets::Classes { labels, .. }, _) => {
                let labels = labels[part.clone()].to_vec();
                let predictions = Predictions::new(model.classes.len(), answers, labels);
                let scores = Classification::of(&predictions, top_k);
                let measured = Measured::Classes(Box::new(Classes {
                    scores,
                    predictions,
                }));
                (model.classes.clone(), measured)
            }
            (Targets::Values { .. }, None) => unreachable!("a regression has a scale"),
            (Targets::Next { .. }, _) => unreachable!("no answers are kept of a text"),
        };
        Self {
            samples: part.len(),
            scores,
            names,
            measured,
        }
    }
}

/// What of the data a network is evaluated on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The data, if not where it was when training.
    pub data: Option<&'a Path>,
    /// All samples, and not only the test part.
    pub all: bool,
    /// The k of top-k accuracy.
    pub top_k: &'a [usize],
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
    let part = dataset.parts.test.clone();
    let judged = thread::scope(|scope| judge(scope, trained, &dataset, adapter, trust));
    let (scores, answers) = judged?;
    Ok(match answers {
        None => Evaluation::of_text(&dataset, &part, scores),
        Some(answers) => Evaluation::of(&dataset, &part, model, scores, answers, asked.top_k),
    })
}

/// Loss and metric over the test samples, and what the network says of each, where that is kept.
fn judge<'scope>(
    scope: &'scope Scope<'scope, '_>,
    trained: &'scope Trained,
    dataset: &'scope Dataset,
    adapter: &Choice,
    trust: Trust,
) -> Result<(Scores, Option<Vec<f32>>)> {
    let Trained {
        config,
        model,
        weights,
    } = trained;
    let network = network_of_run(config, model)?;
    let slab = slab_of_run(weights, &network)?;
    let mut data = resident::resident(dataset, model)?;
    let pass = Pass {
        name: "test",
        part: dataset.parts.test.clone(),
    };
    let gpu = Gpu::open(adapter, trust)?;
    resident::stream_what_does_not_fit(&mut data, config, binding_limit(&gpu));
    // The weights of a run are what it has averaged. The scores do not depend on the batch: where the one trained with does not
    // fit, a smaller one is taken.
    let mut config = config.clone();
    config.average = None;
    config.train.batch = config.train.rows();
    config.train.micro_batch = MicroBatch::Whole;
    let (plan, answers) = loop {
        let (graph, answers) = step::evaluation(&network, &config, &data, &pass);
        let plan = Plan::for_target(graph, answers.as_slice(), &gpu.target());
        if config.train.batch == 1 || plan.largest_binding().0 as u64 <= binding_limit(&gpu) {
            break (plan, answers);
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
    session.write_parameters(&network, &slab)?;
    if config.train.loss.compares_rows() && !data.regression {
        session.write_class_rows(data.classes, network.outputs())?;
    }
    resident::upload(&session.gpu, &mut session.memory, dataset, model, &data)?;
    let batch = config.train.batch;
    if let Some(window) = data.window(&config.train, batch) {
        let feed = Feed {
            dataset,
            model,
            window,
            batch,
        };
        session.feeders = vec![Feeder::begin(scope, feed, &pass, None)];
    }
    let mut evaluator = Evaluator::new(&mut session, plan, pass, config.train.batch)?;
    match answers {
        None => Ok((evaluator.measure(&session)?, None)),
        Some(answers) => {
            let (scores, answers) = evaluator.judge(&session, answers, model.outputs())?;
            Ok((scores, Some(answers)))
        }
    }
}

/// What to do about files of a run that contradict each other.
const BELONG: &str = "config.toml, model.json and weights.safetensors belong together: restore what was changed, or train again";

/// The network of a run, whose configuration is no longer the user's to mend.
pub(super) fn network_of_run(config: &Config, model: &Model) -> Result<Network> {
    Network::new(config, model.signal(), model.outputs()).map_err(|error| match error {
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
    let is_regression = matches!(dataset.targets, Targets::Values { .. });
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
