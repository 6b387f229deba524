//! Rotary position embedding, pairs half a row apart.

use crate::graph::Array;

/// The numbers `i` and `i + D/2` of each row of D among the first `turned` columns, for token t, turned by `t · base^(−2·i/D)`:
/// `y[i] = x[i] · cos − x[i + D/2] · sin`, `y[i + D/2] = x[i] · sin + x[i + D/2] · cos`
pub fn forward(x: &Array, channels: usize, turned: usize, base: f64) -> Array {
    turn(x, channels, turned, base, 1.0)
}

/// The inverse rotation, which is the transposed one.
pub fn backward(dy: &Array, channels: usize, turned: usize, base: f64) -> Array {
    turn(dy, channels, turned, base, -1.0)
}

fn turn(x: &Array, channels: usize, turned: usize, base: f64, way: f64) -> Array {
    let (tokens, width) = (x.dims()[1], x.dims()[2]);
    let mut y = x.clone();
    for row in 0..x.data.len() / width {
        let t = row % tokens;
        for begin in (0..turned).step_by(channels) {
            for i in 0..channels / 2 {
                let angle = t as f64 * base.powf(-2.0 * i as f64 / channels as f64);
                let (cosine, sine) = (angle.cos(), way * angle.sin());
                let a = row * width + begin + i;
                let b = a + channels / 2;
                y.data[a] = x.data[a] * cosine - x.data[b] * sine;
                y.data[b] = x.data[a] * sine + x.data[b] * cosine;
            }
        }
    }
    y
}
