//! A trained network on the test samples, and on single images.

use std::path::{Path, PathBuf};

use super::limits::{Demand, Fitting, binding_limit};
use super::session::{Evaluator, Session};
use super::step::{self, Pass, Resident};
use super::{Model, Scores, Trained, Weights, resident};
use crate::config::{Config, MicroBatch};
use crate::data::{Dataset, image_file};
use crate::error::{Error, Result};
use crate::gpu::{Choice, Executor, Gpu, Trust};
use crate::graph::DType;
use crate::nn::Network;
use crate::plan::Plan;

/// How well a network does on the test samples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// How many samples.
    pub samples: usize,
    /// Mean loss and accuracy.
    pub scores: Scores,
    /// Each class.
    pub classes: Vec<ClassScores>,
    /// Rows: the true class; columns: the predicted one.
    pub confusion: Vec<Vec<u64>>,
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

/// What a network says of one image.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The file.
    pub input: PathBuf,
    /// The most probable class, by its place in the model's list.
    pub class: usize,
    /// The probability of each class.
    pub probabilities: Vec<f32>,
}

impl Evaluation {
    /// The mean of a score over the classes, each counting the same.
    pub fn macro_mean(&self, score: impl Fn(&ClassScores) -> f64) -> f64 {
        self.classes.iter().map(score).sum::<f64>() / self.classes.len() as f64
    }
}

/// Images that are predicted in one go.
const PREDICT_BATCH: usize = 32;

/// Evaluates a trained network on the test samples of its data, or of the data at `data`.
///
/// # Errors
/// Whatever is wrong with the data or the device.
pub fn evaluate(
    trained: &Trained,
    data: Option<&Path>,
    adapter: &Choice,
    trust: Trust,
) -> Result<Evaluation> {
    let Trained {
        config,
        model,
        weights,
    } = trained;
    let dataset = resident::load(config, data)?;
    refuse_other_data(model, &dataset)?;
    let network = network_of_run(config, model)?;
    let slab = slab_of_run(weights, &network)?;
    let data = resident::resident(&dataset, model)?;
    let pass = Pass {
        name: "test",
        part: dataset.parts.test.clone(),
    };
    if pass.part.is_empty() {
        return Err(Error::data(
            format!("{}: there are no test samples", dataset.name),
            "give data with a test set",
        ));
    }
    let gpu = Gpu::open(adapter, trust)?;
    // The weights of a run are what it has averaged. The scores do not depend on the batch: where the one trained with does not
    // fit, a smaller one is taken.
    let mut config = config.clone();
    config.average = None;
    config.train.batch = config.train.rows();
    config.train.micro_batch = MicroBatch::Whole;
    let plan = loop {
        let plan = Plan::for_target(
            step::evaluation(&network, &config, &data, &pass, true),
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
    let mut session = Session::new(gpu);
    session.write_parameters(&slab)?;
    if config.train.loss.is_of_numbers() {
        session.write_identity(model.classes.len())?;
    }
    resident::upload(&session.gpu, &mut session.memory, &dataset)?;
    let mut evaluator = Evaluator::new(&mut session, plan, pass, config.train.batch)?;
    let scores = evaluator.run(&session)?;
    let counts = session
        .memory
        .read(&session.gpu, &evaluator.pass.confusion())?;
    let classes = model.classes.len();
    let confusion: Vec<Vec<u64>> = counts[..classes * classes]
        .chunks(classes)
        .map(|row| row.iter().map(|&count| u64::from(count)).collect())
        .collect();
    Ok(Evaluation {
        samples: evaluator.pass.part.len(),
        scores,
        classes: class_scores(&model.classes, &confusion),
        confusion,
    })
}

/// What to do about files of a run that contradict each other.
const BELONG: &str = "config.toml, model.json and weights.safetensors belong together: restore what was changed, or train again";

/// The network of a run, whose configuration is no longer the user's to mend.
fn network_of_run(config: &Config, model: &Model) -> Result<Network> {
    Network::new(config, model.sample_shape, model.classes.len()).map_err(|error| match error {
        Error::Source(mistakes) => Error::data(
            format!("the run's configuration does not fit its model.json: {mistakes}"),
            BELONG,
        ),
        other => other,
    })
}

/// The slab of a run's weights.
fn slab_of_run(weights: &Weights, network: &Network) -> Result<Vec<f32>> {
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
    if dataset.classes.len() > model.classes.len() {
        return Err(Error::data(
            format!(
                "{}: it has {} classes, the network knows {}",
                dataset.name,
                dataset.classes.len(),
                model.classes.len()
            ),
            "evaluate on data with the classes it was trained on",
        ));
    }
    Ok(())
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

/// Asks a trained network about image files. With `invert`, dark and light are exchanged first.
///
/// # Errors
/// Whatever is wrong with the files or the device.
pub fn predict(
    trained: &Trained,
    files: &[PathBuf],
    invert: bool,
    adapter: &Choice,
    trust: Trust,
) -> Result<Vec<Prediction>> {
    let Trained {
        config,
        model,
        weights,
    } = trained;
    let network = network_of_run(config, model)?;
    let slab = slab_of_run(weights, &network)?;
    let mut data = Resident {
        samples: files.len().clamp(1, PREDICT_BATCH),
        sample_shape: model.sample_shape,
        dtype: DType::U8,
        classes: model.classes.len(),
        normalization: resident::normalization(model)?,
    };
    let mut images = Vec::with_capacity(files.len());
    for file in files {
        let mut pixels = image_file::load(file, model.sample_shape)?;
        if invert {
            pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
        }
        images.push(pixels);
    }
    let gpu = Gpu::open(adapter, trust)?;
    let (plan, probabilities) = loop {
        let (graph, probabilities) = step::prediction(&network, config, &data);
        let plan = Plan::for_target(graph, &[probabilities], &gpu.target());
        if data.samples == 1 || plan.largest_binding().0 as u64 <= binding_limit(&gpu) {
            break (plan, probabilities);
        }
        data.samples /= 2;
    };
    let batch = data.samples;
    let demand = Demand {
        network: &network,
        data: &data,
        batch,
        plans: &[&plan],
    };
    demand.check(&gpu, |_| Fitting::default())?;
    let mut session = Session::new(gpu);
    session.write_parameters(&slab)?;
    let Session {
        gpu,
        memory,
        kernels,
    } = &mut session;
    let mut executor = Executor::new(gpu, memory, kernels, plan)?;
    let bytes = DType::U8.storage_bytes(batch * model.sample_shape.iter().product::<usize>());
    let mut predictions = Vec::with_capacity(files.len());
    for (files, images) in files.chunks(batch).zip(images.chunks(batch)) {
        memory.write(
            gpu,
            step::buffers::SAMPLES,
            bytes,
            &resident::pack(&images.concat()),
        )?;
        executor.submit(gpu, memory, 1, None)?;
        let rows = executor.read(gpu, probabilities)?;
        for (file, row) in files.iter().zip(rows.chunks(model.classes.len())) {
            let probabilities: Vec<f32> = row.iter().map(|&word| f32::from_bits(word)).collect();
            if !probabilities.iter().all(|p| p.is_finite()) {
                return Err(Error::check(
                    format!(
                        "{}: what the network says of it is not a number",
                        file.display()
                    ),
                    "the training diverged until the network overflows: train again, with a smaller learning rate",
                ));
            }
            let class = (0..probabilities.len())
                .reduce(|best, i| {
                    if probabilities[i] > probabilities[best] {
                        i
                    } else {
                        best
                    }
                })
                .unwrap_or(0);
            predictions.push(Prediction {
                input: file.clone(),
                class,
                probabilities,
            });
        }
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests {
    use super::*;

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
