//! Training on one batch alone: a network that cannot learn that by heart has a mistake in it, or in its numbers.

use super::event::Event;
use super::resident::Reading;
use super::{Request, resident, train_on};
use crate::config::{Every, Length, Loss, Schedule};
use crate::error::Result;

/// What became of the loss of one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overfit {
    /// Samples in the batch.
    pub samples: usize,
    /// Steps done.
    pub steps: u64,
    /// The loss before the first step.
    pub first: f32,
    /// The loss before the last step.
    pub last: f32,
}

impl Overfit {
    /// Whether the loss went to about 0: below a hundredth of what it was.
    pub fn is_learned(&self) -> bool {
        self.last <= self.first * 0.01
    }
}

/// Trains so many steps on the first samples of the training part: one batch, always the same, without label smoothing, since that
/// keeps a loss from 0. Nothing is validated, tested or kept.
///
/// # Errors
/// As [`super::train`].
pub fn overfit(
    request: &Request,
    steps: u32,
    observe: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Overfit> {
    let mut request = request.clone();
    let config = &mut request.config;
    let reading = Reading {
        path: request.data.as_deref(),
        fold: request.fold,
        ..Reading::default()
    };
    let mut progress = |done, total| observe(&Event::Reading { done, total });
    let mut dataset = resident::load(config, &reading, &mut progress)?;
    let parts = &mut dataset.parts;
    parts.train.end = parts.train.end.min(parts.train.start + config.train.batch);
    parts.validation = parts.train.end..parts.train.end;
    parts.test = parts.train.end..parts.train.end;
    let samples = parts.train.len();
    config.train.length = Length::Steps(steps);
    config.train.shuffle = false;
    if let Loss::CrossEntropy { label_smoothing } = &mut config.train.loss {
        *label_smoothing = 0.0;
    }
    config.schedule = Schedule::default();
    config.average = None;
    config.early_stopping = None;
    config.checkpoints.every = Every::Never;
    config.checkpoints.best = None;
    let mut losses = Vec::new();
    train_on(&request, &dataset, &mut |event| {
        if let Event::Steps(steps) = event {
            losses.extend(&steps.losses);
        }
        observe(event)
    })?;
    Ok(Overfit {
        samples,
        steps: losses.len() as u64,
        first: losses.first().copied().unwrap_or(f32::NAN),
        last: losses.last().copied().unwrap_or(f32::NAN),
    })
}
