//! What ops have in common that give one invocation a row of the innermost axis.

use crate::graph::{
    CaseInput, DType, Dispatch, Domain, Fusion, Lowering, Operand, Shape, ShapeError, TensorType,
};

/// One invocation spends at most this many loop iterations on a row.
const MAX_TRIPS: usize = 50_000;

/// The longest row that an invocation can walk `passes` times.
pub(super) const fn longest(passes: usize) -> usize {
    MAX_TRIPS / passes
}

/// Rows and columns of a tensor whose rows an invocation walks `passes` times, or why it cannot.
pub(super) fn extents(op: &str, x: &Shape, passes: usize) -> Result<[usize; 2], ShapeError> {
    let columns = x.last();
    if columns == 0 || columns > longest(passes) {
        return Err(ShapeError::new(format!(
            "{op} of {x}: the innermost axis must have 1 to {} elements",
            longest(passes)
        )));
    }
    Ok([x.rows(), columns])
}

/// As [`extents`], for logits (R, C) with labels (R) and weights (R).
pub(super) fn labelled(
    op: &str,
    logits: &TensorType,
    labels: &TensorType,
    weights: &TensorType,
    passes: usize,
) -> Result<[usize; 2], ShapeError> {
    let dims = logits.shape.dims();
    let rows = dims.first().copied().unwrap_or(1);
    let fits = dims.len() == 2
        && logits.dtype == DType::F32
        && *labels == TensorType::u32([rows])
        && *weights == TensorType::f32([rows]);
    if !fits {
        return Err(ShapeError::new(format!(
            "{op} of logits {logits}, labels {labels} and weights {weights}: they must be f32(R, C), u32(R) and f32(R)"
        )));
    }
    extents(op, &logits.shape, passes)
}

/// One kernel with an invocation per row that walks the columns at most `passes` times.
pub(super) fn kernel(
    shader: &'static str,
    entry: &'static str,
    [rows, columns]: [usize; 2],
    passes: usize,
    operands: Vec<Operand>,
    flops_per_element: u64,
) -> Dispatch {
    Dispatch {
        shader,
        entry,
        constants: vec![("ROWS", rows.into()), ("C", columns.into())],
        operands,
        invocations: rows,
        loop_trips: passes * columns,
        flops: (rows * columns) as u64 * flops_per_element,
        fusion: Fusion::None,
    }
}

/// The lowering of a softmax: `inputs` tensors of one shape, one output, three walks along a row.
pub(super) fn softmax(
    op: &'static str,
    entry: &'static str,
    inputs: &[TensorType],
    flops_per_element: u64,
) -> Lowering {
    let shape = &inputs[0].shape;
    let mut operands: Vec<Operand> = (0..inputs.len()).map(Operand::Input).collect();
    operands.push(Operand::Output(0));
    Lowering::one(kernel(
        op,
        entry,
        [shape.rows(), shape.last()],
        3,
        operands,
        flops_per_element,
    ))
}

/// Shapes that prove a softmax: one class, one row, a prime of everything, just off a workgroup, long rows, more than two axes.
pub(super) const SHAPES: &[&[usize]] = &[
    &[1, 3],
    &[3],
    &[7, 5],
    &[64, 10],
    &[65, 4],
    &[2, 3, 5, 7],
    &[3, 1031],
    &[1009, 11],
];

/// Rows of three whose exponentials overflow unless the row's own maximum is taken off, wherever in the row it stands.
pub(super) fn far() -> CaseInput {
    let rows = [
        [1000.0, 999.0, -1000.0],
        [-3.0, 1.5, 0.25],
        [-1000.0, 2.0, 999.5],
        [0.5, 200.0, -300.0],
        [200.0, -300.0, 201.5],
        [-900.0, -901.0, -902.5],
        [2.0, -1.0, 1.0],
    ];
    CaseInput::floats([rows.len(), 3], Domain::Given(rows.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_one_invocation_cannot_walk_are_refused() {
        for columns in [0, 16_667] {
            let error = extents("softmax", &Shape::from([2, columns]), 3).unwrap_err();
            assert!(error.0.contains("must have 1 to 16666 elements"), "{error}");
        }
        assert_eq!(
            extents("softmax", &Shape::from([2, 3, 16_666]), 3),
            Ok([6, 16_666])
        );
    }

    #[test]
    fn labels_and_weights_must_match_the_rows() {
        let logits = TensorType::f32([5, 3]);
        let (labels, weights) = (TensorType::u32([5]), TensorType::f32([5]));
        let check = |logits: &TensorType, labels: &TensorType, weights: &TensorType| {
            labelled("cross_entropy", logits, labels, weights, 2)
        };
        assert_eq!(check(&logits, &labels, &weights), Ok([5, 3]));
        assert!(check(&logits, &weights, &weights).is_err());
        assert!(check(&logits, &labels, &labels).is_err());
        assert!(check(&logits, &TensorType::u32([4]), &weights).is_err());
        assert!(check(&logits, &labels, &TensorType::f32([1])).is_err());
        assert!(check(&TensorType::f32([5]), &labels, &weights).is_err());
        assert!(check(&TensorType::f32([5, 0]), &labels, &weights).is_err());
    }
}
