//! What each row of a batch counts in its loss, where samples do not count the same.

use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// `weights` (R), `own` (R), `mean` (1) → `weights · own / mean` (R), or zeros where the mean is 0.
///
/// With `weights` of 1 / (real samples) and the mean of `own` over them, the results add up to 1: a loss weighted so is
/// `Σ own · loss / Σ own`, the mean as PyTorch's losses take it with weights of classes.
#[derive(Clone, Copy, Debug)]
pub struct Weigh;

impl Op for Weigh {
    fn name(&self) -> &'static str {
        "weigh"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match inputs {
            [weights, own, mean]
                if *weights == TensorType::f32(weights.shape.clone())
                    && own == weights
                    && *mean == TensorType::f32([1]) =>
            {
                Ok(vec![weights.clone()])
            }
            _ => Err(ShapeError::new(format!(
                "weigh of {inputs:?}: it takes two tensors of floats of one shape, and f32(1)"
            ))),
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        vec![Lowering::one(Dispatch {
            shader: "weigh",
            entry: "forward",
            constants: vec![("COUNT", count.into())],
            operands: vec![
                Operand::Input(0),
                Operand::Input(1),
                Operand::Input(2),
                Operand::Output(0),
            ],
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: 2 * count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("weights have no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::weigh::forward(
            &inputs[0], &inputs[1], &inputs[2],
        )]
    }
}

/// One row and many; a mean of 0.
pub fn cases() -> Vec<Case> {
    let case = |rows: usize, mean: Domain| {
        let weights = CaseInput::floats([rows], Domain::Positive);
        let own = CaseInput::floats([rows], Domain::Weights);
        Case::new(Weigh, vec![weights, own, CaseInput::floats([1], mean)])
    };
    let mut cases: Vec<Case> = [1, 3, 64, 257, 260]
        .map(|rows| case(rows, Domain::Positive))
        .to_vec();
    cases.push(case(67, Domain::Given(vec![0.0])));
    cases
}
