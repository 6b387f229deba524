//! `y = a + b`, element by element.

use super::elementwise;
use crate::graph::{
    Array, Case, CaseInput, Fusion, Gradient, Lowering, Op, ShapeError, Stage, Tape, Target,
    TensorType,
};
use crate::reference;

/// The sum of two tensors of one shape.
#[derive(Clone, Copy, Debug)]
pub struct Add;

impl Op for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        elementwise::same_shape("add", inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![elementwise::kernel(
            "add",
            "forward",
            inputs[0].elements(),
            2,
            1,
            Fusion::Guest {
                stage: Stage::Combine("add"),
                chain: 0,
            },
        )]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        Gradient::Of(vec![tape.dy[0], tape.dy[0]])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::add::forward(&inputs[0], &inputs[1])]
    }
}

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup.
pub fn cases() -> Vec<Case> {
    elementwise::SIZES
        .iter()
        .map(|&size| {
            Case::new(
                Add,
                vec![CaseInput::normal([size]), CaseInput::normal([size])],
            )
        })
        .collect()
}
