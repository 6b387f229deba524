//! The training loop: many steps per submission, metrics one submission late, never a wait for the adapter.
//!
//! What has been submitted stands in a queue and is taken out in the same order, so that what the host knows when a copy of the
//! adapter's state arrives is what it knew after that very step: together they are a checkpoint, and nobody waited for it.
//! Where a decision follows from metrics (early stopping, the best epoch), the host waits for them at the end of the epoch;
//! no step beyond it has been submitted then. No decision but that of a time limit depends on time.

mod arrivals;
mod back;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, Circumstances, HostState, state_buffers};
use super::control::Stop;
use super::event::{Ending, Event};
use super::lr_find::Range;
use super::monitor::Monitor;
use super::plateau;
use super::schedule::Length;
use super::session::{Evaluator, Pace, Piece, Session, Sums};
use super::step::Pass;
use crate::config::{Every, OnNan, Plateau};
use crate::error::{Class, Error, Result};
use crate::gpu::{Executor, Readback};
use crate::nn::Network;

/// Progress is told at most this often.
const PROGRESS: Duration = Duration::from_millis(100);

/// Where events go.
pub(super) type Observe<'a> = dyn FnMut(&Event) -> Result<()> + 'a;

/// A validation step costs about a third of a training step: no backward pass, which is twice the forward one.
const VALIDATION_COST: f64 = 1.0 / 3.0;

/// What was submitted, or follows what was.
enum Awaited {
    /// Training steps.
    Training(Piece),
    /// The training of an epoch is complete, or cut short.
    Close,
    /// A part of the validation behind it; the last one completes it.
    Validation { piece: Piece, last: bool },
    /// The state after the steps before it; `anchor` if it is due at this step in every run of the training.
    State {
        copies: Vec<(String, Readback)>,
        anchor: bool,
    },
}

impl Awaited {
    /// What it costs the adapter, in training steps.
    fn cost(&self) -> f64 {
        match self {
            Self::Training(piece) => piece.steps as f64,
            Self::Validation { piece, .. } => piece.steps as f64 * VALIDATION_COST,
            Self::Close | Self::State { .. } => 0.0,
        }
    }

    fn ready(&mut self) -> bool {
        match self {
            Self::Training(piece) | Self::Validation { piece, .. } => piece.readback.ready(),
            Self::Close => true,
            Self::State { copies, .. } => copies.iter_mut().all(|(_, copy)| copy.ready()),
        }
    }
}

/// Something that is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    /// The loss of this step, counted from 0.
    Loss(u64),
    /// A parameter, by its place in the network, after so many steps.
    Weights { parameter: usize, step: u64 },
    /// The loss over the validation samples.
    Validation,
}

/// How an attempt ended.
enum Attempt {
    Ended(Ending),
    Bad(Bad),
}

/// When a training does what beside its steps.
pub(super) struct Rules {
    pub(super) every: Every,
    pub(super) monitor: Option<Monitor>,
    pub(super) stop: Stop,
    pub(super) time: Option<Duration>,
    pub(super) on_nan: OnNan,
    /// What sets the learning rate between epochs, with the one of the configuration.
    pub(super) plateau: Option<(Plateau, f64)>,
    pub(super) rates: Option<Range>,
}

/// A training under way.
pub(super) struct Run<'a> {
    session: &'a Session,
    network: &'a Network,
    circumstances: Circumstances,
    executor: Executor,
    pass: Pass,
    validation: Option<Evaluator>,
    length: Length,
    rules: Rules,
    /// In the order of submission.
    pending: VecDeque<Awaited>,
    submitted: u64,
    /// The steps after which the state was last asked for, and when.
    saved: (Option<u64>, Instant),
    pace: Pace,
    began: Instant,
    last_arrival: Instant,
    last_progress: Instant,
    /// What the metrics that have arrived make of the training. Its `step` is that of the last one.
    host: HostState,
    /// Seconds of training in processes before this one.
    seconds_before: f64,
    /// Real samples of the steps that have arrived: since the beginning, and in this epoch.
    trained: [f64; 2],
    /// Seconds that the adapter spent on training steps: since the beginning, and in this epoch.
    busy: [f64; 2],
    validation_sums: Sums,
    /// Of the loop, without those at its end.
    blocking_waits: u64,
    bad: Option<Bad>,
    /// Whether the last epoch was the best so far.
    improved: bool,
    /// The newest state.
    last: Option<Arc<Checkpoint>>,
    /// The state after the best epoch.
    best: Option<Arc<Checkpoint>>,
    /// The state that it would go back to.
    anchor: Option<Arc<Checkpoint>>,
}

/// How a training ended.
pub(super) enum Ended {
    Done(Done),
    Bad(Trouble),
}

/// A training that came to something that is not a number.
pub(super) struct Trouble {
    pub(super) error: Error,
    /// The steps, counted from 0, in which it must have come up.
    pub(super) steps: Option<[u64; 2]>,
    /// The steps after which the state is on the adapter; `None`: it must be brought back to the beginning.
    pub(super) done: Option<u64>,
    pub(super) executor: Executor,
    pub(super) pace: u64,
}

/// What is left of a training when it is done.
pub(super) struct Done {
    pub(super) ending: Ending,
    pub(super) host: HostState,
    pub(super) best: Option<Arc<Checkpoint>>,
    pub(super) seconds: f64,
    pub(super) blocking_waits: u64,
}

impl<'a> Run<'a> {
    /// Begins a training of so many steps.
    pub(super) fn new(
        session: &'a Session,
        network: &'a Network,
        circumstances: Circumstances,
        executor: Executor,
        pass: Pass,
        validation: Option<Evaluator>,
        length: Length,
        rules: Rules,
    ) -> Self {
        let now = Instant::now();
        Self {
            session,
            network,
            circumstances,
            executor,
            pass,
            validation,
            length,
            rules,
            pending: VecDeque::new(),
            submitted: 0,
            saved: (None, now),
            pace: Pace::new(),
            began: now,
            last_arrival: now,
            last_progress: now,
            host: HostState::default(),
            seconds_before: 0.0,
            trained: [0.0; 2],
            busy: [0.0; 2],
            validation_sums: Sums::default(),
            blocking_waits: 0,
            bad: None,
            improved: false,
            last: None,
            best: None,
            anchor: None,
        }
    }

    /// Goes on from a state that is on the adapter already. `others` are those that it names.
    pub(super) fn go_on(&mut self, from: Arc<Checkpoint>, others: &[Checkpoint]) {
        let named = |step: u64| {
            let other = others.iter().find(|other| other.host.step == step);
            match other {
                _ if from.host.step == step => Some(Arc::clone(&from)),
                other => other.map(|other| Arc::new(other.clone())),
            }
        };
        let best = from.host.monitor.best.and_then(|best| named(best.step));
        if from.host.anchor > 0 {
            // One that is lost is replaced by the next best.
            self.anchor = named(from.host.anchor).or(Some(Arc::clone(&from)));
        }
        self.host = from.host.clone();
        self.seconds_before = from.host.seconds;
        self.submitted = from.host.step;
        self.saved.0 = Some(from.host.step);
        self.last = Some(from);
        self.best = best;
    }

    /// Trains to the end. The host never waits for the adapter to run dry, only for it to come within two submissions, unless a
    /// decision needs the metrics of an epoch.
    pub(super) fn go(mut self, observe: &mut Observe<'_>) -> Result<Ended> {
        let waits = self.session.gpu.counters.blocking_waits();
        let ending = loop {
            match (self.attempt(observe)?, self.rules.on_nan) {
                (Attempt::Ended(ending), _) => break ending,
                (Attempt::Bad(bad), OnNan::Rollback(rollback))
                    if self.host.rollbacks < rollback.limit =>
                {
                    self.roll_back(bad, rollback, observe)?;
                }
                (Attempt::Bad(bad), _) => return Ok(Ended::Bad(self.trouble(bad)?)),
            }
        };
        Ok(Ended::Done(Done {
            ending,
            seconds: self.seconds(),
            blocking_waits: self.blocking_waits - waits,
            host: self.host,
            best: self.best,
        }))
    }

    fn attempt(&mut self, observe: &mut Observe<'_>) -> Result<Attempt> {
        if self.host.measured.is_some() {
            // It was stopped between the training of an epoch and its validation.
            self.end_epoch(observe)?;
            self.saved.0 = None;
            self.ask_if_due(true)?;
        }
        let ending = loop {
            if let Some(bad) = self.bad {
                return Ok(Attempt::Bad(bad));
            }
            if self.is_tired() {
                break Ending::EarlyStopping;
            }
            if self.submitted >= self.length.total {
                break Ending::Complete;
            }
            if let Some(signal) = self.rules.stop.requested() {
                return Err(self.interrupt(signal, observe));
            }
            if self
                .rules
                .time
                .is_some_and(|time| self.began.elapsed() >= time)
            {
                break Ending::TimeIsUp;
            }
            self.submit_steps()?;
            let epoch_ends = self.submitted.is_multiple_of(self.length.per_epoch);
            if epoch_ends {
                self.pending.push_back(Awaited::Close);
                self.end_epoch(observe)?;
            }
            self.ask_if_due(epoch_ends)?;
            self.collect(observe)?;
        };
        self.blocking_waits = self.session.gpu.counters.blocking_waits();
        if self.saved.0 != Some(self.submitted) && self.bad.is_none() {
            self.ask_for_state(false)?;
        }
        self.settle(observe)?;
        if self.bad.is_none() && !self.submitted.is_multiple_of(self.length.per_epoch) {
            // The state is kept as it was before the epoch is cut short: a longer training goes on in its midst.
            self.pending.push_back(Awaited::Close);
            self.end_epoch(observe)?;
            self.settle(observe)?;
        }
        Ok(match self.bad {
            Some(bad) => Attempt::Bad(bad),
            None => Attempt::Ended(ending),
        })
    }

    /// Submits the next steps: not beyond the end of the epoch or of the training, nor beyond a step whose state is wanted.
    fn submit_steps(&mut self) -> Result<()> {
        let multiple = |each: u64| (self.submitted / each + 1) * each;
        let mut end = multiple(self.length.per_epoch).min(self.length.total);
        if let Every::Steps(steps) = self.rules.every {
            end = end.min(multiple(u64::from(steps)));
        }
        let mut steps = self.pace.steps().min(end - self.submitted);
        if let Some(rates) = self.rules.rates {
            self.session.set_learning_rate(rates.rate(self.submitted));
            steps = 1;
        }
        let piece = Piece::submit(
            self.session,
            &mut self.executor,
            self.submitted,
            steps,
            &self.pass.metrics(),
        )?;
        self.pending.push_back(Awaited::Training(piece));
        self.submitted += steps;
        Ok(())
    }

    /// Asks for the state after the steps submitted so far, if it is to be kept.
    fn ask_if_due(&mut self, epoch_ends: bool) -> Result<()> {
        let by_rule = match self.rules.every {
            Every::Steps(steps) => self.submitted.is_multiple_of(u64::from(steps)),
            Every::Epochs(epochs) => {
                epoch_ends
                    && (self.submitted / self.length.per_epoch).is_multiple_of(u64::from(epochs))
            }
            Every::Time(_) | Every::Never => false,
        };
        let anchor = by_rule || epoch_ends && self.improved;
        let late = matches!(self.rules.every, Every::Time(time) if self.saved.1.elapsed() >= time);
        if (anchor || late) && self.saved.0 != Some(self.submitted) && self.bad.is_none() {
            self.ask_for_state(anchor)?;
        }
        Ok(())
    }

    /// Starts a copy of everything on the adapter that decides the future.
    fn ask_for_state(&mut self, anchor: bool) -> Result<()> {
        let names = state_buffers(self.executor.plan());
        let copies = self
            .session
            .memory
            .read_later(&self.session.gpu, names.iter().map(String::as_str))?;
        let copies = names.into_iter().zip(copies).collect();
        self.pending.push_back(Awaited::State { copies, anchor });
        self.saved = (Some(self.submitted), Instant::now());
        Ok(())
    }

    /// Submits the validation of an epoch, and waits for it where a decision follows from it.
    fn end_epoch(&mut self, observe: &mut Observe<'_>) -> Result<()> {
        self.improved = false;
        while let Some(evaluator) = &mut self.validation {
            let (piece, last) = evaluator.submit(self.session, self.pace.steps())?;
            self.pending.push_back(Awaited::Validation { piece, last });
            self.collect(observe)?;
            if last {
                break;
            }
            if let Some(signal) = self.rules.stop.requested() {
                return Err(self.interrupt(signal, observe));
            }
        }
        if self.rules.monitor.is_some() || self.rules.plateau.is_some() {
            self.settle(observe)?;
        }
        self.settle_plateau();
        Ok(())
    }

    /// Sets the learning rate of the next epoch, where it depends on the loss of the last one.
    fn settle_plateau(&mut self) {
        let (Some((plateau, initial)), Some(epoch)) = (self.rules.plateau, self.host.epochs.last())
        else {
            return;
        };
        if self.bad.is_some() || self.host.plateau.epoch == epoch.epoch {
            return;
        }
        let loss = epoch.validation.unwrap_or(epoch.train).loss;
        self.host.plateau.epoch = epoch.epoch;
        let rate = plateau::observe(&plateau, &mut self.host.plateau, initial, loss);
        let smaller = match self.rules.on_nan {
            OnNan::Rollback(rollback) => rollback.factor.powf(self.host.rollbacks.into()),
            OnNan::Stop => 1.0,
        };
        self.session.set_learning_rate(rate * smaller);
    }

    fn is_tired(&self) -> bool {
        let monitor = self.rules.monitor.as_ref();
        monitor.is_some_and(|monitor| monitor.is_tired(&self.host.monitor))
    }

    /// Keeps the state after the steps that are under way. The error that ends the training.
    fn interrupt(&mut self, signal: u8, observe: &mut Observe<'_>) -> Error {
        let kept = (|| {
            if self.saved.0 != Some(self.submitted) {
                self.ask_for_state(false)?;
            }
            self.settle(observe)
        })();
        match (kept, self.bad) {
            (Err(error), _) => error,
            (Ok(()), Some(bad)) => self.give_up(bad),
            (Ok(()), None) => Error::new(
                Class::Stopped(signal),
                format!(
                    "stopped by {} after step {} of {} (epoch {})",
                    match signal {
                        2 => "SIGINT".to_owned(),
                        15 => "SIGTERM".to_owned(),
                        other => format!("signal {other}"),
                    },
                    self.submitted,
                    self.length.total,
                    self.submitted.saturating_sub(1) / self.length.per_epoch + 1
                ),
                "",
            ),
        }
    }

    /// Waits for everything that was submitted.
    fn settle(&mut self, observe: &mut Observe<'_>) -> Result<()> {
        self.session.gpu.drain()?;
        self.collect(observe)?;
        assert!(
            self.pending.is_empty(),
            "a drained adapter has reported everything"
        );
        Ok(())
    }

    /// Seconds of training so far, over all processes.
    fn seconds(&self) -> f64 {
        self.seconds_before + self.began.elapsed().as_secs_f64()
    }
}
