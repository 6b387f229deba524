//! Averages of the parameters, as `torch.optim.swa_utils.AveragedModel`.

use crate::graph::Array;

/// The exponential moving average after one more update, `step` from 0: a copy in the first, then
/// `decay · averaged + (1 − decay) · parameters`.
pub fn moving(averaged: &Array, parameters: &Array, decay: f64, step: f64) -> Array {
    let share = if step == 0.0 { 1.0 } else { 1.0 - decay };
    mixed(averaged, parameters, share)
}

/// The plain mean of the parameters after update `begin` (from 0) and every `every`th behind it, up to update `step`; before, a copy.
pub fn equal(averaged: &Array, parameters: &Array, begin: f64, every: f64, step: f64) -> Array {
    let since = (step - begin).max(0.0);
    if since % every != 0.0 {
        return averaged.clone();
    }
    mixed(averaged, parameters, 1.0 / (since / every + 1.0))
}

fn mixed(averaged: &Array, parameters: &Array, share: f64) -> Array {
    let mut mixed = averaged.clone();
    for (a, p) in mixed.data.iter_mut().zip(&parameters.data) {
        *a = if share == 1.0 {
            *p
        } else {
            (1.0 - share) * *a + share * p
        };
    }
    mixed
}
