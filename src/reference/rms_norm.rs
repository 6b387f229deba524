//! Every row with mean square 1, times a weight.

use crate::graph::Array;

/// `√(mean x² + epsilon)` of a row
fn root(row: &[f64], epsilon: f64) -> f64 {
    let mut sum = 0.0;
    for x in row {
        sum += x * x;
    }
    (sum / row.len() as f64 + epsilon).sqrt()
}

/// `y = weight · x / √(mean x² + epsilon)`
pub fn forward(x: &Array, weight: Option<&Array>, epsilon: f64) -> Array {
    let columns = x.shape.last();
    let mut y = Array::zeros(x.shape.clone());
    for row in 0..x.shape.rows() {
        let root = root(&x.data[row * columns..][..columns], epsilon);
        for c in 0..columns {
            let i = row * columns + c;
            y.data[i] = weight.map_or(1.0, |weight| weight.data[c]) * x.data[i] / root;
        }
    }
    y
}

/// `dx` and `dweight`
pub fn backward(x: &Array, dy: &Array, weight: Option<&Array>, epsilon: f64) -> [Array; 2] {
    let columns = x.shape.last();
    let mut dx = Array::zeros(x.shape.clone());
    let mut dweight = Array::zeros([columns]);
    for row in 0..x.shape.rows() {
        let begin = row * columns;
        let root = root(&x.data[begin..][..columns], epsilon);
        let g = |c: usize| dy.data[begin + c] * weight.map_or(1.0, |weight| weight.data[c]);
        let mut product = 0.0;
        for c in 0..columns {
            product += g(c) * x.data[begin + c] / root;
            dweight.data[c] += dy.data[begin + c] * x.data[begin + c] / root;
        }
        for c in 0..columns {
            let through = x.data[begin + c] / root * product / columns as f64;
            dx.data[begin + c] = (g(c) - through) / root;
        }
    }
    [dx, dweight]
}
