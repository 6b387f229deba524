//! `y = max x` over windows that cover images (N, H, W, C).

use crate::graph::{Array, Shape};

/// The pixels of window `o` of `out` along an axis: PyTorch's rule, in whole numbers.
fn window(o: usize, extent: usize, out: usize) -> std::ops::Range<usize> {
    o * extent / out..((o + 1) * extent).div_ceil(out)
}

/// `y[n, oh, ow, c] = max of x[n, h, w, c] over window (oh, ow)`, and `h·W + w` of the first pixel that holds it. A NaN is greater than
/// everything.
pub fn forward(x: &Array, [oh, ow]: [usize; 2]) -> Vec<Array> {
    let (n, h, w, c) = (x.dims()[0], x.dims()[1], x.dims()[2], x.dims()[3]);
    let mut y = Array::zeros([n, oh, ow, c]);
    let mut places = Array::zeros([n, oh, ow, c]);
    for out in 0..y.data.len() {
        let (channel, column, row) = (out % c, out / c % ow, out / c / ow % oh);
        let image = out / c / ow / oh;
        let mut best: Option<f64> = None;
        for ih in window(row, h, oh) {
            for iw in window(column, w, ow) {
                let value = x.data[((image * h + ih) * w + iw) * c + channel];
                if best.is_none_or(|best| value > best || value.is_nan()) {
                    best = Some(value);
                    places.data[out] = (ih * w + iw) as f64;
                }
            }
        }
        y.data[out] = best.expect("every window holds a pixel");
    }
    vec![y, places]
}

/// `dx = Σ dy` over the windows whose maximum the pixel is.
pub fn backward(dy: &Array, places: &Array, input: &Shape) -> Array {
    let mut dx = Array::zeros(input.clone());
    let (h, w, c) = (input.dims()[1], input.dims()[2], input.dims()[3]);
    let (oh, ow) = (dy.dims()[1], dy.dims()[2]);
    for (out, gradient) in dy.data.iter().enumerate() {
        let (channel, column, row) = (out % c, out / c % ow, out / c / ow % oh);
        let image = out / c / ow / oh;
        for ih in window(row, h, oh) {
            for iw in window(column, w, ow) {
                if places.data[out] == (ih * w + iw) as f64 {
                    dx.data[((image * h + ih) * w + iw) * c + channel] += gradient;
                }
            }
        }
    }
    dx
}
