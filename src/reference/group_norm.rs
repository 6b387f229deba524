//! Every group of channels of a sample with mean 0 and variance 1, times a weight, plus a bias.

use crate::graph::Array;

/// For each element of `x` (N, …, C) the mean of its group and `1 / √(variance + epsilon)`, and how many numbers a group has.
fn statistics(x: &Array, groups: usize, epsilon: f64) -> (Vec<f64>, Vec<f64>, f64) {
    let dims = x.dims();
    let (n, c) = (dims[0], dims[dims.len() - 1]);
    let per_sample = x.data.len() / n;
    let group_of = |i: usize| i / per_sample * groups + i % c / (c / groups);
    let count = (per_sample / groups) as f64;
    let mut means = vec![0.0; n * groups];
    for i in 0..x.data.len() {
        means[group_of(i)] += x.data[i] / count;
    }
    let mut variances = vec![0.0; n * groups];
    for i in 0..x.data.len() {
        variances[group_of(i)] += (x.data[i] - means[group_of(i)]).powi(2) / count;
    }
    let each = 0..x.data.len();
    let mean = each.clone().map(|i| means[group_of(i)]).collect();
    let inverse = each.map(|i| 1.0 / (variances[group_of(i)] + epsilon).sqrt());
    (mean, inverse.collect(), count)
}

/// `y = weight · (x − mean) / √(variance + epsilon) + bias`
pub fn forward(x: &Array, weight: &Array, bias: &Array, groups: usize, epsilon: f64) -> Array {
    let c = weight.data.len();
    let (mean, inverse, _) = statistics(x, groups, epsilon);
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..x.data.len() {
        y.data[i] = weight.data[i % c] * (x.data[i] - mean[i]) * inverse[i] + bias.data[i % c];
    }
    y
}

/// `dx`, `dweight` and `dbias`
pub fn backward(x: &Array, weight: &Array, dy: &Array, groups: usize, epsilon: f64) -> Vec<Array> {
    let c = weight.data.len();
    let (n, per_sample) = (x.dims()[0], x.data.len() / x.dims()[0]);
    let (mean, inverse, count) = statistics(x, groups, epsilon);
    let normal = |i: usize| (x.data[i] - mean[i]) * inverse[i];
    let group_of = |i: usize| i / per_sample * groups + i % c / (c / groups);
    let mut dweight = Array::zeros([c]);
    let mut dbias = Array::zeros([c]);
    let mut sums = vec![0.0; n * groups];
    let mut products = vec![0.0; n * groups];
    for i in 0..x.data.len() {
        dweight.data[i % c] += dy.data[i] * normal(i);
        dbias.data[i % c] += dy.data[i];
        sums[group_of(i)] += weight.data[i % c] * dy.data[i];
        products[group_of(i)] += weight.data[i % c] * dy.data[i] * normal(i);
    }
    let mut dx = Array::zeros(x.shape.clone());
    for i in 0..x.data.len() {
        let through = (sums[group_of(i)] + normal(i) * products[group_of(i)]) / count;
        dx.data[i] = inverse[i] * (weight.data[i % c] * dy.data[i] - through);
    }
    vec![dx, dweight, dbias]
}
