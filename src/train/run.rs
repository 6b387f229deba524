//! The training loop: many steps per submission, metrics one submission late, never a wait for the adapter.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::{Epoch, Event, Progress, Scores, Steps};
use super::session::{Evaluator, Measured, Piece, Session, Sums};
use super::step::{Pass, RING};
use super::trainer::Length;
use crate::error::{Error, Result};
use crate::gpu::Executor;

/// One submission should keep the adapter busy about this long: long against the cost of a submission, short against the
/// watchdogs of desktop drivers and the patience of someone who looks at the screen.
const SUBMIT: Duration = Duration::from_millis(80);

/// Progress is told at most this often.
const PROGRESS: Duration = Duration::from_millis(100);

/// Where events go.
type Observe<'a> = dyn FnMut(&Event) -> Result<()> + 'a;

/// A validation step costs about a third of a training step: no backward pass, which is twice the forward one.
const VALIDATION_COST: f64 = 1.0 / 3.0;

/// Some steps under way, and what they are for.
struct Submission {
    piece: Piece,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Training,
    /// A part of the validation at the end of an epoch; the last one completes it.
    Validation {
        last: bool,
    },
}

impl Submission {
    /// What it costs the adapter, in training steps.
    fn cost(&self) -> f64 {
        let steps = self.piece.steps as f64;
        match self.kind {
            Kind::Training => steps,
            Kind::Validation { .. } => steps * VALIDATION_COST,
        }
    }
}

/// A training under way.
pub(super) struct Run<'a> {
    session: &'a Session,
    executor: Executor,
    pass: Pass,
    validation: Option<Evaluator>,
    length: Length,
    batch: usize,
    /// In the order of submission.
    pending: VecDeque<Submission>,
    submitted: u64,
    /// Steps per submission, from the time they take.
    per_submit: u64,
    began: Instant,
    last_arrival: Instant,
    last_progress: Instant,
    /// Training steps whose metrics have arrived.
    arrived: u64,
    /// Of these, the steps of the epochs that are complete.
    complete: u64,
    /// Seconds that the adapter spent on training steps: since the beginning, and in this epoch.
    busy: [f64; 2],
    sums: Sums,
    validation_sums: Sums,
    /// An epoch whose training is measured and whose validation is not yet.
    measured: Option<Epoch>,
}

impl<'a> Run<'a> {
    /// Begins a training of so many steps.
    pub(super) fn new(
        session: &'a Session,
        executor: Executor,
        pass: Pass,
        validation: Option<Evaluator>,
        length: Length,
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
            arrived: 0,
            complete: 0,
            busy: [0.0; 2],
            sums: Sums::default(),
            validation_sums: Sums::default(),
            measured: None,
        }
    }

    /// Submits every step. The host never waits for the adapter to run dry, only for it to come within two submissions.
    pub(super) fn submit_all(&mut self, observe: &mut Observe<'_>) -> Result<()> {
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
            self.pending.push_back(Submission {
                piece,
                kind: Kind::Training,
            });
            self.submitted += steps;
            if self.submitted == end {
                self.validate()?;
            }
            self.collect(observe)?;
        }
        Ok(())
    }

    /// Waits for the last metrics and gives back the seconds of the whole training.
    pub(super) fn finish(mut self, observe: &mut Observe<'_>) -> Result<f64> {
        self.session.gpu.drain()?;
        self.collect(observe)?;
        assert!(
            self.pending.is_empty(),
            "a drained adapter has reported everything"
        );
        Ok(self.began.elapsed().as_secs_f64())
    }

    /// Submits a validation pass over the weights as they are now.
    fn validate(&mut self) -> Result<()> {
        let Some(evaluator) = &mut self.validation else {
            return Ok(());
        };
        let steps = usize::try_from(self.per_submit).expect("at most a ring of steps");
        let pieces = evaluator.submit(self.session, steps)?;
        let count = pieces.len();
        self.pending
            .extend(pieces.into_iter().enumerate().map(|(i, piece)| Submission {
                piece,
                kind: Kind::Validation {
                    last: i + 1 == count,
                },
            }));
        Ok(())
    }

    /// Takes the metrics that have arrived, in the order of submission.
    fn collect(&mut self, observe: &mut Observe<'_>) -> Result<()> {
        let mut arrived = Vec::new();
        while let Some(mut submission) = self.pending.pop_front() {
            if !submission.piece.readback.ready() {
                self.pending.push_front(submission);
                break;
            }
            arrived.push(submission);
        }
        if arrived.is_empty() {
            return Ok(());
        }
        // What has arrived together shares the time since the last arrival by its cost.
        let now = Instant::now();
        let seconds = now.duration_since(self.last_arrival).as_secs_f64();
        self.last_arrival = now;
        let cost: f64 = arrived.iter().map(Submission::cost).sum();
        self.adapt(seconds / cost);
        for submission in arrived {
            let share = seconds * submission.cost() / cost;
            let piece = submission.piece;
            let first = piece.first_step;
            let measured = piece.take(&self.session.gpu)?;
            match submission.kind {
                Kind::Training => {
                    self.busy = self.busy.map(|busy| busy + share);
                    self.training_arrived(first, measured, observe)?;
                }
                Kind::Validation { last } => {
                    for step in measured {
                        self.validation_sums.add(step);
                    }
                    if last {
                        let scores = std::mem::take(&mut self.validation_sums).scores();
                        self.epoch_done(Some(scores), observe)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn training_arrived(
        &mut self,
        first: u64,
        measured: Vec<Measured>,
        observe: &mut Observe<'_>,
    ) -> Result<()> {
        let losses = measured.iter().map(Measured::loss).collect();
        observe(&Event::Steps(Steps {
            first: first + 1,
            losses,
        }))?;
        for (step, measured) in (first..).zip(measured) {
            if !measured.finite() {
                return Err(not_finite(step, self.length.per_epoch));
            }
            self.sums.add(measured);
            self.arrived = step + 1;
        }
        let epoch = (self.arrived - 1) / self.length.per_epoch + 1;
        let ends =
            self.arrived.is_multiple_of(self.length.per_epoch) || self.arrived == self.length.total;
        if ends || self.last_progress.elapsed() >= PROGRESS {
            self.last_progress = Instant::now();
            observe(&Event::Progress(Progress {
                epoch,
                step: self.arrived,
                train: self.sums.scores(),
                samples_per_second: self.speed(self.arrived, self.busy[0]),
            }))?;
        }
        if ends {
            self.measured = Some(Epoch {
                epoch,
                step: self.arrived,
                train: std::mem::take(&mut self.sums).scores(),
                validation: None,
                samples_per_second: self.speed(self.arrived - self.complete, self.busy[1]),
                seconds: self.began.elapsed().as_secs_f64(),
            });
            self.complete = self.arrived;
            self.busy[1] = 0.0;
            if self.validation.is_none() {
                self.epoch_done(None, observe)?;
            }
        }
        Ok(())
    }

    fn epoch_done(&mut self, validation: Option<Scores>, observe: &mut Observe<'_>) -> Result<()> {
        match self.measured.take() {
            Some(epoch) => observe(&Event::Epoch(Epoch {
                validation,
                ..epoch
            })),
            None => Ok(()),
        }
    }

    /// Steps per submission from the seconds of one: at most twice as many as before, at most a ring.
    fn adapt(&mut self, seconds: f64) {
        let fit = SUBMIT.as_secs_f64() / seconds.max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, clamped to the ring"
        )]
        let fit = fit as u64;
        self.per_submit = fit.clamp(1, (self.per_submit * 2).min(RING as u64));
    }

    /// Samples per second of so many steps.
    fn speed(&self, steps: u64, seconds: f64) -> f64 {
        (steps * self.batch as u64) as f64 / seconds.max(1e-9)
    }
}

fn not_finite(step: u64, per_epoch: u64) -> Error {
    Error::check(
        format!(
            "the loss is not a finite number in step {} (epoch {})",
            step + 1,
            step / per_epoch + 1
        ),
        "the training diverged: try a smaller learning rate, as in --set optimizer.learning_rate=0.001",
    )
}
