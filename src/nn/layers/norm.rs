//! Normalisation.

use std::sync::Arc;

use super::{Append, Check, Refusal, Rule, Words, rounded};
use crate::config;
use crate::graph::{Shape, ShapeError, Value};
use crate::nn::{Border, Init, Signal};
use crate::ops::batch_norm::BatchNorm;
use crate::ops::group_norm::GroupNorm;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::rms_norm::RmsNorm;

/// What comes out: the same shape. A row made of an image must come in the order of files, in which the weights are.
fn like(input: &Signal) -> Signal {
    Signal::floats(input.shape.clone())
}

/// Numbers of the last axis.
fn features(at: &Check<'_>) -> usize {
    at.input().shape.last().copied().unwrap_or(1)
}

/// Adds a weight of ones, and a bias of zeros.
fn affine(at: &mut Check<'_>, weight: bool, bias: bool) {
    let shape = Shape::from([features(at)]);
    if weight {
        at.parameter("weight", shape.clone(), Border::Same, Init::Ones);
    }
    if bias {
        at.parameter("bias", shape, Border::Same, Init::Zeros);
    }
}

/// `batch_norm`: every channel with mean 0 and variance 1 over the batch; where the network is not trained, with the running mean
/// and variance.
pub(super) struct Batch<'a>(pub(super) &'a config::BatchNorm);

impl Rule for Batch<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        affine(at, true, true);
        let shape = Shape::from([features(at)]);
        at.statistic("running_mean", shape.clone(), 0.0);
        at.statistic("running_var", shape, 1.0);
        Ok(like(at.input()))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let &[weight, bias] = to.parameters else {
            unreachable!("it has a weight and a bias");
        };
        let &[running_mean, running_variance] = to.statistics else {
            unreachable!("it remembers a mean and a variance");
        };
        let x = to.input();
        let epsilon = rounded(self.0.epsilon);
        let y = match to.training {
            None => {
                let op = BatchNorm::Evaluate { epsilon };
                to.apply(op, &[x, weight, bias, running_mean, running_variance])?
            }
            Some(training) => {
                let op = Arc::new(BatchNorm::Forward { epsilon });
                let inputs = [x, weight, bias, training.weights];
                let outputs = to.graph.apply(op, &inputs)?;
                let &[y, mean, variance] = outputs.as_slice() else {
                    unreachable!("it gives y and its statistics");
                };
                let shape = to.graph.shape(x);
                let op = BatchNorm::Update {
                    momentum: rounded(self.0.momentum),
                    pixels: shape.elements() / (shape.dims()[0] * shape.last()),
                };
                let inputs = [
                    running_mean,
                    running_variance,
                    mean,
                    variance,
                    training.weights,
                ];
                to.graph.apply(Arc::new(op), &inputs)?;
                y
            }
        };
        Ok(to.finish(y, None, self.0.activation))
    }

    fn describe(&self, words: &mut Words) {
        words.activation(self.0.activation);
    }
}

/// `layer_norm`, `rms_norm`: the last axis with mean 0 and variance 1, or with mean square 1.
pub(super) enum Row<'a> {
    Layer(&'a config::LayerNorm),
    Rms(&'a config::RmsNorm),
}

impl Rule for Row<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        match self {
            Self::Layer(norm) => affine(at, norm.affine, norm.bias),
            Self::Rms(norm) => affine(at, norm.affine, false),
        }
        Ok(like(at.input()))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let mut inputs = vec![to.input()];
        inputs.extend(to.parameters);
        match self {
            Self::Layer(norm) => {
                let op = LayerNorm::Forward {
                    weight: norm.affine,
                    bias: norm.bias,
                    epsilon: rounded(norm.epsilon),
                };
                to.apply(op, &inputs)
            }
            Self::Rms(norm) => {
                let op = RmsNorm::Forward {
                    weight: norm.affine,
                    epsilon: rounded(norm.epsilon),
                };
                to.apply(op, &inputs)
            }
        }
    }

    fn describe(&self, _: &mut Words) {}
}

/// `group_norm`: groups of the channels of a sample with mean 0 and variance 1.
pub(super) struct Group<'a>(pub(super) &'a config::GroupNorm);

impl Rule for Group<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let (channels, groups) = (features(at), self.0.groups);
        if !channels.is_multiple_of(groups) {
            return Err(Refusal::new(
                format!("{channels} channels cannot be divided into {groups} groups"),
                format!("the input is {}", at.input()),
                "choose `groups` so that it divides the channels",
            ));
        }
        affine(at, true, true);
        Ok(like(at.input()))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let &[weight, bias] = to.parameters else {
            unreachable!("it has a weight and a bias");
        };
        let op = GroupNorm::Forward {
            groups: self.0.groups,
            epsilon: rounded(self.0.epsilon),
        };
        let y = to.apply(op, &[to.input(), weight, bias])?;
        Ok(to.finish(y, None, self.0.activation))
    }

    fn describe(&self, words: &mut Words) {
        words.add(self.0.groups.to_string());
        words.activation(self.0.activation);
    }
}
