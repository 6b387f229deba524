//! The loss of yes or no, one or many at once.

use super::regression;
use crate::graph::{
    Array, Case, CaseInput, Domain, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `torch.nn.functional.binary_cross_entropy_with_logits` of each row, weighted: `prediction` are logits, `target` is from 0 to 1.
///
/// Rows of weight 0 have loss and gradient 0, whatever their predictions are.
#[derive(Clone, Copy, Debug)]
pub enum BinaryCrossEntropy {
    /// `prediction` (R, D), `target` (R, D), `weights` (R) → `loss` (R).
    Forward,
    /// `prediction, target, weights, dloss` (R) → `dprediction` (R, D).
    BackwardPrediction,
}

impl Op for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::BackwardPrediction => regression::BACKWARD,
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        regression::infer("binary_cross_entropy", self.pass(), inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        regression::lower("binary_cross_entropy", self.pass(), &[], inputs, 12)
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
            Self::Forward => reference::binary_cross_entropy::forward(prediction, target, weights),
            Self::BackwardPrediction => reference::binary_cross_entropy::backward_prediction(
                prediction, target, weights, &inputs[3],
            ),
        }]
    }
}

/// Every shape of `regression::cases` with soft targets; and logits so large that their exponentials overflow, right and wrong.
pub fn cases() -> Vec<Case> {
    let op = || BinaryCrossEntropy::Forward;
    let mut cases = regression::cases(op, &Domain::Normal, &Domain::Positive);
    let logits = vec![90.0, 90.0, -90.0, -90.0, 20.0, -20.0, 5.0, 4.0, 0.0, 3e4];
    let targets = vec![0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0];
    for columns in [1, 5] {
        let shape = [10 / columns, columns];
        cases.push(Case::new(
            op(),
            vec![
                CaseInput::floats(shape, Domain::Given(logits.clone())),
                CaseInput::floats(shape, Domain::Given(targets.clone())),
                CaseInput::floats([10 / columns], Domain::Positive),
            ],
        ));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logit_that_is_large_and_right_has_a_loss_with_all_its_digits() {
        let of = |x: f64| Array::new([1, 1], vec![x]);
        let inputs = [of(20.0), of(1.0), Array::new([1], vec![1.0])];
        let loss = BinaryCrossEntropy::Forward.reference(&inputs)[0].data[0];
        // torch.nn.functional.binary_cross_entropy_with_logits in float64.
        assert!(
            (loss / 2.061_153_620_314_381e-9 - 1.0).abs() < 1e-12,
            "{loss:e}"
        );
    }
}
