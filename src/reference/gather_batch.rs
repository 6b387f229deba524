//! Rows of a data set.

use crate::graph::Array;

/// `x[r, e] = (dataset[indices[r], e] / divide_by − mean[c]) / std[c]`, `c` being the channel of `e`; with one mean and one std,
/// they are those of every channel.
pub fn bytes(dataset: &Array, indices: &Array, divide_by: f64, mean: &[f64], std: &[f64]) -> Array {
    let mut x = words(dataset, indices);
    for (e, v) in x.data.iter_mut().enumerate() {
        // Samples hold whole pixels, so that the channel is that of the place in the whole batch.
        let c = e % mean.len();
        *v = (*v / divide_by - mean[c]) / std[c];
    }
    x
}

/// As [`bytes`].
pub fn floats(
    dataset: &Array,
    indices: &Array,
    divide_by: f64,
    mean: &[f64],
    std: &[f64],
) -> Array {
    bytes(dataset, indices, divide_by, mean, std)
}

/// `x[r, e] = dataset[indices[r], e]`; an index beyond the data set is that of the last sample.
pub fn words(dataset: &Array, indices: &Array) -> Array {
    let samples = dataset.dims()[0];
    let sample = dataset.data.len() / samples;
    let mut dims = dataset.dims().to_vec();
    dims[0] = indices.data.len();
    let mut x = Array::zeros(dims);
    for (r, &index) in indices.data.iter().enumerate() {
        // Counting up to the index keeps the row number an integer.
        let row = (0..samples).find(|&row| row as f64 == index);
        let row = row.unwrap_or(samples - 1);
        for e in 0..sample {
            x.data[r * sample + e] = dataset.data[row * sample + e];
        }
    }
    x
}
