//! The loss of regressions that does not care for outliers: the mean of the absolute difference.

use super::regression;
use crate::graph::{
    Array, Case, Domain, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `torch.nn.functional.l1_loss` of each row, weighted.
///
/// Rows of weight 0 have loss and gradient 0, whatever their predictions are.
#[derive(Clone, Copy, Debug)]
pub enum Mae {
    /// `prediction` (R, D), `target` (R, D), `weights` (R) → `loss` (R).
    Forward,
    /// `prediction, target, weights, dloss` (R) → `dprediction` (R, D).
    BackwardPrediction,
}

impl Op for Mae {
    fn name(&self) -> &'static str {
        "mae"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::BackwardPrediction => regression::BACKWARD,
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        regression::infer("mae", self.pass(), inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        regression::lower("mae", self.pass(), &[], inputs, 3)
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match *self {
            Self::Forward => regression::gradient(tape, Self::BackwardPrediction),
            Self::BackwardPrediction => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (prediction, target, weights) = (&inputs[0], &inputs[1], &inputs[2]);
        vec![match *self {
            Self::Forward => reference::mae::forward(prediction, target, weights),
            Self::BackwardPrediction => {
                reference::mae::backward_prediction(prediction, target, weights, &inputs[3])
            }
        }]
    }
}

/// Every shape of `regression::cases` with predictions away from their targets; and ties, where the slope is 0.
pub fn cases() -> Vec<Case> {
    // The kink is where prediction and target meet.
    let mut cases = regression::cases(|| Mae::Forward, &Domain::AwayFromZero, &Domain::Below(1));
    cases.extend(regression::cases(
        || Mae::Forward,
        &Domain::Tied,
        &Domain::Tied,
    ));
    cases
}
