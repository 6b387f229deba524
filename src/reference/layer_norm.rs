//! Every row with mean 0 and variance 1, times a weight, plus a bias.

use crate::graph::Array;

/// `(x − mean) / √(variance + epsilon)` of every row, and for each row what the root divides by
fn normal(x: &Array, epsilon: f64) -> (Array, Vec<f64>) {
    let (rows, columns) = (x.shape.rows(), x.shape.last());
    let mut normal = Array::zeros(x.shape.clone());
    let mut roots = Vec::new();
    for row in 0..rows {
        let begin = row * columns;
        let mut mean = 0.0;
        for c in 0..columns {
            mean += x.data[begin + c] / columns as f64;
        }
        let mut variance = 0.0;
        for c in 0..columns {
            variance += (x.data[begin + c] - mean).powi(2) / columns as f64;
        }
        let root = (variance + epsilon).sqrt();
        for c in 0..columns {
            normal.data[begin + c] = (x.data[begin + c] - mean) / root;
        }
        roots.push(root);
    }
    (normal, roots)
}

/// `y = weight · (x − mean) / √(variance + epsilon) + bias`
pub fn forward(x: &Array, weight: Option<&Array>, bias: Option<&Array>, epsilon: f64) -> Array {
    let columns = x.shape.last();
    let (mut y, _) = normal(x, epsilon);
    for i in 0..y.data.len() {
        y.data[i] *= weight.map_or(1.0, |weight| weight.data[i % columns]);
        y.data[i] += bias.map_or(0.0, |bias| bias.data[i % columns]);
    }
    y
}

/// `dx`, `dweight` and `dbias`
pub fn backward(x: &Array, dy: &Array, weight: Option<&Array>, epsilon: f64) -> [Array; 3] {
    let columns = x.shape.last();
    let (normal, roots) = normal(x, epsilon);
    let mut dx = Array::zeros(x.shape.clone());
    let mut dweight = Array::zeros([columns]);
    let mut dbias = Array::zeros([columns]);
    for (row, root) in roots.iter().enumerate() {
        let begin = row * columns;
        let g = |c: usize| dy.data[begin + c] * weight.map_or(1.0, |weight| weight.data[c]);
        let (mut sum, mut product) = (0.0, 0.0);
        for c in 0..columns {
            sum += g(c);
            product += g(c) * normal.data[begin + c];
            dweight.data[c] += dy.data[begin + c] * normal.data[begin + c];
            dbias.data[c] += dy.data[begin + c];
        }
        for c in 0..columns {
            let through = (sum + normal.data[begin + c] * product) / columns as f64;
            dx.data[begin + c] = (g(c) - through) / root;
        }
    }
    [dx, dweight, dbias]
}
