//! A training from its request to its outcome: data, network, plans, memory, the loop, the test.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::checkpoint::{self, Circumstances};
use super::diagnose::Replay;
use super::event::{Event, Outcome, Start};
use super::limits::{Demand, Fitting, width_that_fits};
use super::monitor::Monitor;
use super::run::{Ended, Rules, Run, Trouble};
use super::session::{Evaluator, Session};
use super::step::{self, Pass, buffers};
use super::tuning::{Tune, Tuner};
use super::weights::Weights;
use super::{Request, resident};
use crate::config::{self, Config, Loss, Optimizer};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Executor, Gpu, Kernels};
use crate::graph::{Graph, Target};
use crate::nn::Network;
use crate::ops::state;
use crate::plan::Plan;

/// Trains.
///
/// # Errors
/// Whatever is wrong with the data, the network or the device; an error of `observe` ends the training.
pub fn train(request: &Request, observe: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Outcome> {
    let begin = Instant::now();
    let dataset = resident::load(&request.config, request.data.as_deref())?;
    train_from(begin, request, &dataset, observe)
}

/// Trains on a data set that is already in memory, whatever the configuration says of data.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    request: &Request,
    dataset: &Dataset,
    observe: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Outcome> {
    train_from(Instant::now(), request, dataset, observe)
}

fn train_from(
    begin: Instant,
    request: &Request,
    dataset: &Dataset,
    observe: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Outcome> {
    let config = &request.config;
    if dataset.parts.train.is_empty() {
        return Err(Error::data(
            format!("{}: there are no training samples", dataset.name),
            "give data with samples to train on",
        ));
    }
    let monitor = monitor(config, dataset)?;
    let model = resident::model(config, dataset)?;
    let network = Network::new(config, dataset.sample_shape, dataset.classes.len())?;
    let given = match &request.init {
        Some(path) => Some(given_weights(path, &network)?),
        None => None,
    };
    let data = resident::resident(dataset, &model)?;
    let passes = Passes::of(dataset);

    let gpu = Gpu::open(&request.adapter, request.trust)?;
    let mut kernels = Kernels::default();
    // Kernels decide the bits: a training goes on with those that it was begun with.
    let resume = request.control.resume.as_deref();
    let tune = match resume {
        Some(resume) => Tune::As(resume.from.circumstances.choices.clone()),
        None => request.tune.clone(),
    };
    let mut tuner = Tuner::new(&gpu, &mut kernels, &tune);
    let plans = Plans::by(&network, config, &data, &passes, &mut |graph| {
        Plan::chosen(graph, &[], &gpu.target(), &mut |graph, node, ways| {
            tuner.choose(graph, node, ways)
        })
    })?;
    let tuning = tuner.finish();
    let demand = Demand {
        network: &network,
        data: &data,
        batch: config.train.batch,
        plans: &plans.all(),
    };
    demand.check(&gpu, |limit| Fitting {
        batch: batch_that_fits(&network, config, &data, &passes, &gpu.target(), limit),
        width: width_that_fits(config, &network, &data, limit),
    })?;
    let length = Length::of(config, dataset.parts.train.len());
    let circumstances =
        Circumstances::new(&gpu.info, dataset, &plans.training, tuning.choices.clone());
    let mut start = Start {
        name: config.name.clone(),
        adapter: gpu.info.clone(),
        seed: config.seed,
        data: dataset.name.clone(),
        samples: [&passes.training, &passes.validation, &passes.test].map(|pass| pass.part.len()),
        sample_shape: dataset.sample_shape,
        classes: dataset.classes.len(),
        layers: network.summary(),
        parameters: network.parameter_count(),
        planned_bytes: plans.peak_bytes(),
        data_bytes: resident::bytes(dataset),
        batch: config.train.batch,
        steps: length.total,
        steps_per_epoch: length.per_epoch,
        kernels: tuning,
        resumed: None,
        notes: Vec::new(),
    };
    if let Some(resume) = resume {
        let differences = circumstances.differences(&resume.from.circumstances)?;
        let done = resume.from.host.step;
        if done > length.total {
            return Err(Error::usage(
                format!(
                    "the run has done {done} steps already, more than the {} it shall have",
                    length.total
                ),
                "give more train.epochs or train.steps, or leave them as they are",
            ));
        }
        checkpoint::note(&mut start, &resume.from.host, &differences);
    }
    observe(&Event::Start(Box::new(start)))?;

    // Not before the adapter can hold them: a network beyond it may be beyond the host, too.
    let slab = given.unwrap_or_else(|| network.initial(config.seed));
    let mut session = Session::with(gpu, kernels);
    session.write_parameters(&slab)?;
    write_constants(&mut session, config, dataset.classes.len())?;
    resident::upload(&session.gpu, &mut session.memory, dataset)?;
    let batch = config.train.batch;
    let evaluator = |session: &mut Session, plan: Option<Plan>, pass: &Pass| {
        plan.map(|plan| Evaluator::new(session, plan, pass.clone(), batch))
            .transpose()
    };
    let validation = evaluator(&mut session, plans.validation, &passes.validation)?;
    let mut test = evaluator(&mut session, plans.test, &passes.test)?;
    session.rewind(&passes.training)?;
    let state = checkpoint::state_buffers(&plans.training);
    let executor = Executor::new(
        &session.gpu,
        &mut session.memory,
        &mut session.kernels,
        plans.training,
    )?;
    let startup_seconds = begin.elapsed().as_secs_f64();

    let bytes_before = session.gpu.counters.bytes_read();
    let rules = Rules {
        every: config.checkpoints.every,
        monitor: monitor.clone(),
        stop: request.control.stop.clone(),
        time: request.control.time,
        on_nan: config.checkpoints.on_nan,
        rates: request.control.rates,
    };
    let mut run = Run::new(
        &session,
        &network,
        circumstances,
        executor,
        passes.training.clone(),
        validation,
        length,
        rules,
    );
    run.keep_beginning()?;
    if let Some(resume) = resume {
        resume.from.restore(&session, &network, &state)?;
        run.go_on(Arc::new(resume.from.clone()), &resume.others);
    }
    let done = match run.go(observe)? {
        Ended::Done(done) => done,
        Ended::Bad(trouble) => {
            if trouble.done.is_none() {
                for name in &state {
                    let zeros = vec![0; session.memory.bytes(name) / 4];
                    session.memory.overwrite(&session.gpu, name, &zeros);
                }
                session.write_parameters(&slab)?;
                write_constants(&mut session, config, dataset.classes.len())?;
            }
            let graph = step::training(&network, config, &data, &passes.training);
            return Err(explained(trouble, &mut session, &network, &graph));
        }
    };
    let bytes_read = session.gpu.counters.bytes_read() - bytes_before;
    let restored = wants_best(config)
        .then_some(done.best)
        .flatten()
        .filter(|best| best.host.step != done.host.step);
    if let Some(best) = &restored {
        best.restore(&session, &network, &state)?;
    }

    let test = test.as_mut().map(|test| test.run(&session)).transpose()?;
    let slab: Vec<f32> = session
        .memory
        .read(&session.gpu, buffers::PARAMETERS)?
        .into_iter()
        .map(f32::from_bits)
        .collect();
    refuse_not_finite(&network, &slab)?;
    Ok(Outcome {
        weights: Weights::from_slab(&network, &slab),
        model,
        test,
        ending: done.ending,
        best: monitor.and_then(|monitor| Some((monitor.metric(), done.host.monitor.best?))),
        restored: restored.is_some(),
        steps: done.host.step,
        startup_seconds,
        train_seconds: done.seconds,
        bytes_read,
        blocking_waits: done.blocking_waits,
    })
}

/// What is watched from epoch to epoch, if anything is.
///
/// # Errors
/// If it needs validation samples and there are none.
fn monitor(config: &Config, dataset: &Dataset) -> Result<Option<Monitor>> {
    let Some(metric) = config.checkpoints.best else {
        return Ok(None);
    };
    if metric.needs_validation() && dataset.parts.validation.is_empty() {
        let key = match config.early_stopping {
            Some(_) => "early_stopping.monitor",
            None => "checkpoint.best",
        };
        return Err(Error::usage(
            format!(
                "{key} is {}, but there are no validation samples",
                metric.word()
            ),
            format!(
                "hold some back, as in --set data.validation=0.1, or watch {} instead",
                if metric.falls() {
                    "train_loss"
                } else {
                    "train_accuracy"
                }
            ),
        ));
    }
    let early = config.early_stopping.as_ref();
    Ok(Some(Monitor::new(metric, early)))
}

/// Whether the result is the best epoch and not the last.
fn wants_best(config: &Config) -> bool {
    let early = config.early_stopping.as_ref();
    early.is_some_and(|early| early.restore_best)
}

/// The error of a training that came to something that is not a number, with the place where it came up, if that can be found.
fn explained(trouble: Trouble, session: &mut Session, network: &Network, graph: &Graph) -> Error {
    let Trouble {
        error,
        steps,
        done,
        mut executor,
        pace,
    } = trouble;
    let Some([first, last]) = steps else {
        return error;
    };
    let mut replay = Replay {
        session,
        network,
        executor: &mut executor,
        graph,
        pace,
    };
    match replay.find(done.unwrap_or(0), first, last) {
        Ok(Some(found)) => Error::new(
            error.class(),
            format!("{error}; the first such number came up {found}"),
            error.help(),
        ),
        // The first error is the one to tell.
        Ok(None) | Err(_) => error,
    }
}

/// The slab of a file of weights to begin with.
fn given_weights(path: &Path, network: &Network) -> Result<Vec<f32>> {
    Weights::read(path)?.to_slab(network).map_err(|differences| {
        Error::data(
            format!(
                "{}: the weights do not fit the network: {differences}",
                path.display()
            ),
            "names are `layer.weight` and `layer.bias`; give layers the names of the file with `name = \"…\"`, or choose \
             another file",
        )
    })
}

/// The loss of a step is measured before its update, so only the weights tell whether the last update was sound.
fn refuse_not_finite(network: &Network, slab: &[f32]) -> Result<()> {
    let broken = network.parameters.iter().find(|parameter| {
        let numbers = &slab[parameter.offset..][..parameter.shape.elements()];
        !numbers.iter().all(|number| number.is_finite())
    });
    match broken {
        None => Ok(()),
        Some(parameter) => Err(Error::check(
            format!(
                "`{}` holds numbers that are not finite after the last step",
                parameter.name
            ),
            "the training diverged: try a smaller learning rate, as in --set optimizer.learning_rate=0.001",
        )),
    }
}

/// The parts of the data set.
pub(super) struct Passes {
    training: Pass,
    validation: Pass,
    test: Pass,
}

impl Passes {
    pub(super) fn of(dataset: &Dataset) -> Self {
        let pass = |name, part: &std::ops::Range<usize>| Pass {
            name,
            part: part.clone(),
        };
        Self {
            training: pass("training", &dataset.parts.train),
            validation: pass("validation", &dataset.parts.validation),
            test: pass("test", &dataset.parts.test),
        }
    }
}

/// The plans of a training; parts without samples have none.
pub(super) struct Plans {
    pub(super) training: Plan,
    validation: Option<Plan>,
    test: Option<Plan>,
}

impl Plans {
    /// The plans for an adapter of this kind, every kernel as it is guessed to be best.
    pub(super) fn new(
        network: &Network,
        config: &Config,
        data: &step::Resident,
        passes: &Passes,
        target: &Target,
    ) -> Self {
        let plans = Self::by(network, config, data, passes, &mut |graph| {
            Ok::<_, std::convert::Infallible>(Plan::for_target(graph, &[], target))
        });
        let Ok(plans) = plans;
        plans
    }

    /// The plans that `plan` makes of the graphs.
    fn by<E>(
        network: &Network,
        config: &Config,
        data: &step::Resident,
        passes: &Passes,
        plan: &mut dyn FnMut(Graph) -> Result<Plan, E>,
    ) -> Result<Self, E> {
        let training = plan(step::training(network, config, data, &passes.training))?;
        let mut evaluation = |pass: &Pass| {
            let graph = || step::evaluation(network, config, data, pass, false);
            (!pass.part.is_empty()).then(|| plan(graph())).transpose()
        };
        Ok(Self {
            training,
            validation: evaluation(&passes.validation)?,
            test: evaluation(&passes.test)?,
        })
    }

    fn all(&self) -> Vec<&Plan> {
        std::iter::once(&self.training)
            .chain(&self.validation)
            .chain(&self.test)
            .collect()
    }

    /// Persistent buffers once, the working memory of every plan.
    pub(super) fn peak_bytes(&self) -> usize {
        let mut persistent = std::collections::BTreeMap::new();
        let mut working = 0;
        for buffer in self.all().iter().flat_map(|plan| &plan.buffers) {
            match &buffer.persistent {
                Some(name) => {
                    persistent.insert(name.as_str(), buffer.bytes);
                }
                None => working += buffer.bytes,
            }
        }
        working + persistent.values().sum::<usize>()
    }
}

/// The largest power-of-two fraction of the batch whose plan binds no piece above `limit`, and no more than there are samples.
fn batch_that_fits(
    network: &Network,
    config: &Config,
    data: &step::Resident,
    passes: &Passes,
    target: &Target,
    limit: u64,
) -> Option<usize> {
    let mut smaller = config.clone();
    while smaller.train.batch > 1 {
        smaller.train.batch /= 2;
        let plans = Plans::new(network, &smaller, data, passes, target);
        if plans
            .all()
            .iter()
            .all(|plan| plan.largest_binding().0 as u64 <= limit)
        {
            return Some(smaller.train.batch.min(passes.training.part.len()));
        }
    }
    None
}

/// How many steps a training has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) per_epoch: u64,
    pub(super) total: u64,
}

impl Length {
    fn of(config: &Config, samples: usize) -> Self {
        let per_epoch = samples.div_ceil(config.train.batch) as u64;
        let total = match config.train.length {
            config::Length::Epochs(epochs) => u64::from(epochs) * per_epoch,
            config::Length::Steps(steps) => u64::from(steps),
        };
        Self { per_epoch, total }
    }
}

/// What the step reads and nothing writes: the gradient of the loss by itself, the learning rate, one-hot rows.
fn write_constants(session: &mut Session, config: &Config, classes: usize) -> Result<()> {
    let batch = config.train.batch;
    let ones = vec![1f32.to_bits(); batch];
    session.memory.write(
        &session.gpu,
        buffers::ONES,
        (batch * 4).next_multiple_of(16),
        &ones,
    )?;
    let learning_rate = match &config.optimizer {
        Optimizer::Sgd(sgd) => sgd.learning_rate,
        Optimizer::Adam(adam) | Optimizer::AdamW(adam) => adam.learning_rate,
    };
    let mut schedule = [0; state::SCHEDULE];
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    {
        schedule[state::LEARNING_RATE] = (learning_rate as f32).to_bits();
    }
    session.memory.write(
        &session.gpu,
        buffers::SCHEDULE,
        state::SCHEDULE * 4,
        &schedule,
    )?;
    if config.train.loss == Loss::Mse {
        session.write_identity(classes)?;
    }
    Ok(())
}
