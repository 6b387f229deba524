//! The loss of regressions: the mean square of the difference.

use super::regression;
use crate::graph::{
    Array, Case, Domain, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// Weighted mean squared error of each row.
///
/// Rows of weight 0 have loss and gradient 0, whatever their predictions are.
#[derive(Clone, Copy, Debug)]
pub enum Mse {
    /// `prediction` (R, D), `target` (R, D), `weights` (R) → `loss` (R).
    Forward,
    /// `prediction, target, weights, dloss` (R) → `dprediction` (R, D).
    BackwardPrediction,
}

impl Op for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::BackwardPrediction => regression::BACKWARD,
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        regression::infer("mse", self.pass(), inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        regression::lower("mse", self.pass(), &[], inputs, 3)
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match self {
            Self::Forward => regression::gradient(tape, Self::BackwardPrediction),
            Self::BackwardPrediction => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Forward => reference::mse::forward(&inputs[0], &inputs[1], &inputs[2]),
            Self::BackwardPrediction => {
                reference::mse::backward_prediction(&inputs[0], &inputs[1], &inputs[2], &inputs[3])
            }
        }]
    }
}

/// Every shape of `regression::cases`.
pub fn cases() -> Vec<Case> {
    regression::cases(|| Mse::Forward, &Domain::Normal, &Domain::Normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_of_another_shape_is_refused() {
        let f32 = |dims: &[usize]| TensorType::f32(dims.to_vec());
        for [prediction, target, weights] in [
            [f32(&[5, 3]), f32(&[5, 2]), f32(&[5])],
            [f32(&[5, 3]), f32(&[5, 3]), f32(&[3])],
            [f32(&[5]), f32(&[5]), f32(&[5])],
            [f32(&[5, 0]), f32(&[5, 0]), f32(&[5])],
        ] {
            let error = Mse::Forward.infer(&[prediction, target, weights]);
            assert!(error.unwrap_err().0.starts_with("mse of "));
        }
    }
}
