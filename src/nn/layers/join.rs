//! Layers that make one signal of several.

use super::{Append, Check, Refusal, Rule, Words};
use crate::graph::{ShapeError, Value};
use crate::nn::Signal;
use crate::ops::{add::Add, mul::Mul};

/// `add`, `mul`: the sum or the product of all inputs, element by element.
pub(super) enum Elements {
    Add,
    Mul,
}

impl Rule for Elements {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let first = &at.inputs[0];
        let mut output = first.clone();
        for (input, name) in at.inputs.iter().zip(at.input_names).skip(1) {
            if (&input.shape, input.dtype) != (&first.shape, first.dtype) {
                return Err(Refusal::new(
                    format!(
                        "its inputs must have one shape, but `{}` gives {first} and `{name}` {input}",
                        at.input_names[0]
                    ),
                    "joins different shapes",
                    "bring them to one shape: a `conv2d` or `dense` on the shorter way changes channels, its `stride` the extents",
                ));
            }
            // Features of images that stand in different orders could not be told apart behind this.
            if input.flattened != first.flattened {
                output.flattened = None;
            }
        }
        Ok(output)
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let mut y = to.inputs[0];
        for &x in &to.inputs[1..] {
            y = match self {
                Self::Add => to.graph.one(Add, &[y, x]),
                Self::Mul => to.graph.one(Mul, &[y, x]),
            };
        }
        Ok(y)
    }

    fn describe(&self, _: &mut Words) {}
}
