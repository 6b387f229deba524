//! A learning rate that falls when the loss stands still, decided by the host between epochs.

use serde::{Deserialize, Serialize};

use crate::config::Plateau;

/// What is remembered from epoch to epoch. Together with the adapter's `schedule` it decides the future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateauState {
    /// The last epoch whose loss was noted.
    pub epoch: u64,
    /// The learning rate from the next epoch on, before any warm-up; `None` before the first epoch has ended.
    pub learning_rate: Option<f64>,
    /// The least loss so far.
    pub best: Option<f64>,
    /// Epochs since then.
    pub waited: u32,
    /// Epochs that are still not counted.
    pub cooldown: u32,
}

/// A change of the learning rate that is smaller is none (`eps` in PyTorch).
const LEAST_CHANGE: f64 = 1e-8;

/// Takes note of an epoch's loss, as `torch.optim.lr_scheduler.ReduceLROnPlateau` with a relative threshold; `initial` is the
/// learning rate of the configuration. The learning rate from now on.
pub(super) fn observe(plateau: &Plateau, state: &mut PlateauState, initial: f64, loss: f64) -> f64 {
    let better = state
        .best
        .is_none_or(|best| loss < best * (1.0 - plateau.threshold));
    if better {
        state.best = Some(loss);
        state.waited = 0;
    } else {
        state.waited += 1;
    }
    if state.cooldown > 0 {
        state.cooldown -= 1;
        state.waited = 0;
    }
    let mut learning_rate = state.learning_rate.unwrap_or(initial);
    if state.waited > plateau.patience {
        let lower = (learning_rate * plateau.factor).max(plateau.min_learning_rate);
        if learning_rate - lower > LEAST_CHANGE {
            learning_rate = lower;
        }
        state.cooldown = plateau.cooldown;
        state.waited = 0;
    }
    state.learning_rate = Some(learning_rate);
    learning_rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_falls_where_that_of_pytorch_falls() {
        let plateau = Plateau {
            factor: 0.25,
            patience: 2,
            threshold: 1e-3,
            cooldown: 1,
            min_learning_rate: 1e-3,
        };
        let mut state = PlateauState::default();
        let mut falls = 0;
        for line in include_str!("../../tests/golden/plateau.csv")
            .lines()
            .skip(1)
        {
            let (loss, golden) = line.split_once(',').expect("two columns");
            let loss: f64 = loss.parse().expect("a loss");
            let golden: f64 = golden.parse().expect("a learning rate");
            let before = state.learning_rate;
            let rate = observe(&plateau, &mut state, 0.2, loss);
            assert!(
                (rate - golden).abs() < 1e-12,
                "{loss}: {rate}, PyTorch {golden}"
            );
            falls += usize::from(before.is_some_and(|before| before > rate));
        }
        assert_eq!(falls, 4, "down to the least");
    }
}
