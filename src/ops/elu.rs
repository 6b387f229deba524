//! `y = x` where positive, `alpha · (exp(x) − 1)` elsewhere.

use std::sync::Arc;

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput, Domain, Fused};

unary_op!(
    /// Exponential linear unit (Clevert et al. 2015); the gradient at 0 is `alpha`, as in PyTorch.
    Elu {
        /// What it approaches far below 0, with the other sign; 0 or more.
        alpha: f32 = "ALPHA"
    },
    elu,
    Output,
    [14, 3]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; numbers far from 0 and near; two in one kernel.
pub fn cases() -> Vec<Case> {
    let alphas = [1.0, 0.5, 1.0, 2.0, 0.1, 1.0];
    let mut cases: Vec<Case> = elementwise::SIZES
        .iter()
        .zip(alphas)
        .map(|(&size, alpha)| {
            let x = CaseInput::floats([size], Domain::AwayFromZero);
            Case::new(Elu::Forward { alpha }, vec![x])
        })
        .collect();
    let x = elementwise::far();
    cases.push(Case::new(Elu::Forward { alpha: 1.5 }, vec![x]));
    let then = |chain: Fused, alpha: f32| chain.then(Arc::new(Elu::Forward { alpha }), 1, 0);
    let fused = Fused::new(Arc::new(Elu::Forward { alpha: 0.5 }), 1);
    let fused = then(then(fused, 0.25), 2.0);
    cases.push(Case::new(fused, vec![CaseInput::normal([70])]));
    cases
}
