//! Larger images: each pixel repeated, or a plane between four of them.

use crate::graph::Array;

/// The input pixels that an output pixel `o` is made of along an axis of `extent`, with their shares. Bilinear: at
/// `(o + 1/2) / scale − 1/2`, not before the first pixel; behind the last one there is only that.
fn shares(o: usize, scale: usize, extent: usize, bilinear: bool) -> [(usize, f64); 2] {
    if !bilinear {
        return [(o / scale, 1.0), (o / scale, 0.0)];
    }
    let place = f64::max((o as f64 + 0.5) / scale as f64 - 0.5, 0.0);
    let mut first = 0;
    while ((first + 1) as f64) <= place {
        first += 1;
    }
    let share = place - first as f64;
    [(first, 1.0 - share), ((first + 1).min(extent - 1), share)]
}

/// `y[n, oh, ow, c] = Σ share(h, oh) · share(w, ow) · x[n, h, w, c]`
pub fn forward(x: &Array, [sh, sw]: [usize; 2], bilinear: bool) -> Array {
    let (n, h, w, c) = (x.dims()[0], x.dims()[1], x.dims()[2], x.dims()[3]);
    let (oh, ow) = (h * sh, w * sw);
    let mut y = Array::zeros([n, oh, ow, c]);
    for image in 0..n {
        for row in 0..oh {
            for column in 0..ow {
                for (ih, down) in shares(row, sh, h, bilinear) {
                    for (iw, across) in shares(column, sw, w, bilinear) {
                        for channel in 0..c {
                            y.data[((image * oh + row) * ow + column) * c + channel] +=
                                down * across * x.data[((image * h + ih) * w + iw) * c + channel];
                        }
                    }
                }
            }
        }
    }
    y
}

/// `dx[n, h, w, c] = Σ share(h, oh) · share(w, ow) · dy[n, oh, ow, c]`
pub fn backward(dy: &Array, [sh, sw]: [usize; 2], bilinear: bool) -> Array {
    let (n, oh, ow, c) = (dy.dims()[0], dy.dims()[1], dy.dims()[2], dy.dims()[3]);
    let (h, w) = (oh / sh, ow / sw);
    let mut dx = Array::zeros([n, h, w, c]);
    for image in 0..n {
        for row in 0..oh {
            for column in 0..ow {
                for (ih, down) in shares(row, sh, h, bilinear) {
                    for (iw, across) in shares(column, sw, w, bilinear) {
                        for channel in 0..c {
                            dx.data[((image * h + ih) * w + iw) * c + channel] += down
                                * across
                                * dy.data[((image * oh + row) * ow + column) * c + channel];
                        }
                    }
                }
            }
        }
    }
    dx
}
