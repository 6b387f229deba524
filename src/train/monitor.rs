//! Which epoch is the best, and when it is time to stop.

use serde::{Deserialize, Serialize};

use super::event::{Epoch, Metric};
use crate::config::{EarlyStopping, Monitored};

/// The best epoch so far, and how long ago it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorState {
    /// The best epoch.
    pub best: Option<Best>,
    /// Epochs since then.
    pub waited: u32,
}

/// An epoch that was better than all before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps done at its end.
    pub step: u64,
    /// What the monitored metric was.
    pub value: f64,
}

/// Watches one metric, epoch by epoch.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    metric: Monitored,
    min_delta: f64,
    patience: Option<u32>,
}

impl Monitor {
    /// One that keeps the best epoch of a metric, and stops if `early` is given.
    pub(super) fn new(metric: Monitored, early: Option<&EarlyStopping>) -> Self {
        Self {
            metric,
            min_delta: early.map_or(0.0, |early| early.min_delta),
            patience: early.map(|early| early.patience),
        }
    }

    /// What is watched.
    pub(super) fn metric(&self) -> Monitored {
        self.metric
    }

    /// Takes note of an epoch; whether it is the best so far. An epoch without the metric changes nothing.
    pub(super) fn observe(&self, state: &mut MonitorState, epoch: &Epoch) -> bool {
        let Some(value) = self.metric.of(epoch) else {
            return false;
        };
        let better = match state.best {
            None => true,
            Some(best) if self.metric.falls() => value < best.value - self.min_delta,
            Some(best) => value > best.value + self.min_delta,
        };
        if better {
            state.best = Some(Best {
                epoch: epoch.epoch,
                step: epoch.step,
                value,
            });
            state.waited = 0;
        } else {
            state.waited += 1;
        }
        better
    }

    /// Whether the best epoch is too long ago.
    pub(super) fn is_tired(&self, state: &MonitorState) -> bool {
        self.patience
            .is_some_and(|patience| state.best.is_some() && state.waited >= patience.max(1))
    }
}

impl Monitored {
    /// What an epoch has of it.
    fn of(self, epoch: &Epoch) -> Option<f64> {
        let scores = if self.needs_validation() {
            epoch.validation?
        } else {
            epoch.train
        };
        match (self, scores.metric) {
            (Self::TrainLoss | Self::ValidationLoss, _) => Some(scores.loss),
            (Self::TrainAccuracy | Self::ValidationAccuracy, Metric::Accuracy(value))
            | (Self::TrainRmse | Self::ValidationRmse, Metric::Rmse(value)) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Scores;

    fn epoch(number: u64, loss: f64, accuracy: f64) -> Epoch {
        Epoch {
            epoch: number,
            step: 10 * number,
            train: Scores {
                loss: 0.0,
                metric: Metric::Accuracy(0.0),
            },
            validation: Some(Scores {
                loss,
                metric: Metric::Accuracy(accuracy),
            }),
            learning_rate: 0.01,
            samples_per_second: 1.0,
            seconds: 1.0,
        }
    }

    /// The epoch after which it stops, and the best.
    fn run(metric: Monitored, patience: u32, min_delta: f64, values: &[f64]) -> (Option<u64>, u64) {
        let early = EarlyStopping {
            monitor: metric,
            patience,
            min_delta,
            restore_best: true,
        };
        let monitor = Monitor::new(metric, Some(&early));
        let mut state = MonitorState::default();
        for (number, &value) in (1..).zip(values) {
            monitor.observe(&mut state, &epoch(number, value, value));
            if monitor.is_tired(&state) {
                return (Some(number), state.best.unwrap().epoch);
            }
        }
        (None, state.best.unwrap().epoch)
    }

    #[test]
    fn a_loss_is_better_when_it_falls_and_an_accuracy_when_it_rises() {
        let values = [0.5, 0.4, 0.6, 0.7, 0.3];
        assert_eq!(run(Monitored::ValidationLoss, 3, 0.0, &values), (None, 5));
        assert_eq!(
            run(Monitored::ValidationLoss, 2, 0.0, &values),
            (Some(4), 2)
        );
        assert_eq!(
            run(Monitored::ValidationAccuracy, 2, 0.0, &values),
            (None, 4)
        );
        assert_eq!(
            run(Monitored::ValidationAccuracy, 1, 0.0, &values),
            (Some(2), 1)
        );
    }

    #[test]
    fn less_than_the_smallest_change_is_no_improvement() {
        let values = [1.0, 0.95, 0.91, 0.86];
        assert_eq!(run(Monitored::ValidationLoss, 3, 0.1, &values), (None, 4));
        assert_eq!(
            run(Monitored::ValidationLoss, 2, 0.1, &values),
            (Some(3), 1)
        );
    }

    #[test]
    fn an_equal_value_is_no_improvement() {
        assert_eq!(
            run(Monitored::ValidationLoss, 2, 0.0, &[0.5, 0.5, 0.5]),
            (Some(3), 1)
        );
    }
}
