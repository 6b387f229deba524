//! Adam and AdamW, as `torch.optim.Adam` and `torch.optim.AdamW`.

use super::group_of;
use crate::graph::Array;

/// The new parameters, `m` and `v`, with `t = step + 1`, `l = learning_rate · groups[.., 0]` and `w = weight_decay · groups[.., 1]`:
/// `p = p − l · w · p` (decoupled) or `g = gradient + w · p`, `m = β₁ · m + (1 − β₁) · g`, `v = β₂ · v + (1 − β₂) · g²`,
/// `p = p − l / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)`. Nothing moves where `groups[.., 0]` is 0.
pub fn forward(
    parameters: &Array,
    gradients: &Array,
    m: &Array,
    v: &Array,
    betas: [f64; 2],
    epsilon: f64,
    weight_decay: f64,
    decoupled: bool,
    groups: &Array,
    learning_rate: f64,
    step: f64,
) -> Vec<Array> {
    let t = step + 1.0;
    let (mut p, mut m, mut v) = (parameters.clone(), m.clone(), v.clone());
    for i in 0..p.data.len() {
        let (scale, decay) = group_of(groups, i);
        if scale == 0.0 {
            continue;
        }
        let (learning_rate, weight_decay) = (learning_rate * scale, weight_decay * decay);
        let mut g = gradients.data[i];
        if decoupled {
            p.data[i] -= learning_rate * weight_decay * p.data[i];
        } else {
            g += weight_decay * p.data[i];
        }
        m.data[i] = betas[0] * m.data[i] + (1.0 - betas[0]) * g;
        v.data[i] = betas[1] * v.data[i] + (1.0 - betas[1]) * g * g;
        let denominator = v.data[i].sqrt() / (1.0 - betas[1].powf(t)).sqrt() + epsilon;
        p.data[i] -= learning_rate / (1.0 - betas[0].powf(t)) * m.data[i] / denominator;
    }
    vec![p, m, v]
}
