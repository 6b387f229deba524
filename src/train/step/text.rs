//! What differs where samples are windows of a text: each of their tokens is a row with a target of its own.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::{Builder, Resident, buffers};
use crate::config::{Config, Loss};
use crate::graph::{Shape, TensorType, Value};
use crate::ops::{gather_windows::GatherWindows, reduce_sum::ReduceSum, reshape::Reshape};

impl Builder<'_> {
    /// The windows of these numbers and what follows each of their tokens: u32 (batch, context), twice.
    pub(super) fn gather_windows(&mut self, part: &Range<usize>, indices: Value) -> [Value; 2] {
        let windows = self.data.windows.as_ref().expect("a text has windows");
        let piece = windows.of(part);
        let op = GatherWindows {
            windows: piece.windows.clone(),
            first: piece.first,
            stride: piece.stride,
            context: windows.context,
            dtype: self.data.dtype,
        };
        let tokens = TensorType {
            shape: Shape::from([windows.tokens]),
            dtype: self.data.dtype,
        };
        let tokens = self.graph.persistent(buffers::SAMPLES, tokens);
        let gathered = self.graph.apply(Arc::new(op), &[tokens, indices]);
        let gathered = gathered.expect("the windows of a text are inside of it");
        [gathered[0], gathered[1]]
    }

    /// What each sample counts, spread evenly over its tokens.
    pub(super) fn of_each_token(&mut self, weights: Value) -> Value {
        let context = self.data.context().expect("a text has windows");
        let batch = self.graph.shape(weights).elements();
        let op = ReduceSum::Backward {
            axes: 1..2,
            scale: 1.0 / context as f32,
            input: Shape::from([batch, context]),
        };
        let spread = self.graph.one(op, &[weights]);
        self.flat(spread)
    }

    /// All elements in one row.
    pub(super) fn flat(&mut self, x: Value) -> Value {
        let shape = Shape::from([self.graph.shape(x).elements()]);
        self.graph.one(Reshape { shape }, &[x])
    }

    /// What a network gives, one row below the other: of a text (batch, context, outputs) a row for each token.
    pub(super) fn rows(&mut self, outputs: Value) -> Value {
        let shape = self.graph.shape(outputs);
        let shape = Shape::from([shape.rows(), shape.last()]);
        match self.data.windows {
            None => outputs,
            Some(_) => self.graph.one(Reshape { shape }, &[outputs]),
        }
    }
}

/// The configuration that a network is measured under. A text's loss is a cross entropy whose targets are sure: perplexity and bits per
/// character come from it.
pub(super) fn measured<'a>(config: &'a Config, data: &Resident) -> Cow<'a, Config> {
    let mut config = Cow::Borrowed(config);
    if data.windows.is_some()
        && let Loss::CrossEntropy { label_smoothing } = &mut config.to_mut().train.loss
    {
        *label_smoothing = 0.0;
    }
    config
}
