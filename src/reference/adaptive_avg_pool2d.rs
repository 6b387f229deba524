//! `y = mean x` over windows that cover images (N, H, W, C).

use crate::graph::{Array, Shape};

/// The pixels of window `o` of `out` along an axis: PyTorch's rule, in whole numbers.
fn window(o: usize, extent: usize, out: usize) -> std::ops::Range<usize> {
    o * extent / out..((o + 1) * extent).div_ceil(out)
}

/// `y[n, oh, ow, c] = mean of x[n, h, w, c] over window (oh, ow)`
pub fn forward(x: &Array, [oh, ow]: [usize; 2]) -> Array {
    let (n, h, w, c) = (x.dims()[0], x.dims()[1], x.dims()[2], x.dims()[3]);
    let mut y = Array::zeros([n, oh, ow, c]);
    for out in 0..y.data.len() {
        let (channel, column, row) = (out % c, out / c % ow, out / c / ow % oh);
        let image = out / c / ow / oh;
        let (rows, columns) = (window(row, h, oh), window(column, w, ow));
        let pixels = (rows.len() * columns.len()) as f64;
        for ih in rows {
            for iw in columns.clone() {
                y.data[out] += x.data[((image * h + ih) * w + iw) * c + channel] / pixels;
            }
        }
    }
    y
}

/// Every pixel of a window gets its share of `dy`.
pub fn backward(dy: &Array, input: &Shape) -> Array {
    let mut dx = Array::zeros(input.clone());
    let (h, w, c) = (input.dims()[1], input.dims()[2], input.dims()[3]);
    let (oh, ow) = (dy.dims()[1], dy.dims()[2]);
    for (out, gradient) in dy.data.iter().enumerate() {
        let (channel, column, row) = (out % c, out / c % ow, out / c / ow % oh);
        let image = out / c / ow / oh;
        let (rows, columns) = (window(row, h, oh), window(column, w, ow));
        let pixels = (rows.len() * columns.len()) as f64;
        for ih in rows {
            for iw in columns.clone() {
                dx.data[((image * h + ih) * w + iw) * c + channel] += gradient / pixels;
            }
        }
    }
    dx
}
