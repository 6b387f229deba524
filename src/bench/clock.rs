//! Seconds that can be trusted: warmed up, repeated, the median and how far the repetitions lie apart.

use std::time::Instant;

use crate::error::Result;
use crate::gpu::{Executor, Gpu, Memory};

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A first impression: a minute for everything on a software adapter.
    Quick,
    /// Figures to compare.
    Full,
}

impl Effort {
    /// One run lasts about this long, so that neither the clock nor the way to the adapter matters.
    fn window(self) -> f64 {
        match self {
            Self::Quick => 0.008,
            Self::Full => 0.03,
        }
    }

    /// Runs, at least.
    fn runs(self) -> usize {
        match self {
            Self::Quick => 5,
            Self::Full => 11,
        }
    }

    /// Seconds of measuring one thing, about; fewer runs are made of what lasts longer, but never less than three.
    pub(super) fn budget(self) -> f64 {
        match self {
            Self::Quick => 0.15,
            Self::Full => 0.6,
        }
    }
}

/// The time of one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// The median.
    pub seconds: f64,
    /// Half the distance between the first and the third quartile, as a share of the median.
    pub spread: f64,
    /// How many runs there were.
    pub runs: usize,
}

impl Timing {
    /// Of the seconds of some runs.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn of(mut seconds: Vec<f64>) -> Self {
        assert!(!seconds.is_empty(), "something was run");
        seconds.sort_by(f64::total_cmp);
        let median = quantile(&seconds, 0.5);
        Self {
            seconds: median,
            spread: (quantile(&seconds, 0.75) - quantile(&seconds, 0.25)) / 2.0 / median.max(1e-12),
            runs: seconds.len(),
        }
    }
}

/// The value below which this share of sorted values lies, in between if need be.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a slice"
    )]
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * place.fract()
}

/// Repetitions of one run, at most: none of them needs more memory for its commands than a training does.
const MOST_REPETITIONS: usize = 4096;

/// Times something that `run` does as often as it is told, giving the seconds of all repetitions together.
///
/// # Errors
/// What `run` gives.
pub(super) fn time(effort: Effort, run: &mut dyn FnMut(usize) -> Result<f64>) -> Result<Timing> {
    // The first time compiles, allocates and warms caches.
    run(1)?;
    let mut repetitions = 1;
    let window = effort.window();
    let mut seconds = run(1)?;
    while seconds < window && repetitions < MOST_REPETITIONS {
        let wanted = repetitions as f64 * (window / seconds.max(1e-9)).min(8.0) * 1.05;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let wanted = wanted.ceil() as usize;
        repetitions = wanted.clamp(repetitions + 1, MOST_REPETITIONS);
        seconds = run(repetitions)?;
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3
        || (times.len() < effort.runs() && begin.elapsed().as_secs_f64() < effort.budget())
    {
        times.push(run(repetitions)? / repetitions as f64);
    }
    Ok(Timing::of(times))
}

/// Times a plan: as many repetitions as told in one submission, by the wall clock until the adapter has done them.
///
/// # Errors
/// If the device fails.
pub(super) fn time_plan(
    gpu: &Gpu,
    memory: &Memory,
    executor: &mut Executor,
    effort: Effort,
) -> Result<Timing> {
    time(effort, &mut |repetitions| {
        let begin = Instant::now();
        executor.submit(gpu, memory, repetitions, None)?;
        gpu.drain()?;
        Ok(begin.elapsed().as_secs_f64())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_spread_do_not_mind_one_run_gone_wrong() {
        let timing = Timing::of(vec![1.1, 0.9, 50.0, 1.0, 1.0]);
        assert_eq!((timing.seconds, timing.runs), (1.0, 5));
        assert!((timing.spread - 0.05).abs() < 1e-12, "{timing:?}");
        let one = Timing::of(vec![2.0]);
        assert_eq!((one.seconds, one.spread), (2.0, 0.0));
        assert_eq!(Timing::of(vec![1.0, 2.0]).seconds, 1.5);
    }

    #[test]
    fn what_is_quick_is_repeated_until_a_run_is_long_enough_and_what_is_slow_is_not() {
        let mut longest = 0;
        let timing = time(Effort::Quick, &mut |n| {
            longest = longest.max(n);
            Ok(n as f64 * 1e-5)
        });
        let timing = timing.unwrap();
        assert!((timing.seconds - 1e-5).abs() < 1e-12, "{timing:?}");
        assert!((800..1100).contains(&longest), "{longest}");
        let slow = time(Effort::Quick, &mut |n| {
            assert_eq!(n, 1, "a second is long enough");
            Ok(1.0)
        });
        assert_eq!(slow.unwrap().runs, 5);
    }
}
