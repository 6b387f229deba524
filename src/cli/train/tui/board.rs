//! What the dashboard knows of a training.

use std::time::Instant;

use super::super::lines;
use crate::train::{Epoch, Event, Metric, Progress, Start};

/// A curve has at most so many points; beyond, two become one.
const MOST_POINTS: usize = 512;

/// What the dashboard knows of a training.
#[derive(Debug)]
pub(super) struct Board {
    /// Whether colours are used.
    pub(super) is_coloured: bool,
    /// What goes on before the first step.
    pub(super) preparing: String,
    /// What is known once the first step is about to come, and when that was.
    pub(super) start: Option<(Box<Start>, Instant)>,
    pub(super) progress: Option<Progress>,
    /// The loss of every step, as means over some of them.
    pub(super) losses: Curve,
    pub(super) epochs: Vec<Epoch>,
    pub(super) learning_rate: Option<f32>,
    /// The newest trouble.
    pub(super) message: String,
    /// The step of the newest state that is kept.
    pub(super) kept: Option<u64>,
    /// Whether an end was asked for.
    pub(super) is_stopping: bool,
    /// Whether the training is over.
    pub(super) is_over: bool,
}

impl Board {
    pub(super) fn new(is_coloured: bool) -> Self {
        Self {
            is_coloured,
            preparing: super::super::PREPARING.to_owned(),
            start: None,
            progress: None,
            losses: Curve::default(),
            epochs: Vec::new(),
            learning_rate: None,
            message: String::new(),
            kept: None,
            is_stopping: false,
            is_over: false,
        }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            Event::Reading { done, total } if done < total => {
                self.preparing = format!("reading sample {done} of {total}");
            }
            Event::Reading { .. } => super::super::PREPARING.clone_into(&mut self.preparing),
            Event::Start(start) => {
                if let Some(resumed) = &start.resumed {
                    self.epochs.clone_from(&resumed.epochs);
                }
                self.start = Some((start.clone(), Instant::now()));
            }
            Event::Steps(steps) => {
                for (step, loss) in (steps.first..).zip(&steps.losses) {
                    self.losses.push(step, f64::from(*loss));
                }
                self.learning_rate = steps.learning_rates.last().copied().or(self.learning_rate);
            }
            Event::Progress(progress) => self.progress = Some(*progress),
            Event::Epoch(epoch) => self.epochs.push(epoch.clone()),
            Event::Checkpoint(checkpoint) => self.kept = Some(checkpoint.host.step),
            Event::Rollback(back) => {
                self.epochs.clone_from(&back.epochs);
                self.losses.forget_after(back.step);
                self.message = format!("{}; back to step {}", back.why, back.step);
            }
        }
    }

    /// Steps done, and of the whole training.
    pub(super) fn steps(&self) -> [u64; 2] {
        let [done, all] = match &self.start {
            None => [0, 1],
            Some((start, _)) => {
                let begin = start.resumed.as_ref().map_or(0, |resumed| resumed.step);
                [begin, start.steps]
            }
        };
        let told = self.progress.map_or(0, |progress| progress.step);
        let closed = self.epochs.last().map_or(0, |epoch| epoch.step);
        [done.max(told).max(closed).min(all), all.max(1)]
    }

    /// `epoch  3/20`, the epoch under way.
    pub(super) fn epoch(&self) -> String {
        let Some((start, _)) = &self.start else {
            return String::new();
        };
        let epochs = lines::epochs(start);
        let under_way = self.steps()[0] / start.steps_per_epoch.max(1) + 1;
        lines::epoch_of(under_way.min(epochs.max(1)), epochs)
    }

    /// Seconds since the first step, and to the last one if it goes on like this.
    pub(super) fn clock(&self, now: Instant) -> [f64; 2] {
        let Some((start, began)) = &self.start else {
            return [0.0, f64::INFINITY];
        };
        let seconds = now.duration_since(*began).as_secs_f64();
        let begin = start.resumed.as_ref().map_or(0, |resumed| resumed.step);
        let [done, all] = self.steps();
        let here = done.saturating_sub(begin) as f64;
        [seconds, seconds * all.saturating_sub(done) as f64 / here]
    }

    /// The points (step, figure) of each epoch: of the training samples, and of the validation.
    pub(super) fn metrics(&self) -> [Vec<(f64, f64)>; 2] {
        let mut train: Vec<(f64, f64)> = (self.epochs.iter())
            .map(|epoch| (epoch.step as f64, epoch.train.metric.value()))
            .collect();
        let last = self.epochs.last().map_or(0, |epoch| epoch.step);
        if let Some(progress) = self.progress.filter(|progress| progress.step > last) {
            train.push((progress.step as f64, progress.train.metric.value()));
        }
        let validation = self
            .epochs
            .iter()
            .filter_map(|epoch| Some((epoch.step as f64, epoch.validation?.metric.value())));
        [train, validation.collect()]
    }

    /// The points (step, loss) of the validation.
    pub(super) fn validation_losses(&self) -> Vec<(f64, f64)> {
        let losses = self.epochs.iter();
        losses
            .filter_map(|epoch| Some((epoch.step as f64, epoch.validation?.loss)))
            .collect()
    }

    /// What the figure beside the loss is.
    pub(super) fn metric(&self) -> Option<Metric> {
        let told = self.progress.map(|progress| progress.train.metric);
        told.or_else(|| Some(self.epochs.last()?.train.metric))
    }
}

/// A curve of any length in a bounded number of points.
#[derive(Debug)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
    /// Values that a point is the mean of.
    stride: u32,
    sum: f64,
    count: u32,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            stride: 1,
            sum: 0.0,
            count: 0,
        }
    }
}

impl Curve {
    /// Adds the value of the next step. What is no number has no place on a curve.
    pub(super) fn push(&mut self, step: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.sum += value;
        self.count += 1;
        if self.count < self.stride {
            return;
        }
        self.points
            .push((step as f64, self.sum / f64::from(self.count)));
        (self.sum, self.count) = (0.0, 0);
        if self.points.len() >= MOST_POINTS {
            let pairs = self.points.chunks(2);
            let merged = pairs.map(|pair| {
                let sum: f64 = pair.iter().map(|(_, value)| value).sum();
                (pair[pair.len() - 1].0, sum / pair.len() as f64)
            });
            self.points = merged.collect();
            self.stride = self.stride.saturating_mul(2);
        }
    }

    /// Takes back what came after a step.
    fn forget_after(&mut self, step: u64) {
        self.points.retain(|&(at, _)| at <= step as f64);
        (self.sum, self.count) = (0.0, 0);
    }

    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_shape_in_few_points() {
        let mut curve = Curve::default();
        for step in 1..=100_000_u64 {
            curve.push(
                step,
                if step == 50 {
                    f64::NAN
                } else {
                    1000.0 / step as f64
                },
            );
        }
        let points = curve.points();
        assert!(
            (MOST_POINTS / 2..MOST_POINTS).contains(&points.len()),
            "{}",
            points.len()
        );
        assert!(
            points.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1),
            "it falls"
        );
        assert!(points[points.len() - 1].0 > 99_000.0, "to the end");
        let (step, loss) = points[points.len() / 2];
        assert!(
            (loss * step / 1000.0 - 1.0).abs() < 0.02,
            "{loss} at {step}"
        );
        curve.forget_after(1000);
        assert!(
            curve.points().iter().all(|&(step, _)| step <= 1000.0),
            "taken back"
        );
    }
}
