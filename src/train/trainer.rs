//! The training loop: many steps per submission, metrics one submission late, never a wait for the adapter.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::{Epoch, Event, Outcome, Progress, Scores, Start};
use super::session::{Evaluator, Piece, Session, Sums, check_limits};
use super::step::{self, Pass, RING, buffers};
use super::weights::Weights;
use super::{Request, resident};
use crate::config::{Config, Length, Loss, Optimizer};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Executor, Gpu};
use crate::nn::Network;
use crate::ops::state;
use crate::plan::Plan;

/// One submission should keep the adapter busy about this long: long against the cost of a submission, short against the
/// watchdogs of desktop drivers and the patience of someone who looks at the screen.
const SUBMIT: Duration = Duration::from_millis(80);

/// Progress is told at most this often.
const PROGRESS: Duration = Duration::from_millis(100);

/// Trains.
///
/// # Errors
/// Whatever is wrong with the data, the network or the device; an error of `observe` ends the training.
pub fn train(request: &Request, observe: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Outcome> {
    let begin = Instant::now();
    let config = &request.config;
    let dataset = resident::load(config, request.data.as_deref())?;
    let model = resident::model(config, &dataset)?;
    let network = Network::new(config, dataset.sample_shape, dataset.classes.len())?;
    let slab = match &request.init {
        Some(path) => Weights::read(path)?.to_slab(&network, &path.display().to_string())?,
        None => network.initial(config.seed),
    };
    let data = resident::resident(&dataset, &model);
    let passes = Passes::of(&dataset);

    let gpu = Gpu::open(&request.adapter, request.trust)?;
    let plans = Plans::new(&network, config, &data, &passes);
    check_limits(&gpu, &plans.all(), config.train.batch, |limit| {
        batch_that_fits(&network, config, &data, &passes, limit)
    })?;
    let length = Steps::of(config, dataset.parts.train.len());
    observe(&Event::Start(Box::new(Start {
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
        data_bytes: resident::bytes(&dataset),
        batch: config.train.batch,
        steps: length.total,
        steps_per_epoch: length.per_epoch,
    })))?;

    let mut session = Session::new(gpu);
    session.write_parameters(&slab)?;
    write_constants(&mut session, config, dataset.classes.len())?;
    resident::upload(&session.gpu, &mut session.memory, &dataset)?;
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
        batch,
    );
    run.drive(observe)?;
    let train_seconds = run.seconds();
    let (bytes_read, blocking_waits) = run.host_cost(before);
    drop(run);

    let test = test.as_mut().map(|test| test.run(&session)).transpose()?;
    let slab: Vec<f32> = session
        .memory
        .read(&session.gpu, buffers::PARAMETERS)?
        .into_iter()
        .map(f32::from_bits)
        .collect();
    Ok(Outcome {
        weights: Weights::from_slab(&network, &slab),
        model,
        test,
        steps: length.total,
        startup_seconds,
        train_seconds,
        bytes_read,
        blocking_waits,
    })
}

/// The parts of the data set.
struct Passes {
    training: Pass,
    validation: Pass,
    test: Pass,
}

impl Passes {
    fn of(dataset: &Dataset) -> Self {
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
struct Plans {
    training: Plan,
    validation: Option<Plan>,
    test: Option<Plan>,
}

impl Plans {
    fn new(network: &Network, config: &Config, data: &step::Resident, passes: &Passes) -> Self {
        let evaluation = |pass: &Pass| {
            (!pass.part.is_empty()).then(|| Evaluator::plan(network, config, data, pass))
        };
        Self {
            training: Plan::new(
                &step::training(network, config, data, &passes.training),
                &[],
            ),
            validation: evaluation(&passes.validation),
            test: evaluation(&passes.test),
        }
    }

    fn all(&self) -> Vec<&Plan> {
        std::iter::once(&self.training)
            .chain(&self.validation)
            .chain(&self.test)
            .collect()
    }

    /// Persistent buffers once, the working memory of every plan.
    fn peak_bytes(&self) -> usize {
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

/// The largest power-of-two fraction of the batch whose plan binds no piece above `limit`.
fn batch_that_fits(
    network: &Network,
    config: &Config,
    data: &step::Resident,
    passes: &Passes,
    limit: u64,
) -> Option<usize> {
    let mut smaller = config.clone();
    while smaller.train.batch > 1 {
        smaller.train.batch /= 2;
        let plans = Plans::new(network, &smaller, data, passes);
        if plans
            .all()
            .iter()
            .all(|plan| plan.largest_binding().0 as u64 <= limit)
        {
            return Some(smaller.train.batch);
        }
    }
    None
}

/// How many steps a training has.
#[derive(Clone, Copy, Debug)]
struct Steps {
    per_epoch: u64,
    total: u64,
}

impl Steps {
    fn of(config: &Config, samples: usize) -> Self {
        let per_epoch = samples.div_ceil(config.train.batch) as u64;
        let total = match config.train.length {
            Length::Epochs(epochs) => u64::from(epochs) * per_epoch,
            Length::Steps(steps) => u64::from(steps),
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

/// Metrics on their way to the host.
enum Pending {
    Training(Piece),
    /// A piece of the validation at the end of an epoch; the last one completes it.
    Validation {
        piece: Piece,
        last: bool,
    },
}

/// A training under way.
struct Run<'a> {
    session: &'a Session,
    executor: Executor,
    pass: Pass,
    validation: Option<Evaluator>,
    length: Steps,
    batch: usize,
    /// In the order of submission.
    pending: VecDeque<Pending>,
    submitted: u64,
    /// Steps per submission, from the time they take.
    per_submit: u64,
    began: Instant,
    last_arrival: Instant,
    last_progress: Instant,
    epoch_began: Instant,
    /// Steps whose metrics have arrived.
    arrived: u64,
    sums: Sums,
    validation_sums: Sums,
    /// An epoch whose training is measured and whose validation is not yet.
    measured: Option<Epoch>,
    first_epoch_steps: u64,
}

impl<'a> Run<'a> {
    fn new(
        session: &'a Session,
        executor: Executor,
        pass: Pass,
        validation: Option<Evaluator>,
        length: Steps,
        batch: usize,
    ) -> Self {
        let now = Instant::now();
        Self {
            session,
            executor,
            pass,
            validation,
            length,
            batch,
            pending: VecDeque::new(),
            submitted: 0,
            per_submit: 1,
            began: now,
            last_arrival: now,
            last_progress: now,
            epoch_began: now,
            arrived: 0,
            sums: Sums::default(),
            validation_sums: Sums::default(),
            measured: None,
            first_epoch_steps: 0,
        }
    }

    fn drive(&mut self, observe: &mut dyn FnMut(&Event) -> Result<()>) -> Result<()> {
        let metrics = self.pass.metrics();
        while self.submitted < self.length.total {
            let epoch_end = (self.submitted / self.length.per_epoch + 1) * self.length.per_epoch;
            let end = epoch_end.min(self.length.total);
            let steps = self.per_submit.min(end - self.submitted);
            let count = usize::try_from(steps).expect("at most a ring of steps");
            let session = self.session;
            let readback =
                self.executor
                    .submit(&session.gpu, &session.memory, count, Some(&metrics))?;
            let piece = Piece {
                first_step: self.submitted,
                steps,
                readback: readback.expect("a readback was asked for"),
            };
            self.pending.push_back(Pending::Training(piece));
            self.submitted += steps;
            if self.submitted == end {
                self.validate()?;
            }
            self.collect(false, observe)?;
        }
        // The blocking waits of a training end here: what follows is its end.
        self.collect(true, observe)
    }

    /// Submits a validation pass over the weights as they are now.
    fn validate(&mut self) -> Result<()> {
        let Some(evaluator) = &mut self.validation else {
            return Ok(());
        };
        let steps = usize::try_from(self.per_submit).expect("at most a ring of steps");
        let mut pieces = evaluator.submit(self.session, steps)?;
        let last = pieces.pop();
        let piece = |piece, last| Pending::Validation { piece, last };
        self.pending
            .extend(pieces.into_iter().map(|p| piece(p, false)));
        self.pending.extend(last.map(|p| piece(p, true)));
        Ok(())
    }

    /// Takes the metrics that have arrived; all of them, waiting, if `all`.
    fn collect(&mut self, all: bool, observe: &mut dyn FnMut(&Event) -> Result<()>) -> Result<()> {
        while let Some(front) = self.pending.front_mut() {
            let (Pending::Training(piece) | Pending::Validation { piece, .. }) = front;
            if !all && !piece.readback.ready() {
                break;
            }
            match self.pending.pop_front() {
                Some(Pending::Training(piece)) => self.training_arrived(piece, observe)?,
                Some(Pending::Validation { piece, last }) => {
                    for step in piece.take(&self.session.gpu)? {
                        self.validation_sums.add(step);
                    }
                    if last {
                        let scores = std::mem::take(&mut self.validation_sums).scores();
                        self.epoch_done(Some(scores), observe)?;
                    }
                    self.last_arrival = Instant::now();
                }
                None => break,
            }
        }
        Ok(())
    }

    fn training_arrived(
        &mut self,
        piece: Piece,
        observe: &mut dyn FnMut(&Event) -> Result<()>,
    ) -> Result<()> {
        let (first, steps) = (piece.first_step, piece.steps);
        let measured = piece.take(&self.session.gpu)?;
        let now = Instant::now();
        self.adapt(steps, now.duration_since(self.last_arrival));
        self.last_arrival = now;
        for (step, measured) in (first..).zip(measured) {
            if !measured.finite() {
                return Err(not_finite(step, self.length.per_epoch));
            }
            self.sums.add(measured);
            self.arrived = step + 1;
        }
        let epoch = (self.arrived - 1) / self.length.per_epoch + 1;
        let ends = self.arrived.is_multiple_of(self.length.per_epoch) || self.arrived == self.length.total;
        if now.duration_since(self.last_progress) >= PROGRESS || ends {
            self.last_progress = now;
            observe(&Event::Progress(Progress {
                epoch,
                step: self.arrived,
                train: self.sums.scores(),
                samples_per_second: self.speed(self.arrived, self.began, now),
            }))?;
        }
        if ends {
            let steps = self.arrived - self.first_epoch_steps;
            self.measured = Some(Epoch {
                epoch,
                step: self.arrived,
                train: std::mem::take(&mut self.sums).scores(),
                validation: None,
                samples_per_second: self.speed(steps, self.epoch_began, now),
                seconds: now.duration_since(self.began).as_secs_f64(),
            });
            self.first_epoch_steps = self.arrived;
            if self.validation.is_none() {
                self.epoch_done(None, observe)?;
            }
        }
        Ok(())
    }

    fn epoch_done(
        &mut self,
        validation: Option<Scores>,
        observe: &mut dyn FnMut(&Event) -> Result<()>,
    ) -> Result<()> {
        self.epoch_began = Instant::now();
        match self.measured.take() {
            Some(epoch) => observe(&Event::Epoch(Epoch {
                validation,
                ..epoch
            })),
            None => Ok(()),
        }
    }

    /// Steps per submission from the time the last ones took: at most twice as many as before, at most a ring.
    fn adapt(&mut self, steps: u64, took: Duration) {
        let seconds = took.as_secs_f64().max(1e-6);
        let fit = SUBMIT.as_secs_f64() * steps as f64 / seconds;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, clamped to the ring"
        )]
        let fit = fit as u64;
        self.per_submit = fit.clamp(1, (self.per_submit * 2).min(RING as u64));
    }

    fn speed(&self, steps: u64, since: Instant, now: Instant) -> f64 {
        let samples = (steps * self.batch as u64) as f64;
        samples / now.duration_since(since).as_secs_f64().max(1e-9)
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Bytes read and blocking waits since `before`.
    fn host_cost(&self, before: (u64, u64)) -> (u64, u64) {
        let counters = &self.session.gpu.counters;
        (
            counters.bytes_read() - before.0,
            counters.blocking_waits() - before.1,
        )
    }
}

fn not_finite(step: u64, per_epoch: u64) -> Error {
    Error::check(
        format!(
            "the loss is not a finite number in step {} (epoch {})",
            step + 1,
            step / per_epoch + 1
        ),
        "the training diverged: try a smaller `optimizer.learning_rate` (--set optimizer.learning_rate=…)",
    )
}
