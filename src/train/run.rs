//! The training loop: many steps per submission, metrics one submission late, never a wait for the adapter.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::{Epoch, Event, Progress, Scores, Steps};
use super::session::{Evaluator, Measured, Pace, Piece, Session, Sums, overflow};
use super::step::Pass;
use super::trainer::Length;
use crate::error::{Error, Result};
use crate::gpu::Executor;

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
    /// In the order of submission.
    pending: VecDeque<Submission>,
    submitted: u64,
    pace: Pace,
    began: Instant,
    last_arrival: Instant,
    last_progress: Instant,
    /// Training steps whose metrics have arrived.
    arrived: u64,
    /// Real samples of these steps: since the beginning, and in this epoch.
    trained: [f64; 2],
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
    ) -> Self {
        let now = Instant::now();
        Self {
            session,
            executor,
            pass,
            validation,
            length,
            pending: VecDeque::new(),
            submitted: 0,
            pace: Pace::new(session),
            began: now,
            last_arrival: now,
            last_progress: now,
            arrived: 0,
            trained: [0.0; 2],
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
            let steps = self.pace.steps().min(end - self.submitted);
            let piece = Piece::submit(
                self.session,
                &mut self.executor,
                self.submitted,
                steps,
                &metrics,
            )?;
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
        let pieces = evaluator.submit(self.session, self.pace.steps())?;
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
        self.pace.learn(seconds / cost);
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
                        if !step.finite() {
                            return Err(overflow("validation"));
                        }
                        self.validation_sums.add(step);
                    }
                    if last {
                        let scores =
                            std::mem::take(&mut self.validation_sums).scores(self.session.measure);
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
            self.trained = (self.trained).map(|samples| samples + f64::from(measured.samples()));
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
                train: self.sums.scores(self.session.measure),
                samples_per_second: per_second(self.trained[0], self.busy[0]),
            }))?;
        }
        if ends {
            self.measured = Some(Epoch {
                epoch,
                step: self.arrived,
                train: std::mem::take(&mut self.sums).scores(self.session.measure),
                validation: None,
                samples_per_second: per_second(self.trained[1], self.busy[1]),
                seconds: self.began.elapsed().as_secs_f64(),
            });
            self.trained[1] = 0.0;
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
}

/// So many in so many seconds.
fn per_second(amount: f64, seconds: f64) -> f64 {
    amount / seconds.max(1e-9)
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
