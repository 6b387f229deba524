//! The graphs of a training: one step, one batch of an evaluation, one batch of predictions.
//!
//! A step is gather → forward → loss and counts → backward → update → advance. All of it is static: what changes from step to
//! step lies in the counters on the adapter, so that one recorded step is replayed.

use std::ops::Range;
use std::sync::Arc;

use super::schedule::{self, Length};
use crate::config::{Config, LayerKind, Loss, Optimizer};
use crate::graph::{DType, Graph, OpRef, Shape, Storage, TensorType, Value, autograd};
use crate::nn::Network;
use crate::ops::{
    self, adam::Adam, advance, advance::Advance, batch_indices::BatchIndices,
    confusion_matrix::ConfusionMatrix, count_correct::CountCorrect, cross_entropy::CrossEntropy,
    gather_batch::GatherBatch, gather_batch::Normalization, mse::Mse, reduce_sum::ReduceSum,
    scale::Scale, sgd::Sgd, softmax::Softmax, state,
};

/// Names of the buffers that outlive a step.
pub mod buffers {
    /// All trained tensors, one after the other.
    pub const PARAMETERS: &str = "parameters";
    /// The gradient of each, at the same place.
    pub const GRADIENTS: &str = "gradients";
    /// What an optimiser remembers of each.
    pub const MOMENTS: [&str; 2] = ["first moments", "second moments"];
    /// The learning rate, and what it comes from.
    pub const SCHEDULE: &str = "schedule";
    /// All samples of the data set.
    pub const SAMPLES: &str = "samples";
    /// All labels.
    pub const LABELS: &str = "labels";
    /// The gradient of each row's loss by itself.
    pub const ONES: &str = "ones";
    /// The identity matrix: one-hot targets.
    pub const IDENTITY: &str = "one-hot rows";
}

/// Steps whose metrics the ring on the adapter holds: the most that one submission may run.
pub const RING: usize = 256;

/// What a graph must know of the data set on the adapter.
#[derive(Clone, Debug)]
pub struct Resident {
    /// Samples in all parts.
    pub samples: usize,
    /// Height, width, channels.
    pub sample_shape: [usize; 3],
    /// Bytes or floats.
    pub dtype: DType,
    /// The number of classes.
    pub classes: usize,
    /// From raw values to what the network sees.
    pub normalization: Normalization,
}

/// The buffers of one pass over a part of the data: where it is, and what it measured.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The samples.
    pub part: Range<usize>,
    /// `training`, `validation`, `test`: the buffers' first word.
    pub name: &'static str,
}

impl Pass {
    /// The name of the counters' buffer.
    pub fn counters(&self) -> String {
        format!("{} counters", self.name)
    }

    /// The name of the metrics' ring.
    pub fn metrics(&self) -> String {
        format!("{} metrics", self.name)
    }

    /// The name of the confusion matrix.
    pub fn confusion(&self) -> String {
        format!("{} confusion", self.name)
    }
}

/// A graph in the making.
struct Builder<'a> {
    network: &'a Network,
    config: &'a Config,
    data: &'a Resident,
    graph: Graph,
}

/// The tensors of a batch behind the network.
struct Batch {
    counters: Value,
    labels: Value,
    /// 1 / (real samples of the batch) for each real sample, 0 for padding.
    weights: Value,
    parameters: Value,
    logits: Value,
}

impl Builder<'_> {
    fn slab(&mut self, name: &str) -> Value {
        self.graph
            .persistent(name, TensorType::f32([self.network.slab_elements]))
    }

    /// Gathers the next batch of a part and runs the network on it.
    fn batch(&mut self, pass: &Pass, shuffle: Option<u64>) -> Batch {
        let batch = self.config.train.batch;
        self.graph.enter("batch");
        let counters = self.graph.persistent(pass.counters(), state::counters());
        let op = BatchIndices {
            part: pass.part.clone(),
            batch,
            shuffle,
        };
        let chosen = self
            .graph
            .apply(Arc::new(op), &[counters])
            .expect("counters fit");
        let (indices, weights) = (chosen[0], chosen[1]);
        let x = self.gather(indices);
        let labels = self
            .graph
            .persistent(buffers::LABELS, TensorType::u32([self.data.samples]));
        let labels = self.graph.one(GatherBatch::Words, &[labels, indices]);
        let parameters = self.slab(buffers::PARAMETERS);
        let logits = self.network.forward(&mut self.graph, parameters, x);
        Batch {
            counters,
            labels,
            weights,
            parameters,
            logits,
        }
    }

    /// The samples of these indices, normalised: (batch, H, W, C).
    fn gather(&mut self, indices: Value) -> Value {
        let [h, w, c] = self.data.sample_shape;
        let shape = Shape::from([self.data.samples, h, w, c]);
        let samples = self.graph.persistent(
            buffers::SAMPLES,
            TensorType {
                shape,
                dtype: self.data.dtype,
            },
        );
        let normalization = self.data.normalization.clone();
        let op = match self.data.dtype {
            DType::U8 => GatherBatch::Bytes { normalization },
            DType::F32 | DType::U32 => GatherBatch::Floats { normalization },
        };
        self.graph.one(op, &[samples, indices])
    }

    /// The weighted loss of each row of a batch: their sum is the mean over the real samples.
    fn losses(&mut self, batch: &Batch) -> Value {
        self.graph.enter("loss");
        match self.config.train.loss {
            Loss::CrossEntropy { label_smoothing } => {
                #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
                let label_smoothing = label_smoothing as f32;
                self.graph.one(
                    CrossEntropy::Forward { label_smoothing },
                    &[batch.logits, batch.labels, batch.weights],
                )
            }
            Loss::Mse => {
                let classes = self.data.classes;
                let identity = self
                    .graph
                    .persistent(buffers::IDENTITY, TensorType::f32([classes, classes]));
                let normalization = Normalization::default();
                let target = self.graph.one(
                    GatherBatch::Floats { normalization },
                    &[identity, batch.labels],
                );
                self.graph
                    .one(Mse::Forward, &[batch.logits, target, batch.weights])
            }
        }
    }

    /// Writes loss and number of right answers to the ring, and moves the counters on.
    fn advance(&mut self, pass: &Pass, batch: &Batch, losses: Value, schedule: Value) {
        self.graph.enter("metrics");
        let loss = self.graph.one(ReduceSum::sum(0..1), &[losses]);
        let correct = self
            .graph
            .one(CountCorrect, &[batch.logits, batch.labels, batch.weights]);
        let correct = self.graph.one(ReduceSum::sum(0..1), &[correct]);
        let ring = self
            .graph
            .persistent(pass.metrics(), TensorType::f32([RING, advance::ENTRY]));
        let op = Advance {
            count: pass.part.len(),
            batch: self.config.train.batch,
        };
        self.graph
            .apply(
                Arc::new(op),
                &[batch.counters, ring, loss, correct, schedule],
            )
            .expect("counters and metrics fit");
    }

    /// The gradient of every parameter, in its place in the gradients' slab.
    fn backward(&mut self, batch: &Batch, losses: Value) -> Value {
        let ones = self
            .graph
            .persistent(buffers::ONES, TensorType::f32([self.config.train.batch]));
        let gradients = self.slab(buffers::GRADIENTS);
        // The forward pass has read its parameters through slices of its own; their gradients arrive there.
        let slices: Vec<Value> = self
            .graph
            .values()
            .filter(|&value| {
                matches!(self.graph.info(value).storage,
                    Storage::Slice { of, .. } if of == batch.parameters)
            })
            .collect();
        let arrived = autograd::backward(&mut self.graph, &[(losses, ones)], &slices, &ops::sum());
        for (slice, gradient) in slices.into_iter().zip(arrived) {
            let (_, offset) = self.graph.home(slice);
            let gradient = gradient.expect("every parameter influences the loss");
            let label = format!("{} gradient", self.graph.info(slice).label);
            if self.graph.place(gradient, gradients, offset) {
                self.graph.set_label(gradient, label);
            } else {
                let copy = self.graph.one(Scale { alpha: 1.0 }, &[gradient]);
                assert!(
                    self.graph.place(copy, gradients, offset),
                    "a fresh tensor can be placed"
                );
                self.graph.set_label(copy, label);
            }
        }
        gradients
    }

    /// The tensor that holds the learning rate.
    fn schedule(&mut self) -> Value {
        self.graph.persistent(buffers::SCHEDULE, state::schedule())
    }

    /// Sets the learning rate of this step.
    fn set_learning_rate(&mut self, batch: &Batch, length: Length) -> Value {
        self.graph.enter("optimizer");
        let schedule = self.schedule();
        match schedule::op(self.config, length) {
            None => schedule,
            Some(op) => self.graph.one(op, &[schedule, batch.counters]),
        }
    }

    /// One update of all parameters.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "hyperparameters are rounded once to f32"
    )]
    fn update(&mut self, batch: &Batch, gradients: Value, schedule: Value) {
        let mut inputs = vec![batch.parameters, gradients];
        let op: OpRef = match &self.config.optimizer {
            Optimizer::Sgd(sgd) => {
                // A momentum that 32 bits cannot tell from 0 is none.
                let momentum = sgd.momentum as f32;
                if momentum > 0.0 {
                    inputs.push(self.slab(buffers::MOMENTS[0]));
                }
                Arc::new(Sgd {
                    momentum,
                    nesterov: sgd.nesterov && momentum > 0.0,
                    weight_decay: sgd.weight_decay as f32,
                })
            }
            Optimizer::Adam(adam) | Optimizer::AdamW(adam) => {
                inputs.push(self.slab(buffers::MOMENTS[0]));
                inputs.push(self.slab(buffers::MOMENTS[1]));
                Arc::new(Adam {
                    betas: [adam.beta1, adam.beta2],
                    epsilon: adam.epsilon as f32,
                    weight_decay: adam.weight_decay as f32,
                    decoupled: matches!(self.config.optimizer, Optimizer::AdamW(_)),
                })
            }
        };
        inputs.extend([schedule, batch.counters]);
        self.graph.apply(op, &inputs).expect("slabs fit");
    }
}

/// One training step.
pub fn training(network: &Network, config: &Config, data: &Resident, pass: &Pass) -> Graph {
    let mut builder = Builder {
        network,
        config,
        data,
        graph: Graph::new(),
    };
    let shuffle = config.train.shuffle.then_some(config.seed);
    let batch = builder.batch(pass, shuffle);
    let losses = builder.losses(&batch);
    let gradients = builder.backward(&batch, losses);
    let schedule = builder.set_learning_rate(&batch, Length::of(config, pass.part.len()));
    builder.update(&batch, gradients, schedule);
    builder.advance(pass, &batch, losses, schedule);
    builder.graph
}

/// One batch of an evaluation: loss, right answers, and the confusion matrix where it is asked for.
pub fn evaluation(
    network: &Network,
    config: &Config,
    data: &Resident,
    pass: &Pass,
    confusion: bool,
) -> Graph {
    let mut builder = Builder {
        network,
        config,
        data,
        graph: Graph::new(),
    };
    let batch = builder.batch(pass, None);
    let losses = builder.losses(&batch);
    if confusion {
        let classes = data.classes;
        let counts = builder
            .graph
            .persistent(pass.confusion(), TensorType::u32([classes, classes]));
        builder
            .graph
            .apply(
                Arc::new(ConfusionMatrix),
                &[counts, batch.logits, batch.labels, batch.weights],
            )
            .expect("counts fit");
    }
    let schedule = builder.schedule();
    builder.advance(pass, &batch, losses, schedule);
    builder.graph
}

/// All samples of the data set at once, and the tensor of their probabilities (samples, classes).
pub fn prediction(network: &Network, config: &Config, data: &Resident) -> (Graph, Value) {
    let mut builder = Builder {
        network,
        config,
        data,
        graph: Graph::new(),
    };
    let counters = builder
        .graph
        .persistent("prediction counters", state::counters());
    let op = BatchIndices {
        part: 0..data.samples,
        batch: data.samples,
        shuffle: None,
    };
    let chosen = builder
        .graph
        .apply(Arc::new(op), &[counters])
        .expect("counters fit");
    let x = builder.gather(chosen[0]);
    let parameters = builder.slab(buffers::PARAMETERS);
    let logits = network.forward(&mut builder.graph, parameters, x);
    let ends_in_softmax = matches!(
        config.layers.last().map(|layer| &layer.kind),
        Some(LayerKind::Softmax)
    );
    let probabilities = if ends_in_softmax {
        logits
    } else {
        builder.graph.one(Softmax::Forward, &[logits])
    };
    (builder.graph, probabilities)
}
