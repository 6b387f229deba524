//! A trained network asked about files.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::evaluate::{network_of_run, slab_of_run};
use super::limits::{Demand, Fitting, binding_limit};
use super::session::Session;
use super::step::{self, Resident, buffers};
use super::{Model, Trained, resident};
use crate::data::{Samples, image_file, npy, table};
use crate::error::{Error, Result};
use crate::gpu::{Choice, Executor, Gpu, Trust};
use crate::graph::{DType, Value};
use crate::metrics;
use crate::plan::Plan;

/// What a network says of one sample.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The file.
    pub input: PathBuf,
    /// Where in the file, if it holds several samples.
    pub place: Option<Place>,
    /// What it says.
    pub answer: Answer,
}

/// A sample's place in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The line of a table, from 1.
    Line(u32),
    /// The number in an array, from 0.
    Sample(usize),
}

/// What a network says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Of a classification.
    Class {
        /// The most probable class, by its place in the model's list.
        class: usize,
        /// The probability of each class.
        probabilities: Vec<f32>,
    },
    /// Of a regression: its numbers, in the units of the targets.
    Values(Vec<f32>),
}

/// Samples that are asked about in one go.
const BATCH: usize = 32;

/// Samples and where each comes from.
struct Inputs {
    samples: Samples,
    places: Vec<(PathBuf, Option<Place>)>,
}

/// Asks a trained network about files: pictures, tables or arrays, as it was trained on. With `invert`, dark and light of pictures
/// are exchanged first.
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
    let model = &trained.model;
    let inputs = read(model, files, invert)?;
    let count = inputs.places.len();
    let mut forward = Forward::new(trained, &inputs.samples, count, adapter, trust)?;
    let answers = forward.run(model, &inputs.samples, 0..count)?;
    let answers = answers.chunks(model.outputs());
    let predictions = inputs.places.into_iter().zip(answers);
    predictions
        .map(|((input, place), answer)| {
            if !answer.iter().all(|number| number.is_finite()) {
                return Err(Error::check(
                    format!("{}: what the network says of it is not a number", input.display()),
                    "the training diverged until the network overflows: train again, with a smaller learning rate",
                ));
            }
            let answer = match &model.targets {
                Some(scale) => Answer::Values(scale.undo(answer)),
                None => Answer::Class {
                    class: metrics::most_probable(answer),
                    probabilities: answer.to_vec(),
                },
            };
            Ok(Prediction {
                input,
                place,
                answer,
            })
        })
        .collect()
}

fn read(model: &Model, files: &[PathBuf], invert: bool) -> Result<Inputs> {
    let is_array = |file: &Path| file.extension().is_some_and(|ending| ending == "npy");
    if invert && (model.encoding.is_some() || files.iter().any(|file| is_array(file))) {
        return Err(Error::usage(
            "--invert: only pictures have dark and light",
            "leave it out",
        ));
    }
    if model.text {
        return Err(Error::usage(
            "the network says which character comes next, and nothing of a file as a whole",
            "`anygrad generate RUN --prompt TEXT` has it write, `anygrad eval RUN --data FILE --all` measures it on another text",
        ));
    }
    let mut places = Vec::new();
    if let Some(encoding) = &model.encoding {
        let mut samples: Option<Samples> = None;
        for file in files {
            let (rows, lines) = table::rows(file, encoding)?;
            samples = Some(match (samples, rows) {
                (Some(Samples::Floats(mut all)), Samples::Floats(mut more)) => {
                    all.append(&mut more);
                    Samples::Floats(all)
                }
                (Some(Samples::Ids(mut all)), Samples::Ids(mut more)) => {
                    all.append(&mut more);
                    Samples::Ids(all)
                }
                (_, rows) => rows,
            });
            let lines = lines.into_iter().map(|line| Some(Place::Line(line)));
            places.extend(lines.map(|line| (file.clone(), line)));
        }
        return Ok(Inputs {
            samples: samples.unwrap_or(Samples::Floats(Vec::new())),
            places,
        });
    }
    if files.iter().all(|file| is_array(file)) {
        let mut samples: Option<Samples> = None;
        for file in files {
            let (mut more, count) = npy::samples(file, model.sample_shape)?;
            samples = Some(match (samples.take(), &mut more) {
                (None, _) => more,
                (Some(Samples::Bytes(mut all)), Samples::Bytes(more)) => {
                    all.append(more);
                    Samples::Bytes(all)
                }
                (Some(Samples::Floats(mut all)), Samples::Floats(more)) => {
                    all.append(more);
                    Samples::Floats(all)
                }
                _ => {
                    return Err(Error::data(
                        format!(
                            "{}: its numbers are of another type than those of the files before it",
                            file.display()
                        ),
                        "ask about arrays of one type at a time",
                    ));
                }
            });
            let numbers = (0..count).map(|number| Some(Place::Sample(number)));
            places.extend(numbers.map(|number| (file.clone(), number)));
        }
        let samples = samples.unwrap_or(Samples::Bytes(Vec::new()));
        return Ok(Inputs { samples, places });
    }
    let mut samples =
        Vec::with_capacity(files.len() * model.sample_shape.iter().product::<usize>());
    for file in files {
        let mut pixels = image_file::load(file, model.sample_shape)?;
        if invert {
            pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
        }
        samples.append(&mut pixels);
        places.push((file.clone(), None));
    }
    Ok(Inputs {
        samples: Samples::Bytes(samples),
        places,
    })
}

/// The forward pass of a trained network on the device.
struct Forward {
    session: Session,
    executor: Executor,
    answers: Value,
    batch: usize,
    dtype: DType,
}

impl Forward {
    /// For about `count` samples of this kind.
    fn new(
        trained: &Trained,
        samples: &Samples,
        count: usize,
        adapter: &Choice,
        trust: Trust,
    ) -> Result<Self> {
        let Trained {
            config,
            model,
            weights,
        } = trained;
        let network = network_of_run(config, model)?;
        let slab = slab_of_run(weights, &network)?;
        let mut data = Resident {
            samples: count.clamp(1, BATCH),
            sample_shape: model.sample_shape,
            dtype: resident::dtype(samples, model),
            classes: model.outputs(),
            regression: model.targets.is_some(),
            weighted: false,
            window_bytes: None,
            normalization: resident::normalization(model)?,
            windows: None,
        };
        let gpu = Gpu::open(adapter, trust)?;
        let (plan, answers) = loop {
            let (graph, answers) = step::prediction(&network, config, &data);
            let plan = Plan::for_target(graph, &[answers], &gpu.target());
            if data.samples == 1 || plan.largest_binding().0 as u64 <= binding_limit(&gpu) {
                break (plan, answers);
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
        let mut session = Session::new(gpu, resident::measure(model));
        session.write_parameters(&network, &slab)?;
        if config.train.loss.compares_rows() && !data.regression {
            session.write_class_rows(data.classes, network.outputs())?;
        }
        let Session {
            gpu,
            memory,
            kernels,
            ..
        } = &mut session;
        let executor = Executor::new(gpu, memory, kernels, plan)?;
        Ok(Self {
            session,
            executor,
            answers,
            batch,
            dtype: data.dtype,
        })
    }

    /// What the network gives for some of these samples, one after the other.
    fn run(&mut self, model: &Model, samples: &Samples, part: Range<usize>) -> Result<Vec<f32>> {
        let sample_len: usize = model.sample_shape.iter().product();
        let outputs = model.outputs();
        let bytes = self.dtype.storage_bytes(self.batch * sample_len);
        let mut answers = Vec::with_capacity(part.len() * outputs);
        let Session { gpu, memory, .. } = &mut self.session;
        for begin in part.clone().step_by(self.batch) {
            let count = self.batch.min(part.end - begin);
            let words = resident::words(model, samples, begin..begin + count);
            memory.write(gpu, buffers::SAMPLES, bytes, &words)?;
            self.executor.submit(gpu, memory, 1, None)?;
            let rows = self.executor.read(gpu, self.answers)?;
            answers.extend(
                rows[..count * outputs]
                    .iter()
                    .map(|&word| f32::from_bits(word)),
            );
        }
        Ok(answers)
    }
}
