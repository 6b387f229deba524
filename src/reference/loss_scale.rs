//! Dynamic loss scaling, as `torch.amp.GradScaler`.

use crate::graph::Array;

/// The scale, `rows` times.
pub fn forward(state: &Array, rows: usize) -> Array {
    Array::new([rows], vec![state.data[0]; rows])
}

/// `gradients / scale`, `groups` and the new state if all gradients are finite; else zeros, zeros, and half the scale.
pub fn unscale(
    gradients: &Array,
    groups: &Array,
    state: &Array,
    interval: f64,
    most: f64,
) -> Vec<Array> {
    let [scale, good, left_out, reserved] = state.data[..] else {
        panic!("the state has four words");
    };
    if gradients.data.iter().any(|g| !g.is_finite()) {
        let words = vec![(scale / 2.0).max(1.0), 0.0, left_out + 1.0, reserved];
        return vec![
            Array::zeros(gradients.shape.clone()),
            Array::zeros(groups.shape.clone()),
            Array::new([4], words),
        ];
    }
    let unscaled = gradients.data.iter().map(|g| g / scale).collect();
    let words = if good + 1.0 >= interval {
        vec![(scale * 2.0).min(most), 0.0, left_out, reserved]
    } else {
        vec![scale, good + 1.0, left_out, reserved]
    };
    vec![
        Array::new(gradients.shape.clone(), unscaled),
        groups.clone(),
        Array::new([4], words),
    ]
}
