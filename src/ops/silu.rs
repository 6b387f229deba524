//! `y = x · sigmoid(x)`.

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput};

unary_op!(
    /// Sigmoid linear unit, also called swish (Elfwing et al. 2017).
    Silu,
    silu,
    Input,
    [6, 10]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; numbers far beyond where it is straight.
pub fn cases() -> Vec<Case> {
    let normal = elementwise::SIZES
        .iter()
        .map(|&size| CaseInput::normal([size]));
    normal
        .chain([elementwise::far()])
        .map(|x| Case::new(Silu::Forward, vec![x]))
        .collect()
}
