//! `y = log(1 + exp(x))`.

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput};

unary_op!(
    /// A smooth relu (Dugas et al. 2000), PyTorch's with beta 1. PyTorch gives `x` itself beyond its threshold of 20, which is the same in
    /// 32 bits.
    Softplus,
    softplus,
    Output,
    [20, 9]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; numbers far beyond where it is straight.
pub fn cases() -> Vec<Case> {
    let normal = elementwise::SIZES
        .iter()
        .map(|&size| CaseInput::normal([size]));
    normal
        .chain([elementwise::far()])
        .map(|x| Case::new(Softplus::Forward, vec![x]))
        .collect()
}
