//! Every row with mean square 1, times a weight.

use std::sync::Arc;

use super::relu::Relu;
use super::row_norm::{self, Affine};
use crate::graph::{
    Array, Case, CaseInput, Fused, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// Root mean square normalisation (Zhang and Sennrich 2019) over the innermost axis, as PyTorch's.
#[derive(Clone, Copy, Debug)]
pub enum RmsNorm {
    /// `x` (…, C), then weight (C), as far as there are such → `y`.
    Forward {
        /// Whether there is a weight.
        weight: bool,
        /// Added under the root.
        epsilon: f32,
    },
    /// `x, dy`, and the weight where there is one → `dx`, and the gradients of weight, as far as there are such.
    Backward {
        /// Whether there is a weight.
        weight: bool,
        /// Added under the root.
        epsilon: f32,
    },
}

const NAME: &str = "rms_norm";

impl RmsNorm {
    fn affine(self) -> Affine {
        match self {
            Self::Forward { weight, epsilon } | Self::Backward { weight, epsilon } => Affine {
                weight,
                bias: false,
                epsilon,
            },
        }
    }
}

impl Op for RmsNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let affine = self.affine();
        match self {
            Self::Forward { .. } => Ok(vec![affine.forward_type(NAME, inputs)?]),
            Self::Backward { .. } => Ok(affine.backward_types(&inputs[0])),
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (affine, x) = (self.affine(), &inputs[0]);
        vec![match self {
            Self::Forward { .. } => affine.forward(NAME, x),
            Self::Backward { .. } => affine.backward(NAME, x),
        }]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { weight, epsilon } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None; tape.inputs.len()]);
        };
        let mut inputs = vec![tape.inputs[0], dy];
        inputs.extend(weight.then(|| tape.inputs[1]));
        let op = Arc::new(Self::Backward { weight, epsilon });
        let gradients = tape.graph.apply(op, &inputs).expect("dy is like x");
        Gradient::Of(gradients.into_iter().map(Some).collect())
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        use reference::rms_norm::{backward, forward};
        let epsilon = f64::from(self.affine().epsilon);
        match self {
            Self::Forward { .. } => vec![forward(&inputs[0], inputs.get(1), epsilon)],
            Self::Backward { weight, .. } => {
                let all = backward(&inputs[0], &inputs[1], inputs.get(2), epsilon);
                all.into_iter().take(1 + usize::from(*weight)).collect()
            }
        }
    }
}

/// One row and many, rows with and without `vec4`s, all leading axes; with everything and without.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for weight in [true, false] {
        for (dims, epsilon) in row_norm::SHAPES.iter().zip([1e-5, 0.1].into_iter().cycle()) {
            let row = || CaseInput::normal([dims[dims.len() - 1]]);
            let mut inputs = vec![CaseInput::normal(dims.to_vec())];
            inputs.resize_with(1 + usize::from(weight), row);
            let op = RmsNorm::Forward { weight, epsilon };
            cases.push(Case::new(op, inputs));
        }
    }
    let op = RmsNorm::Forward {
        weight: true,

        epsilon: 1e-5,
    };
    cases.push(Case::new(
        Fused::new(Arc::new(op), 2).then(Arc::new(Relu::Forward), 1, 0),
        vec![CaseInput::normal([5, 12]), CaseInput::normal([12])],
    ));
    cases
}
