//! What losses of numbers against numbers have in common: `prediction` (R, D), `target` (R, D), `weights` (R) → `loss` (R), the
//! weighted mean over the columns of each row, and `prediction, target, weights, dloss` (R) → `dprediction` (R, D). Their kernels
//! are those of `lib/regression.wgsl`.

use super::rowwise;
use crate::graph::{
    Case, CaseInput, Constant, Domain, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    TensorType,
};

/// The name of the backward pass.
pub(super) const BACKWARD: &str = "backward_prediction";

/// The output of a pass.
pub(super) fn infer(
    op: &str,
    pass: &str,
    inputs: &[TensorType],
) -> Result<Vec<TensorType>, ShapeError> {
    let (prediction, target, weights) = (&inputs[0], &inputs[1], &inputs[2]);
    let dims = prediction.shape.dims();
    let fits = dims.len() == 2 && target == prediction && *weights == TensorType::f32([dims[0]]);
    if !fits {
        return Err(ShapeError::new(format!(
            "{op} of prediction {prediction}, target {target} and weights {weights}: they must be f32(R, D), f32(R, D) and f32(R)"
        )));
    }
    let [rows, _] = rowwise::extents(op, &prediction.shape, 1)?;
    Ok(vec![if pass == BACKWARD {
        prediction.clone()
    } else {
        TensorType::f32([rows])
    }])
}

/// The kernel of a pass.
pub(super) fn lower(
    op: &'static str,
    pass: &'static str,
    constants: &[(&'static str, Constant)],
    inputs: &[TensorType],
    flops_per_element: u64,
) -> Vec<Lowering> {
    let shape = &inputs[0].shape;
    let mut operands: Vec<Operand> = (0..inputs.len()).map(Operand::Input).collect();
    operands.push(Operand::Output(0));
    let extents = [shape.rows(), shape.last()];
    let mut dispatch = rowwise::kernel(op, pass, extents, 1, operands, flops_per_element);
    dispatch.constants.extend_from_slice(constants);
    if pass == BACKWARD {
        // One invocation per element.
        dispatch.invocations = shape.elements();
        dispatch.loop_trips = 0;
    }
    vec![Lowering::one(dispatch)]
}

/// The gradient of the prediction; targets are data.
pub(super) fn gradient(tape: &mut Tape<'_>, backward: impl Op + 'static) -> Gradient {
    let dloss = tape.dy[0].filter(|_| tape.wanted[0]);
    let &[prediction, target, weights] = tape.inputs else {
        unreachable!("a loss has three inputs");
    };
    let dprediction = dloss.map(|dloss| {
        tape.graph
            .one(backward, &[prediction, target, weights, dloss])
    });
    Gradient::Of(vec![dprediction, None, None])
}

/// A loss on one row and many, one column and many, with a quarter of the rows of weight 0, and with padding that is no number.
pub(super) fn cases<O: Op + 'static>(
    op: impl Fn() -> O,
    prediction: &Domain,
    target: &Domain,
) -> Vec<Case> {
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
                op(),
                vec![
                    CaseInput::floats([rows, columns], prediction.clone()),
                    CaseInput::floats([rows, columns], target.clone()),
                    CaseInput::floats([rows], weights),
                ],
            )
        })
        .collect();
    let padded = [[0.5, -1.0], [f64::NAN, f64::INFINITY], [2.0, 0.25]];
    cases.push(Case::new(
        op(),
        vec![
            CaseInput::floats([3, 2], Domain::Given(padded.concat())),
            CaseInput::floats([3, 2], target.clone()),
            CaseInput::floats([3], Domain::Given(vec![0.5, 0.0, 1.0])),
        ],
    ));
    cases
}
