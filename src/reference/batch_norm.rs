//! Every channel with mean 0 and variance 1 over a batch, times a weight, plus a bias.

use crate::graph::Array;

/// The extents of `x` (N, …, C): samples, pixels, channels.
fn extents(x: &Array) -> [usize; 3] {
    let dims = x.dims();
    let (n, c) = (dims[0], dims[dims.len() - 1]);
    [n, x.data.len() / (n * c), c]
}

/// For each channel the mean and the variance (with n in the denominator) over all pixels of the samples that do not weigh 0, and
/// how many these are.
fn statistics(x: &Array, row_weights: &Array) -> (Array, Array, f64) {
    let [n, pixels, c] = extents(x);
    let mut mean = Array::zeros([c]);
    let mut variance = Array::zeros([c]);
    let real: Vec<usize> = (0..n * pixels)
        .filter(|i| row_weights.data[i / pixels] != 0.0)
        .collect();
    let count = real.len() as f64;
    for channel in 0..c {
        for i in &real {
            mean.data[channel] += x.data[i * c + channel] / count;
        }
        for i in &real {
            variance.data[channel] +=
                (x.data[i * c + channel] - mean.data[channel]).powi(2) / count;
        }
    }
    (mean, variance, count)
}

/// `y = weight · (x − mean) / √(variance + epsilon) + bias`, with given statistics
pub fn evaluate(x: &Array, [weight, bias, mean, variance]: [&Array; 4], epsilon: f64) -> Array {
    let c = extents(x)[2];
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..x.data.len() {
        let channel = i % c;
        let normal = (x.data[i] - mean.data[channel]) / (variance.data[channel] + epsilon).sqrt();
        y.data[i] = weight.data[channel] * normal + bias.data[channel];
    }
    y
}

/// The same with the statistics of `x`, and these.
pub fn forward(
    x: &Array,
    weight: &Array,
    bias: &Array,
    row_weights: &Array,
    epsilon: f64,
) -> Vec<Array> {
    let (mean, variance, _) = statistics(x, row_weights);
    let y = evaluate(x, [weight, bias, &mean, &variance], epsilon);
    vec![y, mean, variance]
}

/// `dx`, `dweight` and `dbias`; with `row_weights`, mean and variance are those of `x`.
pub fn backward(
    x: &Array,
    [weight, mean, variance]: [&Array; 3],
    dy: &Array,
    row_weights: Option<&Array>,
    epsilon: f64,
) -> Vec<Array> {
    let [n, pixels, c] = extents(x);
    let mut dx = Array::zeros(x.shape.clone());
    let mut dweight = Array::zeros([c]);
    let mut dbias = Array::zeros([c]);
    let normal =
        |i: usize| (x.data[i] - mean.data[i % c]) / (variance.data[i % c] + epsilon).sqrt();
    for i in 0..x.data.len() {
        dweight.data[i % c] += dy.data[i] * normal(i);
        dbias.data[i % c] += dy.data[i];
    }
    let is_real = |sample: usize| row_weights.is_some_and(|weights| weights.data[sample] != 0.0);
    let count = ((0..n).filter(|&sample| is_real(sample)).count() * pixels) as f64;
    for i in 0..x.data.len() {
        let channel = i % c;
        let mut d = dy.data[i];
        if is_real(i / (pixels * c)) {
            d -= (dbias.data[channel] + normal(i) * dweight.data[channel]) / count;
        }
        dx.data[i] = weight.data[channel] / (variance.data[channel] + epsilon).sqrt() * d;
    }
    vec![dx, dweight, dbias]
}

/// `running += momentum · (statistic − running)` of the mean and of the variance with n − 1 in the denominator, where n, the numbers
/// of a channel, are more than one
pub fn update(
    [running_mean, running_variance]: [&Array; 2],
    [mean, variance]: [&Array; 2],
    row_weights: &Array,
    pixels: usize,
    momentum: f64,
) -> Vec<Array> {
    let real = row_weights.data.iter().filter(|weight| **weight != 0.0);
    let n = (real.count() * pixels) as f64;
    let mut means = running_mean.clone();
    let mut variances = running_variance.clone();
    if n > 1.0 {
        for i in 0..means.data.len() {
            means.data[i] += momentum * (mean.data[i] - running_mean.data[i]);
            let unbiased = variance.data[i] * n / (n - 1.0);
            variances.data[i] += momentum * (unbiased - running_variance.data[i]);
        }
    }
    vec![means, variances]
}
