//! What comes back from the adapter, in the order in which it was submitted.

use std::sync::Arc;
use std::time::Instant;

use super::super::event::{Epoch, Event, Progress, Scores, Steps};
use super::super::session::Measured;
use super::{Awaited, Bad, Observe, PROGRESS, Run};
use crate::config::OnNan;
use crate::error::Result;
use crate::gpu::Readback;

impl Run<'_> {
    /// Takes what has arrived, in the order of submission, up to something that is not a number.
    pub(super) fn collect(&mut self, observe: &mut Observe<'_>) -> Result<()> {
        let mut arrived = Vec::new();
        while let Some(mut awaited) = self.pending.pop_front() {
            if !awaited.ready() {
                self.pending.push_front(awaited);
                break;
            }
            arrived.push(awaited);
        }
        // What has arrived together shares the time since the last arrival by its cost.
        let now = Instant::now();
        let seconds = now.duration_since(self.last_arrival).as_secs_f64();
        let cost: f64 = arrived.iter().map(Awaited::cost).sum();
        if cost > 0.0 {
            self.last_arrival = now;
            self.pace.learn(seconds / cost);
        }
        for awaited in arrived {
            if self.bad.is_some() {
                return Ok(());
            }
            let share = seconds * awaited.cost() / cost;
            match awaited {
                Awaited::Training(piece) => {
                    self.busy = self.busy.map(|busy| busy + share);
                    let first = piece.first_step;
                    let measured = piece.take(&self.session.gpu)?;
                    self.training_arrived(first, measured, observe)?;
                }
                Awaited::Close => self.close_epoch(observe)?,
                Awaited::Validation { piece, last } => {
                    let measured = piece.take(&self.session.gpu)?;
                    self.validation_arrived(measured, last, observe)?;
                }
                Awaited::State { copies, anchor } => {
                    self.state_arrived(copies, anchor, observe)?;
                    // Nobody's fault that it took time.
                    self.last_arrival = Instant::now();
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
        observe(&Event::Steps(Steps {
            first: first + 1,
            losses: measured.iter().map(Measured::loss).collect(),
            learning_rates: measured.iter().map(Measured::learning_rate).collect(),
        }))?;
        for (step, measured) in (first..).zip(measured) {
            if !measured.finite() {
                self.bad = Some(Bad::Loss(step));
                return Ok(());
            }
            self.host.sums.add(measured);
            self.host.learning_rate = measured.learning_rate();
            self.host.step = step + 1;
            self.trained = (self.trained).map(|samples| samples + f64::from(measured.samples()));
        }
        let step = self.host.step;
        let ends = step.is_multiple_of(self.length.per_epoch) || step == self.length.total;
        if ends || self.last_progress.elapsed() >= PROGRESS {
            self.last_progress = Instant::now();
            observe(&Event::Progress(Progress {
                epoch: self.epoch(),
                step,
                train: self.host.sums.scores(self.session.measure),
                samples_per_second: per_second(self.trained[0], self.busy[0]),
            }))?;
        }
        Ok(())
    }

    /// The epoch of the last step that has arrived, from 1.
    fn epoch(&self) -> u64 {
        self.host.step.saturating_sub(1) / self.length.per_epoch + 1
    }

    fn close_epoch(&mut self, observe: &mut Observe<'_>) -> Result<()> {
        self.host.measured = Some(Epoch {
            epoch: self.epoch(),
            step: self.host.step,
            train: std::mem::take(&mut self.host.sums).scores(self.session.measure),
            validation: None,
            learning_rate: self.host.learning_rate,
            samples_per_second: per_second(self.trained[1], self.busy[1]),
            seconds: self.seconds(),
        });
        self.trained[1] = 0.0;
        self.busy[1] = 0.0;
        match self.validation {
            Some(_) => Ok(()),
            None => self.epoch_done(None, observe),
        }
    }

    fn validation_arrived(
        &mut self,
        measured: Vec<Measured>,
        last: bool,
        observe: &mut Observe<'_>,
    ) -> Result<()> {
        for step in measured {
            if !step.finite() {
                self.bad = Some(Bad::Validation);
                return Ok(());
            }
            self.validation_sums.add(step);
        }
        if last {
            let scores = std::mem::take(&mut self.validation_sums).scores(self.session.measure);
            self.epoch_done(Some(scores), observe)?;
        }
        Ok(())
    }

    fn epoch_done(&mut self, validation: Option<Scores>, observe: &mut Observe<'_>) -> Result<()> {
        let Some(measured) = self.host.measured.take() else {
            return Ok(());
        };
        let epoch = Epoch {
            validation,
            ..measured
        };
        if let Some(monitor) = &self.rules.monitor {
            self.improved = monitor.observe(&mut self.host.monitor, &epoch);
            // An epoch that was cut short: its state is there already.
            if self.improved
                && let Some(last) = &self.last
                && last.host.step == epoch.step
            {
                self.best = Some(Arc::clone(last));
            }
        }
        self.host.epochs.push(epoch.clone());
        observe(&Event::Epoch(epoch))
    }

    fn state_arrived(
        &mut self,
        copies: Vec<(String, Readback)>,
        anchor: bool,
        observe: &mut Observe<'_>,
    ) -> Result<()> {
        self.host.seconds = self.seconds();
        let anchor = anchor && matches!(self.rules.on_nan, OnNan::Rollback(_));
        if anchor {
            self.host.anchor = self.host.step;
        }
        let copies = copies.into_iter();
        let words = copies.map(|(name, copy)| Ok((name, copy.take(&self.session.gpu)?)));
        let (slab, checkpoint) = self.checkpoint(words.collect::<Result<_>>()?);
        let broken = self.network.parameters.iter().position(|parameter| {
            let numbers = &slab[parameter.offset..][..parameter.shape.elements()];
            !numbers.iter().all(|number| number.is_finite())
        });
        if let Some(parameter) = broken {
            let step = self.host.step;
            self.bad = Some(Bad::Weights { parameter, step });
            return Ok(());
        }
        let checkpoint = Arc::new(checkpoint);
        if anchor {
            self.anchor = Some(Arc::clone(&checkpoint));
        }
        let best = self.host.monitor.best;
        if best.is_some_and(|best| best.step == self.host.step) {
            self.best = Some(Arc::clone(&checkpoint));
        }
        self.last = Some(Arc::clone(&checkpoint));
        observe(&Event::Checkpoint(checkpoint))
    }
}

/// So many in so many seconds.
fn per_second(amount: f64, seconds: f64) -> f64 {
    amount / seconds.max(1e-9)
}
