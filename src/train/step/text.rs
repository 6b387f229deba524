//! What differs where samples are windows of a text: each of their tokens is a row with a target of its own.

use std::ops::Range;
use std::sync::Arc;

use super::{Builder, Resident, buffers};
use crate::config::{Config, Loss};
use crate::graph::{Graph, Shape, TensorType, Value};
use crate::nn::{Inputs, Network};
use crate::ops::{
    batch_indices::BatchIndices, gather_windows::GatherWindows, reduce_sum::ReduceSum,
    reshape::Reshape, state,
};

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

    /// What the network gives for all samples of the data set.
    pub(super) fn asked(&mut self) -> Value {
        let counters = "prediction counters";
        let counters = self.graph.persistent(counters, state::counters());
        let samples = self.data.samples;
        let op = BatchIndices {
            part: 0..samples,
            batch: samples,
            rows: 0..samples,
            shuffle: None,
        };
        let chosen = self.graph.apply(Arc::new(op), &[counters]);
        let indices = chosen.expect("counters fit")[0];
        let x = match self.data.windows {
            None => self.gather(samples, indices),
            Some(_) => self.gather_windows(&(0..samples), indices)[0],
        };
        let parameters = self.slab(buffers::PARAMETERS);
        let inputs = Inputs {
            x,
            parameters,
            training: None,
        };
        let outputs = self.network.forward(&mut self.graph, inputs);
        self.rows(outputs)
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

/// The configuration with a cross entropy whose targets are sure.
pub(super) fn without_smoothing(config: &Config) -> Config {
    let mut config = config.clone();
    if let Loss::CrossEntropy { label_smoothing } = &mut config.train.loss {
        *label_smoothing = 0.0;
    }
    config
}

/// One window of a text, and the scores of what follows its token at the place that [`buffers::POSITION`] holds: (1, vocabulary).
pub fn next(network: &Network, config: &Config, data: &Resident) -> (Graph, Value) {
    let mut builder = Builder {
        network,
        config,
        data,
        mean_weight: None,
        trains: false,
        augment: None,
        graph: super::empty(config),
    };
    let logits = builder.asked();
    let position = builder
        .graph
        .persistent(buffers::POSITION, TensorType::u32([1]));
    let answer = builder.gather_floats(logits, position);
    (builder.graph, answer)
}
