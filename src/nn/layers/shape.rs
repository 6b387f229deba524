//! Layers that give the same numbers another shape.

use super::{Append, Check, Refusal, Rule, Words};
use crate::graph::{Shape, ShapeError, Value};
use crate::nn::Signal;
use crate::nn::signal::Flattened;
use crate::ops::{reshape::Reshape, transpose::Transpose};

/// `flatten`: a row of all numbers. Those of an image stay in the order of the kernels, (H, W, C), where the layers behind it do
/// not see the order, and come as (C, H, W), the order of files, where they do.
pub(super) struct Flatten;

impl Rule for Flatten {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        let mut row = Signal {
            shape: vec![input.elements()],
            ..input.clone()
        };
        if let [h, w, c] = *input.shape
            && h * w > 1
            && c > 1
            && !at.in_file_order
        {
            let (layer, image) = (at.index, [h, w, c]);
            row.flattened = Some(Flattened { layer, image });
        }
        Ok(row)
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let mut x = to.input();
        if to.in_file_order {
            let perm = vec![0, 3, 1, 2];
            x = to.graph.one(Transpose { perm }, &[x]);
        }
        let features = to.graph.shape(x).elements() / to.batch();
        let shape = Shape::from([to.batch(), features]);
        Ok(to.graph.one(Reshape { shape }, &[x]))
    }

    fn describe(&self, _: &mut Words) {}
}
