//! A training from its request to its outcome: data, network, plans, memory, the loop, the test.

use std::path::Path;
use std::time::Instant;

use super::event::{Event, Outcome, Start};
use super::limits::{Demand, Fitting, width_that_fits};
use super::resident::Reading;
use super::run::Run;
use super::session::{Evaluator, Session};
use super::step::{self, Pass, buffers};
use super::tuning::Tuner;
use super::weights::Weights;
use super::{Evaluation, Measured, Request, mistakes, resident};
use crate::config::{self, Config, Loss, Optimizer};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Executor, Gpu, Kernels};
use crate::graph::{Graph, Target, Value};
use crate::nn::Network;
use crate::ops::state;
use crate::plan::Plan;

/// Makes a plan of a graph that keeps some tensors.
type Planner<'a, E> = dyn FnMut(Graph, &[Value]) -> Result<Plan, E> + 'a;

/// So many of the most confident mistakes are kept.
const MISTAKES: usize = 24;

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
    let config = &request.config;
    if dataset.parts.train.is_empty() {
        return Err(Error::data(
            format!("{}: there are no training samples", dataset.name),
            "give data with samples to train on",
        ));
    }
    let model = resident::model(config, dataset)?;
    let network = Network::new(config, dataset.sample_shape, model.outputs())?;
    let given = match &request.init {
        Some(path) => Some(given_weights(path, &network)?),
        None => None,
    };
    let data = resident::resident(dataset, &model)?;
    let passes = Passes::of(dataset);

    let gpu = Gpu::open(&request.adapter, request.trust)?;
    let mut kernels = Kernels::default();
    let mut tuner = Tuner::new(&gpu, &mut kernels, &request.tune);
    let plans = Plans::by(&network, config, &data, &passes, &mut |graph, keep| {
        Plan::chosen(graph, keep, &gpu.target(), &mut |graph, node, ways| {
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
        data_bytes: resident::bytes(dataset, &data),
        batch: config.train.batch,
        steps: length.total,
        steps_per_epoch: length.per_epoch,
        kernels: tuning,
    })))?;

    // Not before the adapter can hold them: a network beyond it may be beyond the host, too.
    let slab = given.unwrap_or_else(|| network.initial(config.seed));
    let mut session = Session::with(gpu, kernels, resident::measure(&model));
    session.write_parameters(&slab)?;
    write_constants(&mut session, config, &data)?;
    resident::upload(&session.gpu, &mut session.memory, dataset, &model)?;
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

    let judged = match (&mut test, plans.test_answers) {
        (Some(test), Some(answers)) => Some(test.judge(&session, answers, model.outputs())?),
        _ => None,
    };
    let part = &passes.test.part;
    let evaluation =
        judged.map(|(scores, answers)| Evaluation::of(dataset, part, &model, scores, answers, &[]));
    let mistakes = match evaluation.as_ref().map(|evaluation| &evaluation.measured) {
        Some(Measured::Classes(classes)) => {
            mistakes::worst(dataset, part, &classes.predictions, MISTAKES)
        }
        _ => Vec::new(),
    };
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
        test: evaluation.as_ref().map(|evaluation| evaluation.scores),
        evaluation,
        mistakes,
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
    /// The tensor of the test plan that holds what the network says.
    test_answers: Option<Value>,
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
        let plans = Self::by(network, config, data, passes, &mut |graph, keep| {
            Ok::<_, std::convert::Infallible>(Plan::for_target(graph, keep, target))
        });
        let Ok(plans) = plans;
        plans
    }

    /// The plans that `plan` makes of the graphs; what the test says of each sample is kept.
    fn by<E>(
        network: &Network,
        config: &Config,
        data: &step::Resident,
        passes: &Passes,
        plan: &mut Planner<'_, E>,
    ) -> Result<Self, E> {
        let training = plan(step::training(network, config, data, &passes.training), &[])?;
        let mut evaluation = |pass: &Pass, keeps_answers: bool| {
            if pass.part.is_empty() {
                return Ok(None);
            }
            let (graph, answers) = step::evaluation(network, config, data, pass);
            let keep = if keeps_answers { &[answers][..] } else { &[] };
            Ok(Some((plan(graph, keep)?, answers)))
        };
        let validation = evaluation(&passes.validation, false)?;
        let (test, test_answers) = evaluation(&passes.test, true)?.unzip();
        Ok(Self {
            training,
            validation: validation.map(|(plan, _)| plan),
            test,
            test_answers,
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
