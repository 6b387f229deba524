//! Layers that change every number by itself, and softmax.

use super::{Append, Check, Refusal, Rule, Words, rounded};
use crate::config::Activation;
use crate::graph::{Graph, ShapeError, Value};
use crate::nn::Signal;
use crate::ops::{
    elu::Elu, gelu::Gelu, leaky_relu::LeakyRelu, log_softmax::LogSoftmax, relu::Relu,
    sigmoid::Sigmoid, silu::Silu, softmax::Softmax, softplus::Softplus, tanh::Tanh,
};

impl Activation {
    /// Appends it to a graph.
    pub(super) fn apply(self, graph: &mut Graph, x: Value) -> Value {
        match self {
            Self::Relu => graph.one(Relu::Forward, &[x]),
            Self::Sigmoid => graph.one(Sigmoid::Forward, &[x]),
            Self::Tanh => graph.one(Tanh::Forward, &[x]),
            Self::Gelu { tanh } => graph.one(Gelu::Forward { tanh }, &[x]),
            Self::Silu => graph.one(Silu::Forward, &[x]),
            Self::LeakyRelu { slope } => {
                let slope = rounded(slope);
                graph.one(LeakyRelu::Forward { slope }, &[x])
            }
            Self::Elu { alpha } => {
                let alpha = rounded(alpha);
                graph.one(Elu::Forward { alpha }, &[x])
            }
            Self::Softplus => graph.one(Softplus::Forward, &[x]),
        }
    }
}

impl Rule for Activation {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        Ok(at.input().clone())
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        Ok(self.apply(to.graph, to.inputs[0]))
    }

    fn describe(&self, words: &mut Words) {
        match *self {
            Self::Gelu { tanh: true } => words.add("tanh"),
            Self::LeakyRelu { slope } => words.add(slope.to_string()),
            Self::Elu { alpha } if alpha != 1.0 => words.add(alpha.to_string()),
            _ => {}
        }
    }
}

/// Softmax and its logarithm over the last axis of a row or a sequence.
pub(super) enum Exponentials {
    Softmax,
    LogSoftmax,
}

impl Rule for Exponentials {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        match input.shape.len() {
            1 | 2 => Ok(input.clone()),
            _ => Err(Refusal::is_image(input)),
        }
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let x = to.input();
        match self {
            Self::Softmax => to.apply(Softmax::Forward, &[x]),
            Self::LogSoftmax => to.apply(LogSoftmax::Forward, &[x]),
        }
    }

    fn describe(&self, _: &mut Words) {}
}
