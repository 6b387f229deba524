//! The learning-rate range test (Smith 2015, "Cyclical learning rates for training neural networks", section 3.3): one short
//! training whose learning rate grows from step to step, and the loss as a function of it.

use super::event::Event;
use super::resident::Reading;
use super::{Request, resident, train_on};
use crate::config::{Every, Length, OnNan, Schedule};
use crate::error::{Class, Error, Result};

/// From which learning rate to which, in how many steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The first learning rate.
    pub from: f64,
    /// The last one.
    pub to: f64,
    /// Steps, each with a rate that is the same factor above the one before.
    pub steps: u32,
}

impl Range {
    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let last = f64::from(self.steps.max(2) - 1);
        self.from * (self.to / self.from).powf(step as f64 / last)
    }
}

/// One step of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The learning rate of its update.
    pub learning_rate: f64,
    /// The loss before it.
    pub loss: f64,
    /// The running mean of the losses so far: each step counts nine tenths of the one after it.
    pub smoothed: f64,
}

/// How the loss depends on the learning rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Step by step, up to where the loss is four times its smallest value, or no number.
    pub points: Vec<Point>,
}

/// The share of the past in the running mean.
const PAST: f64 = 0.9;

/// The loss has exploded when it is so many times its smallest value.
const EXPLODED: f64 = 4.0;

/// The loss falls when it comes down to this share of where it was at least: less is chance.
const FALL: f64 = 0.95;

/// What is left out at the beginning, where the running mean is still rough.
const ROUGH: usize = 5;

impl Curve {
    fn new() -> Self {
        Self { points: Vec::new() }
    }

    /// Adds a step; whether the test may go on.
    fn add(&mut self, learning_rate: f64, loss: f64) -> bool {
        if !loss.is_finite() {
            return false;
        }
        // With the correction for the zero that the mean begins with, as in Adam.
        let count = i32::try_from(self.points.len()).unwrap_or(i32::MAX);
        let before = self.points.last().map_or(0.0, |p| p.smoothed) * (1.0 - PAST.powi(count));
        let sum = PAST * before + (1.0 - PAST) * loss;
        self.points.push(Point {
            learning_rate,
            loss,
            smoothed: sum / (1.0 - PAST.powi(count + 1)),
        });
        let losses = self.points.iter().map(|point| point.smoothed);
        let smallest = losses.fold(f64::INFINITY, f64::min);
        self.points.len() <= ROUGH || loss <= EXPLODED * smallest
    }

    /// Where the smoothed loss is smallest.
    pub fn lowest(&self) -> Option<Point> {
        let sure = self.points.iter().skip(ROUGH).copied();
        sure.min_by(|a, b| a.smoothed.total_cmp(&b.smoothed))
    }

    /// The learning rate at which the smoothed loss falls fastest over the logarithm of the rate, before it is smallest. `None`
    /// where it does not fall.
    pub fn suggestion(&self) -> Option<f64> {
        let lowest = self.lowest()?;
        let sure = self.points.get(ROUGH..)?;
        if lowest.smoothed > FALL * sure.first()?.smoothed {
            return None;
        }
        let lowest = lowest.learning_rate;
        let slopes = sure.windows(3).filter_map(|window| {
            let [before, point, after] = window else {
                return None;
            };
            let span = (after.learning_rate / before.learning_rate).ln();
            let slope = (after.smoothed - before.smoothed) / span;
            (point.learning_rate <= lowest && slope < 0.0).then_some((slope, point.learning_rate))
        });
        let steepest = slopes.min_by(|a, b| a.0.total_cmp(&b.0));
        steepest.map(|(_, learning_rate)| learning_rate)
    }
}

/// Runs the test on the training samples. Nothing is validated, tested or kept.
///
/// # Errors
/// As [`super::train`].
pub fn lr_find(
    request: &Request,
    range: Range,
    observe: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Curve> {
    let mut request = request.clone();
    let config = &mut request.config;
    let reading = Reading {
        path: request.data.as_deref(),
        ..Reading::default()
    };
    let mut progress = |done, total| observe(&Event::Reading { done, total });
    let mut dataset = resident::load(config, &reading, &mut progress)?;
    let parts = &mut dataset.parts;
    parts.validation = parts.train.end..parts.train.end;
    parts.test = parts.train.end..parts.train.end;
    config.train.length = Length::Steps(range.steps);
    config.schedule = Schedule::default();
    config.early_stopping = None;
    config.checkpoints.every = Every::Never;
    config.checkpoints.best = None;
    config.checkpoints.on_nan = OnNan::Stop;
    request.control.rates = Some(range);
    let mut curve = Curve::new();
    let mut enough = false;
    let trained = train_on(&request, &dataset, &mut |event| {
        if let Event::Steps(steps) = event {
            for (step, loss) in (steps.first - 1..).zip(&steps.losses) {
                if !curve.add(range.rate(step), f64::from(*loss)) {
                    enough = true;
                    // Nobody sees it: it only ends the training.
                    return Err(Error::new(Class::Check, "the loss has exploded", ""));
                }
            }
        }
        observe(event)
    });
    match trained {
        Err(error) if !enough => Err(error),
        _ => Ok(curve),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range {
        from: 1e-6,
        to: 10.0,
        steps: 71,
    };

    /// A curve whose loss is a function of the logarithm of the rate.
    fn curve(loss: impl Fn(f64) -> f64) -> Curve {
        let mut curve = Curve::new();
        for step in 0..u64::from(RANGE.steps) {
            let rate = RANGE.rate(step);
            if !curve.add(rate, loss(rate.log10())) {
                break;
            }
        }
        curve
    }

    #[test]
    fn rates_grow_by_one_factor_from_the_first_to_the_last() {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} and {b}");
        close(RANGE.rate(0), 1e-6);
        close(RANGE.rate(10), 1e-5);
        close(RANGE.rate(70), 10.0);
    }

    #[test]
    fn the_suggestion_is_where_the_loss_falls_fastest() {
        // Flat, a fall around 1e-3, an explosion above 0.1.
        let shape =
            |log: f64| 1.0 - 0.8 / (1.0 + (-4.0 * (log + 3.0)).exp()) + (8.0 * (log + 1.0)).exp();
        let curve = curve(shape);
        let suggestion = curve.suggestion().unwrap();
        // The running mean lags by about ten steps: a decade.
        assert!((1e-3..2e-2).contains(&suggestion), "{suggestion}");
        assert!(suggestion < curve.lowest().unwrap().learning_rate);
        assert!(curve.points.len() < 71, "it ends where the loss explodes");
    }

    #[test]
    fn a_loss_that_never_falls_has_no_suggestion() {
        assert_eq!(curve(|log| 2.0 + 0.01 * log).suggestion(), None);
        assert_eq!(curve(|_| f64::NAN).suggestion(), None);
    }

    #[test]
    fn a_running_mean_of_equal_numbers_is_that_number() {
        let curve = curve(|_| 0.75);
        assert!(
            curve
                .points
                .iter()
                .all(|p| (p.smoothed - 0.75).abs() < 1e-12)
        );
    }
}
