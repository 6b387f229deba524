//! The loss of regressions: the mean square of the difference.

use super::rowwise;
use super::scale::Scale;
use crate::graph::{
    Array, Case, CaseInput, Domain, Gradient, Lowering, Op, Operand, ShapeError, Tape, Target,
    TensorType,
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
            Self::BackwardPrediction => "backward_prediction",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let (prediction, target, weights) = (&inputs[0], &inputs[1], &inputs[2]);
        let dims = prediction.shape.dims();
        let fits =
            dims.len() == 2 && target == prediction && *weights == TensorType::f32([dims[0]]);
        if !fits {
            return Err(ShapeError::new(format!(
                "mse of prediction {prediction}, target {target} and weights {weights}: they must be f32(R, D), f32(R, D) and f32(R)"
            )));
        }
        let [rows, _] = rowwise::extents("mse", &prediction.shape, 1)?;
        Ok(vec![match self {
            Self::Forward => TensorType::f32([rows]),
            Self::BackwardPrediction => prediction.clone(),
        }])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[0].shape;
        let mut operands: Vec<Operand> = (0..inputs.len()).map(Operand::Input).collect();
        operands.push(Operand::Output(0));
        let extents = [shape.rows(), shape.last()];
        let mut dispatch = rowwise::kernel("mse", self.pass(), extents, 1, operands, 3);
        if matches!(self, Self::BackwardPrediction) {
            // One invocation per element.
            dispatch.invocations = shape.elements();
            dispatch.loop_trips = 0;
        }
        vec![Lowering::one(dispatch)]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match self {
            Self::Forward => {
                let Some(dloss) = tape.dy[0].filter(|_| tape.wanted[0] || tape.wanted[1]) else {
                    return Gradient::Of(vec![None, None, None]);
                };
                let &[prediction, target, weights] = tape.inputs else {
                    unreachable!("a loss has three inputs");
                };
                let dprediction = tape.graph.one(
                    Self::BackwardPrediction,
                    &[prediction, target, weights, dloss],
                );
                let dtarget =
                    tape.wanted[1].then(|| tape.graph.one(Scale { alpha: -1.0 }, &[dprediction]));
                Gradient::Of(vec![Some(dprediction), dtarget, None])
            }
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

/// One row and many, one column and many; padding that is no number.
pub fn cases() -> Vec<Case> {
    let list = [
        [1, 1],
        [1, 7],
        [7, 5],
        [65, 1],
        [64, 4],
        [3, 1031],
        [1009, 11],
    ];
    let mut cases: Vec<Case> = list
        .into_iter()
        .map(|[rows, columns]| {
            // A single row would vanish if its weight were 0.
            let weights = if rows == 1 {
                Domain::Positive
            } else {
                Domain::Weights
            };
            Case::new(
                Mse::Forward,
                vec![
                    CaseInput::normal([rows, columns]),
                    CaseInput::normal([rows, columns]),
                    CaseInput::floats([rows], weights),
                ],
            )
        })
        .collect();
    let padded = [[0.5, -1.0], [f64::NAN, f64::INFINITY], [2.0, 0.0]];
    cases.push(Case::new(
        Mse::Forward,
        vec![
            CaseInput::floats([3, 2], Domain::Given(padded.concat())),
            CaseInput::normal([3, 2]),
            CaseInput::floats([3], Domain::Given(vec![0.5, 0.0, 1.0])),
        ],
    ));
    cases
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
