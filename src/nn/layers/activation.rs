//! Layers that change every number by itself, and softmax.

use super::{Append, Check, Refusal, Rule, Words};
use crate::config::Activation;
use crate::graph::{Graph, ShapeError, Value};
use crate::nn::Signal;
use crate::ops::{
    log_softmax::LogSoftmax, relu::Relu, sigmoid::Sigmoid, softmax::Softmax, tanh::Tanh,
};

impl Activation {
    /// Appends it to a graph.
    pub(super) fn apply(self, graph: &mut Graph, x: Value) -> Value {
        match self {
            Self::Relu => graph.one(Relu::Forward, &[x]),
            Self::Sigmoid => graph.one(Sigmoid::Forward, &[x]),
            Self::Tanh => graph.one(Tanh::Forward, &[x]),
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

    fn describe(&self, _: &mut Words) {}
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
