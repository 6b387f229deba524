//! The way back: to a good state after something that is not a number, and to where that came from.

use std::sync::Arc;
use std::time::Instant;

use super::super::checkpoint::{Buffer, Checkpoint, HostState, state_buffers};
use super::super::event::{Event, RolledBack};
use super::super::session::{Session, Sums, overflow};
use super::super::step::buffers;
use super::super::weights::Weights;
use super::{Bad, Observe, Run, Trouble};
use crate::config::{OnNan, Rollback};
use crate::error::{Error, Result};
use crate::ops::state;

impl Run<'_> {
    /// Keeps the state on the adapter as the one that the training would go back to, if it may go back at all.
    pub(in crate::train) fn keep_beginning(&mut self) -> Result<()> {
        if matches!(self.rules.on_nan, OnNan::Stop) {
            return Ok(());
        }
        let names = state_buffers(self.executor.plan()).into_iter();
        let words = names.map(|name| {
            let words = self.session.memory.read(&self.session.gpu, &name)?;
            Ok((name, words))
        });
        let (_, beginning) = self.checkpoint(words.collect::<Result<_>>()?);
        self.anchor = Some(Arc::new(beginning));
        Ok(())
    }

    /// What the host knows and these buffers of the adapter as one state; the parameters' slab with the running statistics by itself, too.
    pub(super) fn checkpoint(&self, words: Vec<(String, Vec<u32>)>) -> (Vec<f32>, Checkpoint) {
        let (mut slab, mut statistics) = (Vec::new(), Vec::new());
        let mut others = Vec::with_capacity(words.len());
        for (name, words) in words {
            match name.as_str() {
                buffers::PARAMETERS => slab.extend(words.into_iter().map(f32::from_bits)),
                buffers::STATISTICS => statistics.extend(words.into_iter().map(f32::from_bits)),
                _ => others.push(Buffer { name, words }),
            }
        }
        slab.append(&mut statistics);
        let checkpoint = Checkpoint {
            host: self.host.clone(),
            circumstances: self.circumstances.clone(),
            weights: Weights::from_slab(self.network, &slab),
            buffers: others,
        };
        (slab, checkpoint)
    }

    /// Brings a state back to the adapter, with the learning rate of now: every time it went back has made that smaller.
    fn bring_back(&self, state: &Checkpoint, rollbacks: u32, factor: f64) -> Result<()> {
        let names = state_buffers(self.executor.plan());
        state.restore(self.session, self.network, &names)?;
        let times = rollbacks.saturating_sub(state.host.rollbacks);
        let schedule = state.buffers.iter().find(|b| b.name == buffers::SCHEDULE);
        if let Some(schedule) = schedule.filter(|_| times > 0) {
            let mut words = schedule.words.clone();
            for word in state::BASES {
                let scaled = f64::from(f32::from_bits(words[word])) * factor.powf(times.into());
                #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
                {
                    words[word] = (scaled as f32).to_bits();
                }
            }
            let Session { gpu, memory, .. } = self.session;
            memory.overwrite(gpu, buffers::SCHEDULE, &words);
        }
        Ok(())
    }

    /// Goes back to a good state, with a smaller learning rate.
    pub(super) fn roll_back(
        &mut self,
        bad: Bad,
        rollback: Rollback,
        observe: &mut Observe<'_>,
    ) -> Result<()> {
        self.session.gpu.drain()?;
        self.pending.clear();
        self.bad = None;
        self.validation_sums = Sums::default();
        let anchor = self
            .anchor
            .clone()
            .expect("the beginning at least was kept");
        let rollbacks = self.host.rollbacks + 1;
        self.bring_back(&anchor, rollbacks, rollback.factor)?;
        self.host = HostState {
            rollbacks,
            ..anchor.host.clone()
        };
        self.submitted = anchor.host.step;
        self.saved = (Some(self.submitted), Instant::now());
        self.trained[1] = 0.0;
        self.busy[1] = 0.0;
        observe(&Event::Rollback(RolledBack {
            why: self.give_up(bad).to_string(),
            step: self.submitted,
            epochs: self.host.epochs.clone(),
            learning_rate_factor: rollback.factor.powf(rollbacks.into()),
            times: [rollbacks, rollback.limit],
        }))
    }

    /// What is needed to find out where something came from that is not a number.
    pub(super) fn trouble(self, bad: Bad) -> Result<Trouble> {
        self.session.gpu.drain()?;
        let from = match self.rules.on_nan {
            OnNan::Stop => self.last.clone(),
            OnNan::Rollback(_) => self.anchor.clone(),
        };
        if let Some(from) = &from {
            let (rollbacks, factor) = match self.rules.on_nan {
                OnNan::Stop => (0, 1.0),
                OnNan::Rollback(rollback) => (self.host.rollbacks, rollback.factor),
            };
            self.bring_back(from, rollbacks, factor)?;
        }
        Ok(Trouble {
            error: self.give_up(bad),
            steps: match bad {
                Bad::Loss(step) => Some([step.saturating_sub(1), step]),
                Bad::Weights { step, .. } => Some([step.saturating_sub(1); 2]),
                Bad::Validation => None,
            },
            done: from.map(|from| from.host.step),
            executor: self.executor,
            pace: self.pace.steps(),
        })
    }

    pub(super) fn give_up(&self, bad: Bad) -> Error {
        match bad {
            Bad::Loss(step) => diverged(format!(
                "the loss is not a finite number in step {} (epoch {})",
                step + 1,
                step / self.length.per_epoch + 1
            )),
            Bad::Weights { parameter, step } => {
                let step = if step == self.length.total {
                    "the last step".to_owned()
                } else {
                    format!("step {step}")
                };
                diverged(format!(
                    "`{}` holds numbers that are not finite after {step}",
                    self.network.parameters[parameter].name
                ))
            }
            Bad::Validation => overflow("validation"),
        }
    }
}

fn diverged(what: String) -> Error {
    Error::check(
        what,
        "the training diverged: try a smaller learning rate, as in --set optimizer.learning_rate=0.001",
    )
}
