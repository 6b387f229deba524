//! The loss of regressions between the squared and the absolute difference.

use super::regression;
use crate::graph::{
    Array, Case, Domain, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `torch.nn.functional.huber_loss` of each row, weighted.
///
/// Rows of weight 0 have loss and gradient 0, whatever their predictions are.
#[derive(Clone, Copy, Debug)]
pub enum Huber {
    /// `prediction` (R, D), `target` (R, D), `weights` (R) → `loss` (R).
    Forward {
        /// Where the parabola becomes a line; above 0.
        delta: f32,
    },
    /// `prediction, target, weights, dloss` (R) → `dprediction` (R, D).
    BackwardPrediction {
        /// Where the parabola becomes a line; above 0.
        delta: f32,
    },
}

impl Op for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::BackwardPrediction { .. } => regression::BACKWARD,
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let (Self::Forward { delta } | Self::BackwardPrediction { delta }) = *self;
        if !(delta.is_finite() && delta > 0.0) {
            return Err(ShapeError::new(format!(
                "{self:?}: delta is a number above 0"
            )));
        }
        regression::infer("huber", self.pass(), inputs)
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (Self::Forward { delta } | Self::BackwardPrediction { delta }) = *self;
        regression::lower("huber", self.pass(), &[("DELTA", delta.into())], inputs, 6)
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match *self {
            Self::Forward { delta } => {
                regression::gradient(tape, Self::BackwardPrediction { delta })
            }
            Self::BackwardPrediction { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (prediction, target, weights) = (&inputs[0], &inputs[1], &inputs[2]);
        vec![match *self {
            Self::Forward { delta } => {
                reference::huber::forward(prediction, target, weights, delta.into())
            }
            Self::BackwardPrediction { delta } => reference::huber::backward_prediction(
                prediction,
                target,
                weights,
                &inputs[3],
                delta.into(),
            ),
        }]
    }
}

/// Every shape of `regression::cases` with differences on both sides of delta.
pub fn cases() -> Vec<Case> {
    let of = |delta| move || Huber::Forward { delta };
    let mut cases = regression::cases(of(1.0), &Domain::Normal, &Domain::Normal);
    cases.extend(regression::cases(of(0.3), &Domain::Normal, &Domain::Normal));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_of_nothing_is_refused() {
        let f32 = |dims: &[usize]| TensorType::f32(dims.to_vec());
        let inputs = [f32(&[5, 3]), f32(&[5, 3]), f32(&[5])];
        for delta in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Huber::Forward { delta }.infer(&inputs).is_err(), "{delta}");
        }
        assert!(Huber::Forward { delta: 0.5 }.infer(&inputs).is_ok());
    }
}
