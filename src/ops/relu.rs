//! `y = max(x, 0)`.

use super::elementwise;
use crate::graph::{
    Array, Case, CaseInput, Domain, Gradient, Lowering, Op, ShapeError, Tape, TensorType,
};
use crate::reference;

/// Rectified linear unit.
#[derive(Clone, Copy, Debug)]
pub enum Relu {
    /// `x` → `y`.
    Forward,
    /// `y, dy` → `dx`; the gradient at 0 is 0, as in PyTorch.
    Backward,
}

impl Op for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        elementwise::same_shape("relu", inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType]) -> Lowering {
        elementwise::kernel("relu", self.pass(), inputs[0].elements(), inputs.len(), 1)
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
            Self::Forward => reference::relu::forward(&inputs[0]),
            Self::Backward => reference::relu::backward(&inputs[0], &inputs[1]),
        }]
    }
}

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup.
pub fn cases() -> Vec<Case> {
    elementwise::SIZES
        .iter()
        .map(|&size| {
            Case::new(
                Relu::Forward,
                vec![CaseInput::floats([size], Domain::AwayFromZero)],
            )
        })
        .collect()
}
