//! What a step must know of the data on the adapter.

use super::RING;
use crate::config;
use crate::data::Windows;
use crate::graph::DType;
use crate::nn::Signal;
use crate::ops::gather_batch::Normalization;

/// What a graph must know of the data set on the adapter.
#[derive(Clone, Debug)]
pub struct Resident {
    /// Samples in all parts.
    pub samples: usize,
    /// Height, width, channels.
    pub sample_shape: [usize; 3],
    /// Bytes or floats.
    pub dtype: DType,
    /// The number of classes, or of the numbers that a regression predicts.
    pub classes: usize,
    /// Whether numbers are predicted, not classes.
    pub regression: bool,
    /// Whether samples count differently.
    pub weighted: bool,
    /// Where samples are streamed, how many bytes of them are on the adapter at a time.
    pub window_bytes: Option<usize>,
    /// From raw values to what the network sees.
    pub normalization: Normalization,
    /// Where samples are windows of a text: those windows. `dtype` is then that of a token, and `classes` is the vocabulary.
    pub windows: Option<Windows>,
}

/// A window onto samples that are not all on the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Batches that it holds; no submission has more steps.
    pub slots: usize,
    /// Rows from batch to batch: a multiple of 4, so that a slot begins at a whole word.
    pub stride: usize,
    /// Rows of the whole window.
    pub rows: usize,
}

impl Resident {
    /// Bytes of all samples, as they lie on the adapter.
    pub fn stored_bytes(&self) -> usize {
        let sample: usize = self.sample_shape.iter().product();
        let elements = match &self.windows {
            Some(windows) => windows.tokens,
            None => sample.saturating_mul(self.samples),
        };
        self.dtype.storage_bytes(elements)
    }

    /// What a sample is to the network.
    pub fn signal(&self) -> Signal {
        match (self.context(), self.dtype) {
            (Some(length), _) => Signal::tokens(length),
            (None, DType::U32) => Signal::tokens(self.sample_shape[2]),
            (None, _) => self.sample_shape.into(),
        }
    }

    /// Tokens of a sample, each with a target of its own; `None` where a sample has one as a whole.
    pub fn context(&self) -> Option<usize> {
        self.windows.as_ref().map(|windows| windows.context)
    }

    /// The window onto the samples for passes with so many rows from step to step, if they are streamed. Every pass has the same
    /// memory, as large as whole updates of the training need.
    pub fn window(&self, train: &config::Train, rows: usize) -> Option<Window> {
        let bytes = self.window_bytes?;
        let sample: usize = self.sample_shape.iter().product();
        let update = (train.parts() * train.rows()).next_multiple_of(4);
        let slot = self.dtype.storage_bytes(sample.saturating_mul(update));
        let all = (bytes / slot.max(1)).clamp(1, RING) * update;
        let stride = rows.next_multiple_of(4);
        Some(Window {
            slots: (all / stride).clamp(1, RING),
            stride,
            rows: all,
        })
    }
}
