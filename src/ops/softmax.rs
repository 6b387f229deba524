//! `y = exp(x) / Σ exp(x)` over the innermost axis.

use super::rowwise;
use crate::graph::{
    Array, Case, CaseInput, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// Exponentials of the innermost axis that add up to 1.
#[derive(Clone, Copy, Debug)]
pub enum Softmax {
    /// `x` → `y`.
    Forward,
    /// `y, dy` → `dx`.
    Backward,
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        rowwise::extents("softmax", &inputs[0].shape, 3)?;
        Ok(vec![inputs[0].clone()])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![rowwise::softmax("softmax", self.pass(), inputs, 6)]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match self {
            Self::Forward => Gradient::Of(vec![
                tape.dy[0].map(|dy| tape.graph.one(Self::Backward, &[tape.outputs[0], dy])),
            ]),
            Self::Backward => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Forward => reference::softmax::forward(&inputs[0]),
            Self::Backward => reference::softmax::backward(&inputs[0], &inputs[1]),
        }]
    }
}

/// One row and many, few columns and many, all leading axes; numbers whose exponentials overflow.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = rowwise::SHAPES
        .iter()
        .map(|dims| Case::new(Softmax::Forward, vec![CaseInput::normal(dims.to_vec())]))
        .collect();
    cases.push(Case::new(Softmax::Forward, vec![rowwise::far()]));
    cases
}
