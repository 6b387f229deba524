//! Whole training steps: the loop that `train` runs, on data of the right shape, without validation and test.

use std::path::Path;
use std::time::Instant;

use super::clock::{Effort, Timing};
use super::{Probes, Work, roofline};
use crate::config::{Config, DataSource, LayerKind, Length};
use crate::data::{self, Dataset};
use crate::error::{Error, Result};
use crate::gpu::{Choice, Trust};
use crate::train::{self, Control, Event, Request, Tune};

/// The samples that stand for those of files that are not there: as many and as large as in a tenth of MNIST.
const SAMPLES: usize = 6000;
const SAMPLE_SHAPE: [usize; 3] = [28, 28, 1];
const CLASSES: usize = 10;

/// Seconds of steps whose time does not count: submissions grow until they are long enough.
const WARM_UP: f64 = 0.3;

/// Times are taken over pieces of at least so many seconds, since steps report by submission.
const PIECE: f64 = 0.08;

/// How fast a network trains.
#[derive(Clone, Debug)]
pub struct NetBench {
    /// Its name.
    pub net: String,
    /// What it was trained on.
    pub data: String,
    /// Samples of a step.
    pub batch: usize,
    /// The time of a step.
    pub timing: Timing,
    /// Seconds from nothing to the end of the first step: data, plan, shaders, memory.
    pub first_step_seconds: f64,
    /// What a step takes.
    pub work: Work,
    /// The least seconds of a step.
    pub roof_seconds: f64,
    /// Planned bytes of a step, and the fewest possible.
    pub memory: [usize; 2],
}

impl NetBench {
    /// Samples in a second.
    pub fn samples_per_second(&self) -> f64 {
        self.batch as f64 / self.timing.seconds
    }
}

/// Trains for a moment and gives the time of a step.
///
/// # Errors
/// Whatever is wrong with the data, the network or the device.
pub fn step(
    config: &Config,
    path: Option<&Path>,
    (adapter, trust): (&Choice, Trust),
    probes: &Probes,
    effort: Effort,
) -> Result<NetBench> {
    let dataset = training_part(config, path)?;
    let mut config = config.clone();
    config.train.length = Length::Steps(u32::MAX);
    let request = Request {
        config,
        data: None,
        fold: None,
        init: None,
        adapter: adapter.clone(),
        trust,
        tune: Tune::Cached,
        control: Control::default(),
        profile: false,
    };
    let inspection = train::inspect_on(&request, &dataset)?;
    let kernels = &inspection.step.kernels;
    let (first_step_seconds, timing) = run(&request, &dataset, effort)?;
    Ok(NetBench {
        net: request.config.name.clone(),
        data: dataset.name.clone(),
        batch: request.config.train.batch,
        timing,
        first_step_seconds,
        work: Work::of(kernels),
        roof_seconds: roofline(probes, kernels),
        memory: [
            inspection.step.peak_bytes(),
            inspection.step.lower_bound_bytes,
        ],
    })
}

/// The data set of a configuration, all of it to train on; noise where it needs files and none are named.
fn training_part(config: &Config, path: Option<&Path>) -> Result<Dataset> {
    let needs_files = config.data.source != DataSource::Digits;
    if needs_files && path.is_none() && config.data.path.is_none() {
        let outputs = config
            .layers
            .iter()
            .rev()
            .find_map(|layer| match &layer.kind {
                LayerKind::Dense(dense) => Some(dense.out_features),
                _ => None,
            });
        let classes = outputs.unwrap_or(CLASSES);
        let shape = match config.data.source {
            DataSource::Cifar10 => [32, 32, 3],
            _ => SAMPLE_SHAPE,
        };
        return Ok(data::noise(SAMPLES, shape, classes, config.seed));
    }
    // A path for a network that has its own data is for the others.
    let mut dataset = train::dataset(config, path.filter(|_| needs_files))?;
    let end = dataset.parts.train.end;
    (dataset.parts.validation, dataset.parts.test) = (end..end, end..end);
    Ok(dataset)
}

/// The seconds until the first step was done, and of each step afterwards.
fn run(request: &Request, dataset: &Dataset, effort: Effort) -> Result<(f64, Timing)> {
    let begin = Instant::now();
    let mut first = None;
    let mut piece: Option<(Instant, usize)> = None;
    let mut times = Vec::new();
    let measuring = 10.0 * effort.budget();
    let mut done = false;
    let ended = train::train_on(request, dataset, &mut |event| {
        let Event::Steps(steps) = event else {
            return Ok(());
        };
        let now = Instant::now();
        let first = *first.get_or_insert(now);
        if now.duration_since(first).as_secs_f64() < WARM_UP {
            return Ok(());
        }
        // What arrives at the first time after the warm-up begins a piece, and belongs to none.
        let Some((since, count)) = &mut piece else {
            piece = Some((now, 0));
            return Ok(());
        };
        *count += steps.losses.len();
        let seconds = now.duration_since(*since).as_secs_f64();
        if seconds >= PIECE {
            times.push(seconds / *count as f64);
            piece = Some((now, 0));
        }
        let measured = now.duration_since(first).as_secs_f64() - WARM_UP;
        if times.len() >= 3 && measured > measuring {
            done = true;
            return Err(Error::check("enough is measured", ""));
        }
        Ok(())
    });
    match ended {
        Err(_) if done => {}
        Err(error) => return Err(error),
        Ok(_) => unreachable!("a training of 2^32 steps ends when enough is measured"),
    }
    let first = first.expect("steps were measured");
    let first = first.duration_since(begin).as_secs_f64();
    Ok((first, Timing::of(times)))
}
