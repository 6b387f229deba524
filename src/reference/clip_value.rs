//! Clipping by value, as `torch.nn.utils.clip_grad_value_`.

use crate::graph::Array;

/// `min(max(gradients, −limit), limit)`; NaN stays NaN.
pub fn forward(gradients: &Array, limit: f64) -> Array {
    let mut clipped = gradients.clone();
    for g in &mut clipped.data {
        if *g > limit {
            *g = limit;
        } else if *g < -limit {
            *g = -limit;
        }
    }
    clipped
}
