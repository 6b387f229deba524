//! `y = a · b`, element by element.

use std::sync::Arc;

use super::elementwise;
use super::sigmoid::Sigmoid;
use super::tanh::Tanh;
use crate::graph::{
    Array, Case, CaseInput, Domain, Fused, Fusion, Gradient, Lowering, Op, ShapeError, Stage, Tape,
    Target, TensorType,
};
use crate::reference;

/// The product of two tensors of one shape.
#[derive(Clone, Copy, Debug)]
pub struct Mul;

impl Op for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        elementwise::same_shape("mul", inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![elementwise::kernel(
            "mul",
            "forward",
            inputs[0].elements(),
            2,
            1,
            Fusion::Guest {
                stage: Stage::Combine("mul"),
                chain: 0,
            },
        )]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None, None]);
        };
        let (a, b) = (tape.inputs[0], tape.inputs[1]);
        Gradient::Of(vec![
            tape.wanted[0].then(|| tape.graph.one(Self, &[dy, b])),
            tape.wanted[1].then(|| tape.graph.one(Self, &[dy, a])),
        ])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::mul::forward(&inputs[0], &inputs[1])]
    }
}

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup.
pub fn cases() -> Vec<Case> {
    elementwise::SIZES
        .iter()
        .map(|&size| {
            Case::new(
                Mul,
                vec![CaseInput::normal([size]), CaseInput::normal([size])],
            )
        })
        .chain([3, 10_006].map(fused_case))
        .collect()
}

/// A chain of element-by-element ops of every kind, in one kernel.
fn fused_case(size: usize) -> Case {
    let fused = Fused::new(Arc::new(Sigmoid::Forward), 1)
        .then(Arc::new(Mul), 2, 1)
        .then(Arc::new(Tanh::Forward), 1, 0)
        .then(Arc::new(Tanh::Backward), 2, 1);
    let saved = CaseInput::floats([size], Domain::Positive);
    let inputs = vec![CaseInput::normal([size]), CaseInput::normal([size]), saved];
    Case::new(fused, inputs)
}
