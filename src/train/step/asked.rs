//! What a trained network is asked: samples without targets.

use std::sync::Arc;

use super::{Builder, Resident, buffers, empty};
use crate::config::Config;
use crate::graph::{Graph, TensorType, Value};
use crate::nn::{Inputs, Network};
use crate::ops::{batch_indices::BatchIndices, state};

impl Builder<'_> {
    /// What the network gives for all samples of the data set.
    fn asked(&mut self) -> Value {
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
            statistics: self.statistics(),
            training: None,
        };
        let outputs = self.network.forward(&mut self.graph, inputs);
        self.rows(outputs)
    }
}

/// All samples of the data set at once, and the tensor (samples, classes) of their probabilities, or of the numbers of a regression.
/// Of a text there is a row for each token.
pub fn prediction(network: &Network, config: &Config, data: &Resident) -> (Graph, Value) {
    let mut builder = Builder {
        network,
        config,
        data,
        mean_weight: None,
        trains: false,
        augment: None,
        graph: empty(config),
    };
    let logits = builder.asked();
    let answers = builder.answers(logits);
    (builder.graph, answers)
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
        graph: empty(config),
    };
    let logits = builder.asked();
    let position = builder
        .graph
        .persistent(buffers::POSITION, TensorType::u32([1]));
    let answer = builder.gather_floats(logits, position);
    (builder.graph, answer)
}
