//! `y = mean x` over sliding windows of images (N, H, W, C), the padding counted as zeros.

use crate::graph::{Array, Shape, Window};

/// `y[n, oh, ow, c] = 1/(KH·KW) · Σ_(kh, kw) x[n, oh·SH + kh − PH, ow·SW + kw − PW, c]`, 0 outside of the image
pub fn forward(x: &Array, window: &Window) -> Array {
    let (n, h, w, c) = (x.dims()[0], x.dims()[1], x.dims()[2], x.dims()[3]);
    let [oh, ow] = window.output([h, w]).expect("the window fits");
    let taps = (window.kernel[0] * window.kernel[1]) as f64;
    let mut y = Array::zeros([n, oh, ow, c]);
    for image in 0..n {
        for row in 0..oh {
            for column in 0..ow {
                for kh in 0..window.kernel[0] {
                    for kw in 0..window.kernel[1] {
                        let top = row * window.stride[0] + kh;
                        let left = column * window.stride[1] + kw;
                        if top < window.padding[0] || left < window.padding[1] {
                            continue;
                        }
                        let (ih, iw) = (top - window.padding[0], left - window.padding[1]);
                        if ih >= h || iw >= w {
                            continue;
                        }
                        for channel in 0..c {
                            y.data[((image * oh + row) * ow + column) * c + channel] +=
                                x.data[((image * h + ih) * w + iw) * c + channel] / taps;
                        }
                    }
                }
            }
        }
    }
    y
}

/// `dx[n, h, w, c] = 1/(KH·KW) · Σ dy[n, oh, ow, c]` over the windows with a tap on the pixel
pub fn backward(dy: &Array, input: &Shape, window: &Window) -> Array {
    let (n, h, w, c) = (
        input.dims()[0],
        input.dims()[1],
        input.dims()[2],
        input.dims()[3],
    );
    let (oh, ow) = (dy.dims()[1], dy.dims()[2]);
    let taps = (window.kernel[0] * window.kernel[1]) as f64;
    let mut dx = Array::zeros(input.clone());
    for image in 0..n {
        for ih in 0..h {
            for iw in 0..w {
                for row in 0..oh {
                    for column in 0..ow {
                        let (top, left) = (row * window.stride[0], column * window.stride[1]);
                        let (down, across) = (ih + window.padding[0], iw + window.padding[1]);
                        let inside = (top..top + window.kernel[0]).contains(&down)
                            && (left..left + window.kernel[1]).contains(&across);
                        if !inside {
                            continue;
                        }
                        for channel in 0..c {
                            dx.data[((image * h + ih) * w + iw) * c + channel] +=
                                dy.data[((image * oh + row) * ow + column) * c + channel] / taps;
                        }
                    }
                }
            }
        }
    }
    dx
}
