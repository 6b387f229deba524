//! `y = 1 / (1 + exp(−x))`.

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput, Domain};

unary_op!(
    /// The logistic function.
    Sigmoid,
    sigmoid,
    Output,
    [5, 3]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; numbers far beyond where it saturates.
pub fn cases() -> Vec<Case> {
    let far = vec![
        -1e30, -1000.0, -89.0, -20.0, -1e-4, 0.0, 0.2, 1.5, 20.0, 89.0, 1e30,
    ];
    let mut cases: Vec<Case> = elementwise::SIZES
        .iter()
        .map(|&size| Case::new(Sigmoid::Forward, vec![CaseInput::normal([size])]))
        .collect();
    cases.push(Case::new(
        Sigmoid::Forward,
        vec![CaseInput::floats([far.len()], Domain::Given(far))],
    ));
    cases
}
