//! Clipping by norm, as `torch.nn.utils.clip_grad_norm_`.

use crate::graph::Array;

/// `gradients · min(1, max_norm / (norm + 1e-6))` with `norm = √Σ gradients²`, and `schedule` with the norm in word 2.
pub fn forward(gradients: &Array, schedule: &Array, max_norm: f64) -> Vec<Array> {
    let norm = gradients.data.iter().map(|g| g * g).sum::<f64>().sqrt();
    let factor = (max_norm / (norm + 1e-6)).min(1.0);
    let mut clipped = gradients.clone();
    for g in &mut clipped.data {
        *g *= factor;
    }
    let mut schedule = schedule.clone();
    schedule.data[2] = norm;
    vec![clipped, schedule]
}
