//! `y = alpha · x`; with `alpha` 1, a copy.

use super::elementwise;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// A tensor times a number that is known when the plan is made.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The number.
    pub alpha: f32,
}

impl Op for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        Ok(vec![inputs[0].clone()])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let elements = inputs[0].elements();
        vec![Lowering::one(Dispatch {
            shader: "scale",
            entry: "forward",
            constants: vec![("COUNT", elements.into()), ("ALPHA", self.alpha.into())],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: elements.div_ceil(4),
            loop_trips: 0,
            flops: elements as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        Gradient::Of(vec![tape.dy[0].map(|dy| tape.graph.one(*self, &[dy]))])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::scale::forward(&inputs[0], f64::from(self.alpha))]
    }
}

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; a copy, a change of sign, small and large factors.
pub fn cases() -> Vec<Case> {
    elementwise::SIZES
        .iter()
        .zip([1.0, -1.0, 0.3, 1e-5, 1e5, 2.5])
        .map(|(&size, alpha)| Case::new(Scale { alpha }, vec![CaseInput::normal([size])]))
        .collect()
}
