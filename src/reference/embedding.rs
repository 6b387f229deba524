//! `y = weight[ids]`: rows of a table.

use crate::graph::{Array, Shape};

/// `y[r, c] = weight[ids[r], c]`; an id beyond the vocabulary counts as the last one, and a row of padding is zero.
pub fn forward(ids: &Array, weight: &Array, padding: Option<usize>) -> Array {
    let (vocabulary, channels) = (weight.dims()[0], weight.dims()[1]);
    let mut dims = ids.dims().to_vec();
    dims.push(channels);
    let mut y = Array::zeros(dims);
    for (row, id) in ids.data.iter().enumerate() {
        for known in 0..vocabulary {
            let last = known == vocabulary - 1;
            let is = *id == known as f64 || last && *id > known as f64;
            if is && padding != Some(known) {
                for channel in 0..channels {
                    y.data[row * channels + channel] = weight.data[known * channels + channel];
                }
            }
        }
    }
    y
}

/// `dweight[v, c] = Σ_r dy[r, c]` over the rows r whose id is v; zero for padding.
pub fn backward_weight(ids: &Array, dy: &Array, weight: &Shape, padding: Option<usize>) -> Array {
    let (vocabulary, channels) = (weight.dims()[0], weight.dims()[1]);
    let mut dweight = Array::zeros(weight.clone());
    for (row, id) in ids.data.iter().enumerate() {
        let known = id.min((vocabulary - 1) as f64);
        for id in 0..vocabulary {
            if known == id as f64 && padding != Some(id) {
                for channel in 0..channels {
                    dweight.data[id * channels + channel] += dy.data[row * channels + channel];
                }
            }
        }
    }
    dweight
}
