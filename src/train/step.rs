//! The graphs of a training: one step, one batch of an evaluation, one batch of predictions.
//!
//! A step is gather → forward → loss and counts → backward → update → advance. All of it is static: what changes from step to
//! step lies in the counters on the adapter, so that one recorded step is replayed.

use std::ops::Range;
use std::sync::Arc;

use crate::config::{Config, LayerKind, Loss, Optimizer};
use crate::graph::{DType, Graph, OpRef, Shape, Storage, TensorType, Value, autograd};
use crate::nn::Network;
use crate::ops::{
    self, adam::Adam, advance, advance::Advance, batch_indices::BatchIndices,
    count_correct::CountCorrect, cross_entropy::CrossEntropy, gather_batch::GatherBatch,
    gather_batch::Normalization, mse::Mse, mul::Mul, reduce_sum::ReduceSum, scale::Scale, sgd::Sgd,
    softmax::Softmax, state,
};

/// Names of the buffers that outlive a step.
pub mod buffers {
    /// All trained tensors, one after the other.
    pub const PARAMETERS: &str = "parameters";
    /// The gradient of each, at the same place.
    pub const GRADIENTS: &str = "gradients";
    /// What an optimiser remembers of each.
    pub const MOMENTS: [&str; 2] = ["first moments", "second moments"];
    /// The learning rate.
    pub const SCHEDULE: &str = "schedule";
    /// All samples of the data set.
    pub const SAMPLES: &str = "samples";
    /// All labels.
    pub const LABELS: &str = "labels";
    /// All targets of a regression.
    pub const TARGETS: &str = "targets";
    /// How much each sample counts, where they do not count the same.
    pub const WEIGHTS: &str = "weights";
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
    /// The number of classes, or of the numbers that a regression predicts.
    pub classes: usize,
    /// Whether numbers are predicted, not classes.
    pub regression: bool,
    /// Whether samples count differently.
    pub weighted: bool,
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
}

/// A graph in the making.
struct Builder<'a> {
    network: &'a Network,
    config: &'a Config,
    data: &'a Resident,
    /// Whether the loss heeds what each sample counts: while training, not when a network is measured.
    weighted: bool,
    graph: Graph,
}

/// The tensors of a batch behind the network.
struct Batch {
    counters: Value,
    target: Target,
    /// 1 / (real samples of the batch) for each real sample, 0 for padding.
    weights: Value,
    /// The same, times what each sample counts; where all count the same, `weights`.
    loss_weights: Value,
    parameters: Value,
    logits: Value,
}

/// What the network shall say of each row of a batch.
#[derive(Clone, Copy)]
enum Target {
    /// A class: u32 (batch).
    Labels(Value),
    /// Numbers: f32 (batch, D).
    Values(Value),
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
        let target = self.target(indices);
        let loss_weights = if self.weighted {
            self.sample_weights(weights, indices)
        } else {
            weights
        };
        let parameters = self.slab(buffers::PARAMETERS);
        let logits = self.network.forward(&mut self.graph, parameters, x);
        Batch {
            counters,
            target,
            weights,
            loss_weights,
            parameters,
            logits,
        }
    }

    /// The targets of these indices.
    fn target(&mut self, indices: Value) -> Target {
        let Resident {
            samples, classes, ..
        } = *self.data;
        if self.data.regression {
            let targets = TensorType::f32([samples, classes]);
            let targets = self.graph.persistent(buffers::TARGETS, targets);
            return Target::Values(self.gather_floats(targets, indices));
        }
        let labels = TensorType::u32([samples]);
        let labels = self.graph.persistent(buffers::LABELS, labels);
        Target::Labels(self.graph.one(GatherBatch::Words, &[labels, indices]))
    }

    /// The weights of a batch's rows, times what each sample counts.
    fn sample_weights(&mut self, weights: Value, indices: Value) -> Value {
        let all = TensorType::f32([self.data.samples]);
        let all = self.graph.persistent(buffers::WEIGHTS, all);
        let own = self.gather_floats(all, indices);
        self.graph.one(Mul, &[weights, own])
    }

    /// Rows of floats as they are.
    fn gather_floats(&mut self, rows: Value, indices: Value) -> Value {
        let normalization = Normalization::default();
        self.graph
            .one(GatherBatch::Floats { normalization }, &[rows, indices])
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
                let labels = self.labels(batch);
                self.graph.one(
                    CrossEntropy::Forward { label_smoothing },
                    &[batch.logits, labels, batch.loss_weights],
                )
            }
            Loss::Mse => {
                let target = self.values(batch);
                self.graph
                    .one(Mse::Forward, &[batch.logits, target, batch.loss_weights])
            }
        }
    }

    /// The classes of a batch, for a loss of classes.
    fn labels(&self, batch: &Batch) -> Value {
        match batch.target {
            Target::Labels(labels) => labels,
            Target::Values(_) => unreachable!("the configuration refuses it for a regression"),
        }
    }

    /// The numbers that a batch shall give, for a loss of numbers: of a class, its one-hot row.
    fn values(&mut self, batch: &Batch) -> Value {
        match batch.target {
            Target::Values(values) => values,
            Target::Labels(labels) => {
                let classes = self.data.classes;
                let identity = TensorType::f32([classes, classes]);
                let identity = self.graph.persistent(buffers::IDENTITY, identity);
                self.gather_floats(identity, labels)
            }
        }
    }

    /// What the network says of each row: the numbers of a regression as they are, of a classification the probabilities, which
    /// are the outputs themselves where the network ends in a softmax.
    fn answers(&mut self, outputs: Value) -> Value {
        let last = self.config.layers.last().map(|layer| &layer.kind);
        if self.data.regression || matches!(last, Some(LayerKind::Softmax)) {
            return outputs;
        }
        self.graph.enter("probabilities");
        self.graph.one(Softmax::Forward, &[outputs])
    }

    /// Writes the loss, and the number of right answers or the mean squared error, to the ring, and moves the counters on.
    fn advance(&mut self, pass: &Pass, batch: &Batch, losses: Value) {
        self.graph.enter("metrics");
        let loss = self.graph.one(ReduceSum::sum(0..1), &[losses]);
        let figures = match batch.target {
            Target::Labels(labels) => {
                let inputs = [batch.logits, labels, batch.weights];
                self.graph.one(CountCorrect, &inputs)
            }
            Target::Values(values) => {
                let inputs = [batch.logits, values, batch.weights];
                self.graph.one(Mse::Forward, &inputs)
            }
        };
        let figure = self.graph.one(ReduceSum::sum(0..1), &[figures]);
        let ring = self
            .graph
            .persistent(pass.metrics(), TensorType::f32([RING, advance::ENTRY]));
        let op = Advance {
            count: pass.part.len(),
            batch: self.config.train.batch,
        };
        self.graph
            .apply(Arc::new(op), &[batch.counters, ring, loss, figure])
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

    /// One update of all parameters.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "hyperparameters are rounded once to f32"
    )]
    fn update(&mut self, batch: &Batch, gradients: Value) {
        self.graph.enter("optimizer");
        let schedule = self.graph.persistent(buffers::SCHEDULE, state::schedule());
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
        weighted: data.weighted,
        graph: Graph::new(),
    };
    let shuffle = config.train.shuffle.then_some(config.seed);
    let batch = builder.batch(pass, shuffle);
    let losses = builder.losses(&batch);
    let gradients = builder.backward(&batch, losses);
    builder.update(&batch, gradients);
    builder.advance(pass, &batch, losses);
    builder.graph
}

/// One batch of an evaluation: loss and figure, and the tensor (batch, classes) of probabilities, or of the numbers of a
/// regression, for a plan that keeps it.
pub fn evaluation(
    network: &Network,
    config: &Config,
    data: &Resident,
    pass: &Pass,
) -> (Graph, Value) {
    let mut builder = Builder {
        network,
        config,
        data,
        weighted: false,
        graph: Graph::new(),
    };
    let batch = builder.batch(pass, None);
    let losses = builder.losses(&batch);
    builder.advance(pass, &batch, losses);
    let answers = builder.answers(batch.logits);
    (builder.graph, answers)
}

/// All samples of the data set at once, and the tensor (samples, classes) of their probabilities, or of the numbers of a regression.
pub fn prediction(network: &Network, config: &Config, data: &Resident) -> (Graph, Value) {
    let mut builder = Builder {
        network,
        config,
        data,
        weighted: false,
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
    let answers = builder.answers(logits);
    (builder.graph, answers)
}
