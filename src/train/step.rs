//! The graphs of a training: one step, one batch of an evaluation, one batch of predictions.
//!
//! A step is gather → forward → loss and counts → backward, once for each part of the batch, → clip → update → average → advance. All
//! of it is static: what changes from step to step lies in the counters on the adapter, so that one recorded step is replayed.

use std::ops::Range;
use std::sync::Arc;

use super::schedule::Length;
use crate::config::{self, Config, LayerKind, Loss};
use crate::graph::{DType, Graph, Op, Precision, Shape, Storage, TensorType, Value, autograd};
use crate::nn::{Inputs, Network, Training};
use crate::ops::{
    self, accumulate::Accumulate, add::Add, advance, advance::Advance, augment::Strength,
    batch_indices::BatchIndices, binary_cross_entropy::BinaryCrossEntropy,
    count_correct::CountCorrect, cross_entropy::CrossEntropy, gather_batch::GatherBatch,
    gather_batch::Normalization, huber::Huber, mae::Mae, matmul::Matmul, mse::Mse, mul::Mul,
    reduce_sum::ReduceSum, scale::Scale, sigmoid::Sigmoid, softmax::Softmax, state,
    stream_rows::StreamRows, weigh::Weigh,
};

mod asked;
mod augment;
pub mod buffers;
mod resident;
mod text;
mod update;

pub use asked::{next, prediction};
use augment::{Other, Rows, strength};
pub use resident::{Resident, Window};

/// Steps whose metrics the ring on the adapter holds: the most that one submission may run.
pub const RING: usize = 256;

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
    /// The mean of what the samples of this step count, where the loss heeds it: while training, not when a network is measured.
    mean_weight: Option<Value>,
    /// How pictures are changed: while training.
    augment: Option<Strength>,
    /// Whether layers behave as they do while training.
    trains: bool,
    graph: Graph,
}

/// The tensors of a batch behind the network. Its rows are samples; of a text they are the tokens of all samples.
struct Batch {
    counters: Value,
    target: Target,
    /// 1 / (real rows of the batch) for each real row, 0 for padding.
    weights: Value,
    /// What each row counts over the sum of that; where all count the same, `weights`.
    loss_weights: Value,
    /// What else counts where samples are mixed.
    other: Option<Other>,
    parameters: Value,
    /// Rows of scores.
    logits: Value,
    /// The first tensor of the graph that belongs to it.
    first: usize,
}

/// What was measured over a batch: the sum of the weighted losses, and the number of right answers or the mean squared error.
struct Measured {
    loss: Value,
    figure: Value,
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

    /// Gathers some rows of the next batch of a part and runs the network, whose parameters are in `slab`, on them. A step of the
    /// pass goes through `streamed` rows.
    fn batch(&mut self, pass: &Pass, slab: &str, op: BatchIndices, streamed: usize) -> Batch {
        let chooses = op.clone();
        let rows = op.rows.clone();
        let first_row = rows.start;
        let first = self.graph.values().len();
        self.graph.enter("batch");
        let counters = self.graph.persistent(pass.counters(), state::counters());
        let chosen = self
            .graph
            .apply(Arc::new(op), &[counters])
            .expect("counters fit");
        let (indices, weights) = (chosen[0], chosen[1]);
        let (x, target) = match self.data.windows {
            Some(_) => {
                let [x, next] = self.gather_windows(&pass.part, indices);
                (x, Target::Labels(self.flat(next)))
            }
            None => {
                let x = match self.data.window(&self.config.train, streamed) {
                    None => self.gather(self.data.samples, indices),
                    Some(window) => {
                        let op = StreamRows {
                            slots: window.slots,
                            stride: window.stride,
                            rows,
                        };
                        let rows_there = self.graph.one(op, &[counters]);
                        self.gather(window.rows, rows_there)
                    }
                };
                let x = match self.augment {
                    Some(strength) => self.change(x, [counters, indices], strength),
                    None => x,
                };
                (x, self.target(indices))
            }
        };
        let row_weights = match self.data.windows {
            None => weights,
            Some(_) => self.of_each_token(weights),
        };
        let loss_weights = match self.mean_weight {
            None => row_weights,
            Some(mean) => {
                let own = self.own_weights(indices);
                self.graph.one(Weigh, &[weights, own, mean])
            }
        };
        let (x, loss_weights, other) = if self.mixes() {
            let rows = Rows {
                op: chooses,
                counters,
                indices,
                weights,
                streamed,
            };
            let mixed = self.mix(x, loss_weights, &rows);
            (mixed.x, mixed.own, Some(mixed.other))
        } else {
            (x, loss_weights, None)
        };
        let parameters = self.slab(slab);
        let training = self.trains.then_some(Training {
            seed: self.config.seed,
            counters,
            weights,
            first_row,
        });
        let inputs = Inputs {
            x,
            parameters,
            statistics: self.statistics(),
            training,
        };
        let logits = self.network.forward(&mut self.graph, inputs);
        let logits = self.rows(logits);
        Batch {
            first,
            counters,
            target,
            weights: row_weights,
            loss_weights,
            other,
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

    /// What each of these samples counts.
    fn own_weights(&mut self, indices: Value) -> Value {
        let all = TensorType::f32([self.data.samples]);
        let all = self.graph.persistent(buffers::WEIGHTS, all);
        self.gather_floats(all, indices)
    }

    /// The mean of what the samples of a batch count, over all its parts.
    fn mean_weight(&mut self, pass: &Pass, op: BatchIndices) -> Value {
        self.graph.enter("batch");
        let counters = self.graph.persistent(pass.counters(), state::counters());
        let chosen = self
            .graph
            .apply(Arc::new(op), &[counters])
            .expect("counters fit");
        let own = self.own_weights(chosen[0]);
        let shares = self.graph.one(Mul, &[chosen[1], own]);
        self.graph.one(ReduceSum::sum(0..1), &[shares])
    }

    /// Rows of floats as they are.
    fn gather_floats(&mut self, rows: Value, indices: Value) -> Value {
        let normalization = Normalization::default();
        self.graph
            .one(GatherBatch::Floats { normalization }, &[rows, indices])
    }

    /// The samples of these indices, normalised: (batch, H, W, C).
    fn gather(&mut self, rows: usize, indices: Value) -> Value {
        let [h, w, c] = self.data.sample_shape;
        let shape = Shape::from([rows, h, w, c]);
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
            DType::F32 => GatherBatch::Floats { normalization },
            DType::U32 => GatherBatch::Words,
        };
        self.graph.one(op, &[samples, indices])
    }

    /// The weighted loss of each row of a batch: their sum is the mean over the real samples, as PyTorch takes it: Σ w · loss / Σ w.
    /// Where samples are mixed, that of both targets by their shares.
    fn losses(&mut self, batch: &Batch) -> Value {
        self.graph.enter("loss");
        let losses = self.losses_of(batch.logits, batch.target, batch.loss_weights);
        match batch.other {
            None => losses,
            Some(other) => {
                let others = self.losses_of(batch.logits, other.target, other.weights);
                self.graph.one(Add, &[losses, others])
            }
        }
    }

    /// The weighted loss of each row against a target.
    fn losses_of(&mut self, logits: Value, target: Target, weights: Value) -> Value {
        match self.config.train.loss {
            Loss::CrossEntropy { label_smoothing } => {
                #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
                let label_smoothing = label_smoothing as f32;
                let Target::Labels(labels) = target else {
                    unreachable!("the configuration refuses it for a regression");
                };
                self.graph.one(
                    CrossEntropy::Forward { label_smoothing },
                    &[logits, labels, weights],
                )
            }
            Loss::BinaryCrossEntropy => {
                self.loss_of_numbers(logits, target, weights, BinaryCrossEntropy::Forward)
            }
            Loss::Mse => self.loss_of_numbers(logits, target, weights, Mse::Forward),
            Loss::Mae => self.loss_of_numbers(logits, target, weights, Mae::Forward),
            Loss::Huber { delta } => {
                #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
                let delta = delta as f32;
                self.loss_of_numbers(logits, target, weights, Huber::Forward { delta })
            }
        }
    }

    /// A loss against numbers.
    fn loss_of_numbers(
        &mut self,
        logits: Value,
        target: Target,
        weights: Value,
        op: impl Op + 'static,
    ) -> Value {
        let target = self.values(target);
        self.graph.one(op, &[logits, target, weights])
    }

    /// The numbers that a batch shall give, for a loss of numbers: of a class, its one-hot row.
    fn values(&mut self, target: Target) -> Value {
        match target {
            Target::Values(values) => values,
            Target::Labels(labels) => {
                let rows = self.class_rows();
                self.gather_floats(rows, labels)
            }
        }
    }

    /// For each class what the network shall say: f32 (classes, outputs).
    fn class_rows(&mut self) -> Value {
        let rows = TensorType::f32([self.data.classes, self.network.outputs()]);
        self.graph.persistent(buffers::IDENTITY, rows)
    }

    /// A score for each class: the logits; of a network with one output for two classes, 0 and its logit.
    fn scores(&mut self, logits: Value) -> Value {
        if self.data.regression || self.graph.shape(logits).last() == self.data.classes {
            return logits;
        }
        let rows = self.class_rows();
        let op = Matmul {
            transpose_a: false,
            transpose_b: true,
        };
        self.graph.one(op, &[logits, rows])
    }

    /// What the network says of each row: the numbers of a regression as they are, of a classification the probabilities, which
    /// are the outputs themselves where the network ends in a softmax.
    fn answers(&mut self, outputs: Value) -> Value {
        let last = self.config.layers.last().map(|layer| &layer.kind);
        if self.data.regression || matches!(last, Some(LayerKind::Softmax)) {
            return outputs;
        }
        self.graph.enter("probabilities");
        // Of several that say yes or no each has a probability of its own.
        if self.config.train.loss == Loss::BinaryCrossEntropy
            && self.network.outputs() == self.data.classes
        {
            return self.graph.one(Sigmoid::Forward, &[outputs]);
        }
        let scores = self.scores(outputs);
        self.graph.one(Softmax::Forward, &[scores])
    }

    /// The loss, and the number of right answers or the mean squared error, added to those of the parts before.
    fn measure(&mut self, batch: &Batch, losses: Value, before: Option<Measured>) -> Measured {
        self.graph.enter("metrics");
        let loss = self.graph.one(ReduceSum::sum(0..1), &[losses]);
        // A sample of a text is right as far as its tokens are.
        let share = self
            .data
            .context()
            .map_or(1.0, |context| 1.0 / context as f32);
        let figures = match batch.target {
            Target::Labels(labels) => {
                let inputs = [self.scores(batch.logits), labels, batch.weights];
                self.graph.one(CountCorrect, &inputs)
            }
            Target::Values(values) => {
                let inputs = [batch.logits, values, batch.weights];
                self.graph.one(Mse::Forward, &inputs)
            }
        };
        let (axes, scale) = (0..1, share);
        let figure = self
            .graph
            .one(ReduceSum::Forward { axes, scale }, &[figures]);
        match before {
            None => Measured { loss, figure },
            Some(before) => Measured {
                loss: self.graph.one(Add, &[before.loss, loss]),
                figure: self.graph.one(Add, &[before.figure, figure]),
            },
        }
    }

    /// Writes the loss and the figure beside it to the ring, and moves the counters on.
    fn advance(
        &mut self,
        pass: &Pass,
        counters: Value,
        batch: usize,
        Measured { loss, figure }: Measured,
        schedule: Value,
    ) {
        self.graph.enter("metrics");
        let ring = self
            .graph
            .persistent(pass.metrics(), TensorType::f32([RING, advance::ENTRY]));
        let op = Advance {
            count: pass.part.len(),
            batch,
        };
        self.graph
            .apply(Arc::new(op), &[counters, ring, loss, figure, schedule])
            .expect("counters and metrics fit");
    }

    /// The gradient of every parameter that is trained, in its place in a slab of gradients.
    fn backward(&mut self, batch: &Batch, losses: Value, slab: &str) -> Value {
        let rows = self.graph.shape(losses).elements();
        let ones = self.first_gradient(rows);
        let gradients = self.slab(slab);
        // The forward pass has read its parameters through slices of its own; their gradients arrive there.
        let slices: Vec<Value> = self
            .graph
            .values()
            .skip(batch.first)
            .filter(|&value| match self.graph.info(value).storage {
                Storage::Slice { of, offset } => of == batch.parameters && !self.is_frozen(offset),
                _ => false,
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

    /// Whether the parameter at this place of the slab stays as it is.
    fn is_frozen(&self, offset: usize) -> bool {
        let mut parameters = self.network.parameters.iter();
        parameters.any(|parameter| parameter.offset == offset && parameter.is_frozen())
    }
}

/// A graph without nodes, whose working memory holds floats as the configuration says.
fn empty(config: &Config) -> Graph {
    let mut graph = Graph::new();
    graph.set_precision(match config.train.precision {
        config::Precision::F32 => Precision::F32,
        config::Precision::F16 => Precision::F16,
    });
    graph
}

/// One training step.
pub fn training(network: &Network, config: &Config, data: &Resident, pass: &Pass) -> Graph {
    let mut builder = Builder {
        network,
        config,
        data,
        mean_weight: None,
        augment: strength(config),
        trains: true,
        graph: empty(config),
    };
    let train = &config.train;
    let (samples, rows) = (train.samples_per_update(), train.rows());
    let mut measured = None;
    let mut total = None;
    let chosen = |rows| BatchIndices {
        part: pass.part.clone(),
        batch: samples,
        rows,
        shuffle: train.shuffle.then_some(config.seed),
    };
    if data.weighted {
        builder.mean_weight = Some(builder.mean_weight(pass, chosen(0..samples)));
    }
    for part in 0..train.parts() {
        let op = chosen(part * rows..(part + 1) * rows);
        let batch = builder.batch(pass, buffers::PARAMETERS, op, train.parts() * rows);
        let losses = builder.losses(&batch);
        total = Some(match total {
            None => builder.backward(&batch, losses, buffers::GRADIENTS),
            Some(total) => {
                let gradients = builder.backward(&batch, losses, buffers::PART_GRADIENTS);
                builder.graph.one(Accumulate, &[total, gradients])
            }
        });
        measured = Some(builder.measure(&batch, losses, measured));
    }
    let (gradients, measured) = total.zip(measured).expect("a batch has at least one part");
    let counters = builder.graph.persistent(pass.counters(), state::counters());
    let length = Length::of(config, pass.part.len());
    let schedule = builder.set_learning_rate(counters, length);
    let (gradients, groups) = builder.unscale(gradients);
    let [gradients, schedule] = builder.clip(gradients, schedule);
    let parameters = builder.update(counters, gradients, groups, schedule);
    builder.average(counters, parameters, length);
    builder.advance(pass, counters, samples, measured, schedule);
    builder.graph
}

/// One batch of an evaluation of the parameters, or of their average where there is one: loss and figure, and the tensor
/// (batch, classes) of probabilities, or of the numbers of a regression, for a plan that keeps it. Of a text nothing but loss and
/// figure is asked, and the loss is that of the text itself, without label smoothing.
pub fn evaluation(
    network: &Network,
    config: &Config,
    data: &Resident,
    pass: &Pass,
) -> (Graph, Option<Value>) {
    let config = &*text::measured(config, data);
    let mut builder = Builder {
        network,
        config,
        data,
        mean_weight: None,
        augment: None,
        trains: false,
        graph: empty(config),
    };
    let rows = config.train.rows();
    let op = BatchIndices {
        part: pass.part.clone(),
        batch: rows,
        rows: 0..rows,
        shuffle: None,
    };
    let slab = match config.average {
        None => buffers::PARAMETERS,
        Some(_) => buffers::AVERAGED,
    };
    let batch = builder.batch(pass, slab, op, rows);
    let losses = builder.losses(&batch);
    let measured = builder.measure(&batch, losses, None);
    let answers = match data.windows {
        None => Some(builder.answers(batch.logits)),
        Some(_) => None,
    };
    let schedule = builder.schedule();
    builder.advance(pass, batch.counters, rows, measured, schedule);
    (builder.graph, answers)
}
