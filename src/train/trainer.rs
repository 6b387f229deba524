//! A training from its request to its outcome: data, network, plans, memory, the loop, the test.

use std::path::Path;
use std::thread::{self, Scope};
use std::time::Instant;

use super::event::{Event, Model, Outcome, Start};
use super::limits::{Demand, Fitting, binding_limit, width_that_fits};
use super::resident::Reading;
use super::run::Run;
use super::session::{Evaluator, Session};
use super::step::{self, Pass, buffers};
use super::stream::{Feed, Feeder};
use super::tuning::Tuner;
use super::weights::Weights;
use super::{Request, resident};
use crate::config::{self, Config, Loss, Optimizer};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Executor, Gpu, Kernels};
use crate::graph::{Graph, Target};
use crate::nn::Network;
use crate::ops::gather_batch::MAX_CHANNELS;
use crate::ops::state;
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
    if config.data.augment.is_some() && (h * w == 1 || c > MAX_CHANNELS) {
        return Err(Error::usage(
            format!("data.augment: samples of {h} × {w} × {c} are no pictures"),
            format!(
                "remove [data.augment]; pictures have more than one pixel, of at most {MAX_CHANNELS} channels"
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
    let network = Network::new(config, dataset.sample_shape, model.outputs())?;
    let given = match &request.init {
        Some(path) => Some(given_weights(path, &network)?),
        None => None,
    };
    let mut data = resident::resident(dataset, model)?;
    let passes = Passes::of(dataset);

    let gpu = Gpu::open(&request.adapter, request.trust)?;
    resident::stream_what_does_not_fit(&mut data, config, binding_limit(&gpu));
    let mut kernels = Kernels::default();
    let mut tuner = Tuner::new(&gpu, &mut kernels, &request.tune);
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
    observe(&Event::Start(Box::new(Start {
        name: config.name.clone(),
        adapter: gpu.info.clone(),
        seed: config.seed,
        data: dataset.name.clone(),
        samples: [&passes.training, &passes.validation, &passes.test].map(|pass| pass.part.len()),
        sample_shape: dataset.sample_shape,
        classes: model.outputs(),
        regression: model.targets.is_some(),
        layers: network.summary(),
        parameters: network.parameter_count(),
        planned_bytes: plans.peak_bytes(),
        data_bytes: resident::bytes(dataset, &data, config.train.batch),
        batch: config.train.batch,
        steps: length.total,
        steps_per_epoch: length.per_epoch,
        kernels: tuning,
    })))?;

    // Not before the adapter can hold them: a network beyond it may be beyond the host, too.
    let slab = given.unwrap_or_else(|| network.initial(config.seed));
    let mut session = Session::with(gpu, kernels, resident::measure(model));
    session.write_parameters(&slab)?;
    write_constants(&mut session, config, &data)?;
    resident::upload(&session.gpu, &mut session.memory, dataset, model, &data)?;
    if let Some(window) = data.window(config.train.batch) {
        let feed = Feed {
            dataset,
            model,
            window,
            batch: config.train.batch,
        };
        let shuffle = config.train.shuffle.then_some(config.seed);
        for (pass, shuffle) in [
            (&passes.training, shuffle),
            (&passes.validation, None),
            (&passes.test, None),
        ] {
            if !pass.part.is_empty() {
                (session.feeders).push(Feeder::begin(scope, feed.clone(), pass, shuffle));
            }
        }
    }
    let batch = config.train.batch;
    let evaluator = |session: &mut Session, plan: Option<Plan>, pass: &Pass| {
        plan.map(|plan| Evaluator::new(session, plan, pass.clone(), batch))
            .transpose()
    };
    let validation = evaluator(&mut session, plans.validation, &passes.validation)?;
    let mut test = evaluator(&mut session, plans.test, &passes.test)?;
    session.rewind(&passes.training)?;
    let executor = Executor::new(
        &session.gpu,
        &mut session.memory,
        &mut session.kernels,
        plans.training,
    )?;
    let startup_seconds = begin.elapsed().as_secs_f64();

    let before = (
        session.gpu.counters.bytes_read(),
        session.gpu.counters.blocking_waits(),
    );
    let mut run = Run::new(
        &session,
        executor,
        passes.training.clone(),
        validation,
        length,
    );
    run.submit_all(observe)?;
    let blocking_waits = session.gpu.counters.blocking_waits() - before.1;
    let train_seconds = run.finish(observe)?;
    let bytes_read = session.gpu.counters.bytes_read() - before.0;

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
        model: model.clone(),
        test,
        steps: length.total,
        startup_seconds,
        train_seconds,
        bytes_read,
        blocking_waits,
    })
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
fn write_constants(session: &mut Session, config: &Config, data: &step::Resident) -> Result<()> {
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
    if config.train.loss == Loss::Mse && !data.regression {
        session.write_identity(data.classes)?;
    }
    Ok(())
}
