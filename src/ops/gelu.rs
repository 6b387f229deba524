//! `y = x · Φ(x)`.

use std::sync::Arc;

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput, Fused};

unary_op!(
    /// Gaussian error linear unit (Hendrycks and Gimpel 2016).
    Gelu {
        /// Whether Φ is approximated by a tanh: PyTorch's `approximate="tanh"`.
        tanh: bool = "TANH"
    },
    gelu,
    Input,
    [30, 35]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; numbers far beyond where it is straight; both in one
/// kernel, and the derivative in an epilogue.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for tanh in [false, true] {
        let normal = elementwise::SIZES
            .iter()
            .map(|&size| CaseInput::normal([size]));
        cases.extend(
            normal
                .chain([elementwise::far()])
                .map(|x| Case::new(Gelu::Forward { tanh }, vec![x])),
        );
        let both = Fused::new(Arc::new(Gelu::Forward { tanh }), 1)
            .then(Arc::new(Gelu::Forward { tanh: !tanh }), 1, 0)
            .then(Arc::new(Gelu::Backward { tanh }), 2, 1);
        let x = || CaseInput::normal([3, 23]);
        cases.push(Case::new(both, vec![x(), x()]));
    }
    cases
}
