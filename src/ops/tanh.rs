//! `y = tanh(x)`.

use super::elementwise;
use crate::graph::{
    Array, Case, CaseInput, Domain, Gradient, Lowering, Op, ShapeError, Tape, TensorType,
};
use crate::reference;

/// Hyperbolic tangent.
#[derive(Clone, Copy, Debug)]
pub enum Tanh {
    /// `x` → `y`.
    Forward,
    /// `y, dy` → `dx`.
    Backward,
}

impl Op for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        elementwise::same_shape("tanh", inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType]) -> Lowering {
        let flops = match self {
            Self::Forward => 10,
            Self::Backward => 3,
        };
        elementwise::kernel(
            "tanh",
            self.pass(),
            inputs[0].elements(),
            inputs.len(),
            flops,
        )
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
            Self::Forward => reference::tanh::forward(&inputs[0]),
            Self::Backward => reference::tanh::backward(&inputs[0], &inputs[1]),
        }]
    }
}

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; numbers far beyond where it saturates.
pub fn cases() -> Vec<Case> {
    let far = vec![
        -1e30, -1000.0, -89.0, -20.0, -1e-4, 0.0, 0.2, 1.5, 20.0, 89.0, 1e30,
    ];
    let mut cases: Vec<Case> = elementwise::SIZES
        .iter()
        .map(|&size| Case::new(Tanh::Forward, vec![CaseInput::normal([size])]))
        .collect();
    cases.push(Case::new(
        Tanh::Forward,
        vec![CaseInput::floats([far.len()], Domain::Given(far))],
    ));
    cases
}
