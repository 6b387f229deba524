//! A training from its request to its outcome: data, network, plans, memory, the loop, the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::Instant;

use super::checkpoint::{self, Circumstances};
use super::diagnose::Replay;
use super::event::{Event, Model, Outcome, Start};
use super::limits::{Demand, Fitting, binding_limit, width_that_fits};
use super::monitor::Monitor;
use super::plans::{Passes, Plans, batch_that_fits, fitted};
use super::profile::Profiler;
use super::resident::Reading;
use super::run::{Ended, Rules, Run, Trouble};
use super::schedule::{self, Length};
use super::session::{Evaluator, Session};
use super::step::{self, Pass, buffers};
use super::stream::{Feed, Feeder};
use super::tuning::{Tune, Tuner};
use super::weights::{Transfer, Weights};
use super::{Evaluation, Request, mistakes, resident};
use crate::config::{self, Config, Curve, Precision, Task};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Executor, Gpu, Kernels};
use crate::graph::Graph;
use crate::nn::Network;
use crate::ops::gather_batch::MAX_CHANNELS;
use crate::ops::{loss_scale, mixup, state};
use crate::plan::Plan;

/// Trains.
///
/// # Errors
/// Whatever is wrong with the data, the network or the device; an error of `observe` ends the training.
pub fn train(request: &Request, observe: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Outcome> {
    let begin = Instant::now();
    let reading = Reading {
        path: request.data.as_deref(),
        fold: request.fold,
        ..Reading::default()
    };
    let mut progress = |done, total| observe(&Event::Reading { done, total });
    let dataset = resident::load(&request.config, &reading, &mut progress)?;
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
    let model = checked_model(&request.config, dataset)?;
    // Threads that gather samples for the adapter end with the training.
    thread::scope(|scope| train_in(scope, begin, request, dataset, &model, observe))
}

/// What a trained network will remember of its data.
fn checked_model(config: &Config, dataset: &Dataset) -> Result<Model> {
    if dataset.parts.train.is_empty() {
        return Err(Error::data(
            format!("{}: there are no training samples", dataset.name),
            "give data with samples to train on",
        ));
    }
    let [h, w, c] = dataset.sample_shape;
    let changes = (config.data.augment.as_ref()).is_some_and(config::Augment::changes_pictures);
    if changes && (h * w == 1 || c > MAX_CHANNELS) {
        return Err(config.error_in_data(
            "augment",
            format!("the samples of {} are no pictures to be changed", dataset.name),
            format!("for samples of {h} × {w} × {c}"),
            format!(
                "remove [data.augment], or all but `mixup`; pictures have more than one pixel, of at most {MAX_CHANNELS} channels"
            ),
        ));
    }
    resident::model(config, dataset)
}

fn train_in<'scope>(
    scope: &'scope Scope<'scope, '_>,
    begin: Instant,
    request: &Request,
    dataset: &'scope Dataset,
    model: &'scope Model,
    observe: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Outcome> {
    let config = &request.config;
    let monitor = monitor(config, dataset)?;
    let network = Network::new(config, model.signal(), model.outputs())?;
    let given = Given::new(request, &network)?;
    let mut data = resident::resident(dataset, model)?;
    let passes = Passes::of(dataset);

    let gpu = Gpu::open(&request.adapter, request.trust)?;
    let limit = binding_limit(&gpu);
    resident::stream_what_does_not_fit(&mut data, config, limit);
    let config = &fitted(&network, config, &data, &passes, &gpu.target(), limit);
    let mut kernels = Kernels::default();
    // Kernels decide the bits: a training goes on with those that it was begun with.
    let resume = request.control.resume.as_deref();
    let tune = match resume {
        Some(resume) => Tune::As(resume.from.circumstances.choices.clone()),
        None => request.tune.clone(),
    };
    let mut tuner = Tuner::new(&gpu, &mut kernels, &tune);
    let plans = Plans::by(&network, config, &data, &passes, &mut |graph, keep| {
        Plan::chosen(graph, keep, &gpu.target(), &mut |graph, node, ways| {
            tuner.choose(graph, node, ways)
        })
    })?;
    let tuning = tuner.finish();
    let demand = Demand {
        network: &network,
        data: &data,
        batch: config.train.rows(),
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
        classes: model.outputs(),
        regression: model.targets.is_some(),
        text: model.text,
        layers: network.summary(),
        parameters: network.parameter_count(),
        planned_bytes: plans.peak_bytes(),
        data_bytes: resident::bytes(dataset, &data, &config.train),
        batch: config.train.samples_per_update(),
        micro_batch: config.train.rows(),
        steps: length.total,
        steps_per_epoch: length.per_epoch,
        kernels: tuning,
        resumed: None,
        transfer: given.transfer(&network).filter(|_| resume.is_none()),
        notes: Vec::new(),
    };
    if config.train.precision == Precision::F16 && !gpu.has_f16() {
        start.notes.push(format!(
            "{} has no 16-bit floats: activations take 32 bits as with precision = \"f32\"",
            gpu.info.name
        ));
    }
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
    let slab = given.slab(&network, config.seed);
    let mut session = Session::with(gpu, kernels, resident::measure(model));
    session.write_parameters(&network, &slab)?;
    write_constants(&mut session, &network, config, &data)?;
    resident::upload(&session.gpu, &mut session.memory, dataset, model, &data)?;
    let batch = config.train.rows();
    let feed = |batch: usize, rows: usize| {
        let window = data.window(&config.train, rows)?;
        Some(Feed {
            dataset,
            model,
            window,
            batch,
        })
    };
    let updates = feed(
        config.train.samples_per_update(),
        config.train.parts() * batch,
    );
    if let (Some(updates), Some(batches)) = (updates, feed(batch, batch)) {
        let shuffle = config.train.shuffle.then_some(config.seed);
        let training = Feeder::begin(scope, updates, &passes.training, shuffle);
        session.feeders.push(training);
        for pass in [&passes.validation, &passes.test] {
            if !pass.part.is_empty() {
                let feeder = Feeder::begin(scope, batches.clone(), pass, None);
                session.feeders.push(feeder);
            }
        }
    }
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
    let profiler = (request.profile)
        .then(|| Profiler::new(&session.gpu, &executor))
        .transpose()?;
    let startup_seconds = begin.elapsed().as_secs_f64();

    let bytes_before = session.gpu.counters.bytes_read();
    let buffers_before = session.gpu.counters.buffers();
    let rules = Rules {
        every: config.checkpoints.every,
        monitor: monitor.clone(),
        stop: request.control.stop.clone(),
        time: request.control.time,
        on_nan: config.checkpoints.on_nan,
        plateau: match config.schedule.curve {
            Curve::ReduceOnPlateau(plateau) => Some((plateau, config.optimizer.learning_rate())),
            _ => None,
        },
        rates: request.control.rates,
    };
    let mut run = Run::new(
        &session,
        &network,
        circumstances,
        executor,
        profiler,
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
                session.write_parameters(&network, &slab)?;
                write_constants(&mut session, &network, config, &data)?;
            }
            let graph = step::training(&network, config, &data, &passes.training);
            let pass = &passes.training;
            return Err(explained(trouble, &mut session, &network, &graph, pass));
        }
    };
    let bytes_read = session.gpu.counters.bytes_read() - bytes_before;
    let buffers_made = session.gpu.counters.buffers() - buffers_before;
    let restored = wants_best(config)
        .then_some(done.best)
        .flatten()
        .filter(|best| best.host.step != done.host.step);
    if let Some(best) = &restored {
        best.restore(&session, &network, &state)?;
    }

    let part = &passes.test.part;
    let evaluation = match (&mut test, plans.test_answers) {
        (Some(test), Some(answers)) => {
            let (scores, answers) = test.judge(&session, answers, model.outputs())?;
            Some(Evaluation::of(dataset, part, model, scores, answers, &[]))
        }
        (Some(test), None) => {
            let scores = test.measure(&session)?;
            Some(Evaluation::of_text(dataset, part, scores))
        }
        (None, _) => None,
    };
    let weights = |buffer| {
        let mut slab = session.memory.read(&session.gpu, buffer)?;
        // The running statistics belong to an average as they are.
        if network.statistics_elements > 0 {
            slab.extend(session.memory.read(&session.gpu, buffers::STATISTICS)?);
        }
        let slab: Vec<f32> = slab.into_iter().map(f32::from_bits).collect();
        refuse_not_finite(&network, &slab)?;
        Ok::<_, Error>(Weights::from_slab(&network, &slab))
    };
    let last = weights(buffers::PARAMETERS)?;
    let averaged = (config.average.is_some())
        .then(|| weights(buffers::AVERAGED))
        .transpose()?;
    let (weights, raw_weights) = match averaged {
        None => (last, None),
        Some(averaged) => (averaged, Some(last)),
    };
    Ok(Outcome {
        weights,
        raw_weights,
        model: model.clone(),
        test: evaluation.as_ref().map(|evaluation| evaluation.scores),
        mistakes: mistakes::of(evaluation.as_ref(), dataset, part),
        evaluation,
        ending: done.ending,
        best: monitor.and_then(|monitor| Some((monitor.metric(), done.host.monitor.best?))),
        restored: restored.is_some(),
        steps: done.host.step,
        startup_seconds,
        train_seconds: done.seconds,
        bytes_read,
        blocking_waits: done.blocking_waits,
        buffers_made,
        profile: done.profile,
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
    let key = match config.early_stopping {
        Some(_) => "early_stopping.monitor",
        None => "checkpoint.best",
    };
    if !metric.is_of(config.data.task) {
        return Err(Error::usage(
            format!("{key} is {}, which this task does not have", metric.word()),
            match config.data.task {
                Task::Classification => "classes have a loss and an accuracy",
                Task::Regression => "numbers have a loss and an rmse",
            },
        ));
    }
    if metric.needs_validation() && dataset.parts.validation.is_empty() {
        return Err(Error::usage(
            format!(
                "{key} is {}, but there are no validation samples",
                metric.word()
            ),
            format!(
                "hold some back, as in --set data.validation=0.1, or watch {} instead",
                metric.word().replace("validation", "train")
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
fn explained(
    trouble: Trouble,
    session: &mut Session,
    network: &Network,
    graph: &Graph,
    pass: &Pass,
) -> Error {
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
        pass,
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
/// The weights that a training is given to begin with.
enum Given {
    Nothing,
    /// All of them, as a slab.
    All(Vec<f32>),
    /// Those of another network, of which some fit.
    Some(Weights),
}

impl Given {
    /// What a request names: a file with all weights, or, with `init_from` in the configuration, one of which some fit.
    fn new(request: &Request, network: &Network) -> Result<Self> {
        let from = request.config.init_from.as_deref();
        match (&request.init, from) {
            (None, None) => Ok(Self::Nothing),
            (Some(path), None) => Ok(Self::All(given_weights(path, network)?)),
            (given, Some(from)) => {
                let file = given.clone().unwrap_or_else(|| weights_file(from));
                let weights = Weights::read(&file)?;
                let transfer = weights.transfer(network);
                if transfer.loaded > 0 {
                    return Ok(Self::Some(weights));
                }
                let first = transfer.left.first().cloned().unwrap_or_default();
                Err(Error::data(
                    format!(
                        "{}: none of its {} tensors has the name and the shape of one of the network's, such as {first}",
                        file.display(),
                        weights.tensors().len()
                    ),
                    "weights are found by name, `layer.weight`: give layers the names of the file with `name = \"…\"`",
                ))
            }
        }
    }

    fn transfer(&self, network: &Network) -> Option<Transfer> {
        match self {
            Self::Nothing | Self::All(_) => None,
            Self::Some(weights) => Some(weights.transfer(network)),
        }
    }

    /// What the network begins with; what is not given is drawn from the seed.
    fn slab(self, network: &Network, seed: u64) -> Vec<f32> {
        match self {
            Self::Nothing => network.initial(seed),
            Self::All(slab) => slab,
            Self::Some(weights) => {
                let mut slab = network.initial(seed);
                weights.put(network, &mut slab);
                slab
            }
        }
    }
}

/// The file of weights that a run folder or a path to one means.
pub fn weights_file(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join("weights.safetensors"),
        false => path.to_owned(),
    }
}

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
    let weights = Weights::from_slab(network, slab);
    let mut tensors = weights.tensors().iter();
    match tensors.find(|tensor| !tensor.data.iter().all(|number| number.is_finite())) {
        None => Ok(()),
        Some(tensor) => Err(Error::check(
            format!(
                "`{}` holds numbers that are not finite after the last step",
                tensor.name
            ),
            "the training diverged: try a smaller learning rate, as in --set optimizer.learning_rate=0.001",
        )),
    }
}

/// What the step finds there: the gradient of the loss by itself, what differs between parameters, the learning rate, one-hot rows.
fn write_constants(
    session: &mut Session,
    network: &Network,
    config: &Config,
    data: &step::Resident,
) -> Result<()> {
    let rows = config.train.rows() * data.context().unwrap_or(1);
    let ones = vec![1f32.to_bits(); rows];
    session.memory.write(
        &session.gpu,
        buffers::ONES,
        (rows * 4).next_multiple_of(16),
        &ones,
    )?;
    if config.train.precision == Precision::F16 {
        let mut scale = [0; loss_scale::STATE];
        scale[loss_scale::SCALE] = loss_scale::FIRST.to_bits();
        let bytes = loss_scale::STATE * 4;
        session
            .memory
            .write(&session.gpu, buffers::LOSS_SCALE, bytes, &scale)?;
    }
    let groups = network.groups();
    session.memory.write(
        &session.gpu,
        buffers::GROUPS,
        (groups.len() * 4).next_multiple_of(16),
        bytemuck::cast_slice(&groups),
    )?;
    let schedule = schedule::initial(config).map(f32::to_bits);
    session.memory.write(
        &session.gpu,
        buffers::SCHEDULE,
        state::SCHEDULE * 4,
        &schedule,
    )?;
    let alpha = (config.data.augment.as_ref()).map_or(0.0, |augment| augment.mixup);
    if alpha > 0.0 {
        let shares = mixup::shares(alpha);
        session.memory.write(
            &session.gpu,
            buffers::SHARES,
            (shares.len() * 4).next_multiple_of(16),
            bytemuck::cast_slice(&shares),
        )?;
    }
    if config.train.loss.compares_rows() && !data.regression {
        session.write_class_rows(data.classes, network.outputs())?;
    }
    Ok(())
}
