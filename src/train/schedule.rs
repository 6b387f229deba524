//! How long a training is, and the learning rate of each of its steps.

use crate::config::{self, Anneal, Config, Curve, Unit};
use crate::ops::average::Average;
use crate::ops::schedule::{self, Schedule};
use crate::ops::state;

const _: () = assert!(
    config::MAX_MILESTONES <= schedule::MAX_MILESTONES,
    "what can be written can be computed"
);

/// How many steps a training has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) per_epoch: u64,
    pub(super) total: u64,
}

impl Length {
    /// Of a training on so many samples.
    pub(super) fn of(config: &Config, samples: usize) -> Self {
        let per_epoch = samples.div_ceil(config.train.samples_per_update()) as u64;
        let total = match config.train.length {
            config::Length::Epochs(epochs) => u64::from(epochs) * per_epoch,
            config::Length::Steps(steps) => u64::from(steps),
        };
        Self { per_epoch, total }
    }
}

/// What the host writes into `schedule` before the first step.
#[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
pub fn initial(config: &Config) -> [f32; state::SCHEDULE] {
    let mut schedule = [0.0; state::SCHEDULE];
    schedule[state::BASE] = config.optimizer.learning_rate() as f32;
    schedule[state::LEARNING_RATE] = schedule[state::BASE];
    schedule
}

/// What averages the parameters, if anything does.
pub(super) fn average(config: &Config, length: Length) -> Option<Average> {
    let small = |steps: u64| u32::try_from(steps).unwrap_or(u32::MAX);
    config.average.map(|average| match average {
        config::Average::Ema { decay } => Average::Moving { decay },
        config::Average::Swa { begin, every } => {
            let epochs = length.total.div_ceil(length.per_epoch);
            let begin = begin.map_or(epochs * 3 / 4 + 1, u64::from);
            Average::Equal {
                // The last update of that epoch, from 0.
                begin: small(begin * length.per_epoch - 1),
                every: small(length.per_epoch * u64::from(every)).max(1),
            }
        }
    })
}

/// What sets the learning rate of every step; nothing where it is always the same.
pub(super) fn op(config: &Config, length: Length) -> Option<Schedule> {
    let wanted = &config.schedule;
    if wanted.curve == Curve::Constant && wanted.warmup == 0 {
        return None;
    }
    let small = |steps: u64| u32::try_from(steps).unwrap_or(u32::MAX).max(1);
    let left = length.total.saturating_sub(wanted.warmup.into());
    let steps = |unit: Unit| match unit {
        Unit::Step => 1,
        Unit::Epoch => length.per_epoch.max(1),
    };
    let floor = |least: f64| least / config.optimizer.learning_rate();
    let (unit, curve) = match wanted.curve.clone() {
        // What falls on a plateau is what the host has written.
        Curve::Constant | Curve::ReduceOnPlateau(_) => (Unit::Step, schedule::Curve::Constant),
        Curve::Step { every, gamma, unit } => (unit, schedule::Curve::Step { every, gamma }),
        Curve::MultiStep {
            milestones,
            gamma,
            unit,
        } => (unit, schedule::Curve::MultiStep { milestones, gamma }),
        Curve::Exponential { gamma, unit } => (unit, schedule::Curve::Exponential { gamma }),
        Curve::Cosine {
            period,
            min_learning_rate,
            unit,
        } => {
            let curve = schedule::Curve::Cosine {
                period: period.unwrap_or_else(|| small(left.div_ceil(steps(unit)))),
                floor: floor(min_learning_rate),
            };
            (unit, curve)
        }
        Curve::CosineRestarts {
            period,
            multiply,
            min_learning_rate,
            unit,
        } => {
            let curve = schedule::Curve::CosineRestarts {
                period,
                multiply,
                floor: floor(min_learning_rate),
            };
            (unit, curve)
        }
        Curve::OneCycle {
            period,
            pct_start,
            div_factor,
            final_div_factor,
            anneal,
        } => {
            let curve = schedule::Curve::OneCycle {
                total: period.unwrap_or_else(|| small(left)),
                pct_start,
                div_factor,
                final_div_factor,
                linear: anneal == Anneal::Linear,
            };
            (Unit::Step, curve)
        }
    };
    Some(Schedule {
        warmup: wanted.warmup,
        warmup_from: wanted.warmup_from,
        unit: small(steps(unit)),
        curve,
    })
}
