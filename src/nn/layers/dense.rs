//! Fully connected layers.

use super::{Append, Check, Refusal, Rule, Words};
use crate::config::Dense;
use crate::graph::{Shape, ShapeError, Value};
use crate::nn::{Border, Init, Signal};
use crate::ops::matmul::Matmul;

/// `dense`: every output from every feature of a row; of a sequence, from every feature of a step.
pub(super) struct Linear<'a>(pub(super) &'a Dense);

impl Rule for Linear<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let Self(dense) = self;
        let mut shape = at.input().shape.clone();
        let features = match *shape {
            [features] | [_, features] => features,
            _ => return Err(Refusal::is_image(at.input())),
        };
        let border = match at.absorb() {
            Some([h, w, c]) => Border::Flattened { h, w, c },
            None => Border::Same,
        };
        let rule = at.resolve(dense.init, dense.activation);
        let weight = Shape::from([dense.out_features, features]);
        let init = Init::weight(rule, features, dense.out_features);
        at.parameter("weight", weight, border, init);
        if dense.bias {
            let shape = Shape::from([dense.out_features]);
            at.parameter("bias", shape, Border::Same, Init::bias(rule, features));
        }
        let last = shape.len() - 1;
        shape[last] = dense.out_features;
        Ok(Signal::floats(shape))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let Self(dense) = self;
        let op = Matmul {
            transpose_a: false,
            transpose_b: true,
        };
        let dims = to.graph.shape(to.input()).dims().to_vec();
        let x = match *dims {
            // The steps of a sequence are rows like others.
            [rows, steps, features] => to.reshaped(to.input(), [rows * steps, features]),
            _ => to.input(),
        };
        let y = to.apply(op, &[x, to.parameters[0]])?;
        let y = to.finish(y, to.parameters.get(1).copied(), dense.activation);
        Ok(match *dims {
            [rows, steps, _] => to.reshaped(y, [rows, steps, dense.out_features]),
            _ => y,
        })
    }

    fn describe(&self, words: &mut Words) {
        words.activation(self.0.activation);
    }
}
