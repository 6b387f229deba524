//! The schedules of the learning rate, as `torch.optim.lr_scheduler`, each as a factor of the learning rate before it.

use std::f64::consts::PI;

use crate::graph::Array;

/// The new `schedule`: word 0 becomes word 1 times the factor, times a warm-up which in the first `warmup` of all steps goes in a
/// straight line from `warmup_from` to 1 (`LinearLR`). The factor is a function of the whole units of `unit` steps since the warm-up.
pub fn set(
    schedule: &Array,
    counters: &Array,
    warmup: f64,
    warmup_from: f64,
    unit: f64,
    factor: impl Fn(f64) -> f64,
) -> Array {
    let step = counters.data[0];
    let ramp = if step < warmup {
        warmup_from + (1.0 - warmup_from) * step / warmup
    } else {
        1.0
    };
    let t = ((step - warmup).max(0.0) / unit).floor();
    let mut schedule = schedule.clone();
    schedule.data[0] = schedule.data[1] * ramp * factor(t);
    schedule
}

/// `StepLR`: `gamma` to the power of the whole `every` in `t`.
pub fn step_decay(t: f64, every: f64, gamma: f64) -> f64 {
    gamma.powf((t / every).floor())
}

/// `MultiStepLR`: `gamma` to the power of the milestones reached.
pub fn multi_step(t: f64, milestones: &[u32], gamma: f64) -> f64 {
    gamma.powf(milestones.iter().filter(|&&m| f64::from(m) <= t).count() as f64)
}

/// `ExponentialLR`.
pub fn exponential(t: f64, gamma: f64) -> f64 {
    gamma.powf(t)
}

/// `CosineAnnealingLR` with `T_max = period` and `eta_min = floor`.
pub fn cosine(t: f64, period: f64, floor: f64) -> f64 {
    floor + (1.0 - floor) * (1.0 + (PI * t / period).cos()) / 2.0
}

/// `CosineAnnealingWarmRestarts` with `T_0 = period`, `T_mult = multiply`, `eta_min = floor`.
pub fn cosine_restarts(t: f64, period: f64, multiply: f64, floor: f64) -> f64 {
    let (mut phase, mut period) = (t, period);
    while phase >= period {
        phase -= period;
        period *= multiply;
    }
    floor + (1.0 - floor) * (1.0 + (PI * phase / period).cos()) / 2.0
}

/// `OneCycleLR` with `max_lr` 1 and `cycle_momentum=False`: from `1 / div_factor` up to 1 until step `pct_start · total − 1`, then
/// down to `1 / div_factor / final_div_factor` in step `total − 1`, and no further.
pub fn one_cycle(
    t: f64,
    total: f64,
    pct_start: f64,
    div_factor: f64,
    final_div_factor: f64,
    linear: bool,
) -> f64 {
    let anneal = |start: f64, end: f64, share: f64| {
        if linear {
            start + (end - start) * share
        } else {
            end + (start - end) / 2.0 * (1.0 + (PI * share).cos())
        }
    };
    let t = t.min(total - 1.0);
    let top = pct_start * total - 1.0;
    let begin = 1.0 / div_factor;
    if t <= top {
        // A top in the very first step is there from the beginning.
        return if top > 0.0 {
            anneal(begin, 1.0, t / top)
        } else {
            1.0
        };
    }
    anneal(
        1.0,
        begin / final_div_factor,
        (t - top) / (total - 1.0 - top),
    )
}
