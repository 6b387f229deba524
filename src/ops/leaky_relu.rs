//! `y = x` where positive, `slope · x` elsewhere.

use super::elementwise::{self, unary_op};
use crate::graph::{Case, CaseInput, Domain};

unary_op!(
    /// Leaky rectified linear unit (Maas et al. 2013); the gradient at 0 is the slope, as in PyTorch.
    LeakyRelu {
        /// The slope below 0; 0 or more, so that the sign of the result is that of the argument.
        slope: f32 = "SLOPE"
    },
    leaky_relu,
    Output,
    [1, 1]
);

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; small, large and no slopes.
pub fn cases() -> Vec<Case> {
    elementwise::SIZES
        .iter()
        .zip([0.01, 0.3, 0.2, 1.5, 0.01, 0.0])
        .map(|(&size, slope)| {
            let x = CaseInput::floats([size], Domain::AwayFromZero);
            Case::new(LeakyRelu::Forward { slope }, vec![x])
        })
        .collect()
}
