//! Layers that make one signal of several.

use super::resize::place;
use super::{Append, Check, Refusal, Rule, Words};
use crate::config::{Axis, keys::Choice as _};
use crate::graph::{ShapeError, Value};
use crate::nn::Signal;
use crate::ops::{add::Add, concat::Concat, mul::Mul};

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

/// `concat`: all inputs one behind the other along an axis.
pub(super) struct Behind(pub(super) Axis);

impl Rule for Behind {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let first = &at.inputs[0];
        let axis = place(self.0, first)?;
        let mut shape = first.shape.clone();
        for (input, name) in at.inputs.iter().zip(at.input_names).skip(1) {
            let mut other = input.shape.clone();
            let fits = other.len() == shape.len() && input.dtype == first.dtype;
            if fits {
                shape[axis] += other[axis];
                other[axis] = shape[axis];
            }
            if !fits || other != shape {
                return Err(Refusal::new(
                    format!(
                        "its inputs may differ along `{}` alone, but `{}` gives {first} and `{name}` {input}",
                        self.0.word(),
                        at.input_names[0]
                    ),
                    "joins different shapes",
                    "bring the other axes to the same extents, with `upsample`, `pad` or a stride",
                ));
            }
        }
        Ok(Signal::floats(shape))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let axis = to.axis(self.0);
        let mut y = to.inputs[0];
        for &x in &to.inputs[1..] {
            y = to.apply(Concat { axis }, &[y, x])?;
        }
        Ok(y)
    }

    fn describe(&self, words: &mut Words) {
        if self.0 != Axis::Channels {
            words.add(format!("along {}", self.0.word()));
        }
    }
}
