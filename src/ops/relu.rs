//! `y = max(x, 0)`.

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput, Domain};

unary_op!(
    /// Rectified linear unit; the gradient at 0 is 0, as in PyTorch.
    Relu,
    relu,
    Output,
    [1, 1]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup.
pub fn cases() -> Vec<Case> {
    elementwise::SIZES
        .iter()
        .map(|&size| {
            Case::new(
                Relu::Forward,
                vec![CaseInput::floats([size], Domain::AwayFromZero)],
            )
        })
        .collect()
}
