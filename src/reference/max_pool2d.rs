//! `y = max x` over sliding windows of images (N, H, W, C).

use crate::graph::{Array, Shape, Window};

/// `y[n, oh, ow, c] = max over (kh, kw) of x[n, oh·SH + kh·DH − PH, ow·SW + kw·DW − PW, c]`, taps outside of the image left out;
/// and `kh·KW + kw` of the first tap that holds the maximum. A NaN is greater than everything.
pub fn forward(x: &Array, window: &Window) -> Vec<Array> {
    let (n, h, w, c) = (x.dims()[0], x.dims()[1], x.dims()[2], x.dims()[3]);
    let [oh, ow] = window.output([h, w]).expect("the window fits");
    let mut y = Array::zeros([n, oh, ow, c]);
    let mut indices = Array::zeros([n, oh, ow, c]);
    let mut out = 0;
    for image in 0..n {
        for row in 0..oh {
            for column in 0..ow {
                for channel in 0..c {
                    let mut best: Option<f64> = None;
                    for kh in 0..window.kernel[0] {
                        for kw in 0..window.kernel[1] {
                            let top = row * window.stride[0] + kh * window.dilation[0];
                            let left = column * window.stride[1] + kw * window.dilation[1];
                            let (Some(ih), Some(iw)) = (
                                top.checked_sub(window.padding[0]),
                                left.checked_sub(window.padding[1]),
                            ) else {
                                continue;
                            };
                            if ih >= h || iw >= w {
                                continue;
                            }
                            let value = x.data[((image * h + ih) * w + iw) * c + channel];
                            if best.is_none_or(|best| value > best || value.is_nan()) {
                                best = Some(value);
                                indices.data[out] = (kh * window.kernel[1] + kw) as f64;
                            }
                        }
                    }
                    y.data[out] = best.expect("every window holds a pixel");
                    out += 1;
                }
            }
        }
    }
    vec![y, indices]
}

/// `dx = Σ dy` over the windows whose maximum the pixel is: each `dy` is added to the pixel that its index names.
pub fn backward(dy: &Array, indices: &Array, input: &Shape, window: &Window) -> Array {
    let mut dx = Array::zeros(input.clone());
    let (h, w, c) = (input.dims()[1], input.dims()[2], input.dims()[3]);
    let (oh, ow) = (dy.dims()[1], dy.dims()[2]);
    for (out, gradient) in dy.data.iter().enumerate() {
        let channel = out % c;
        let column = out / c % ow;
        let row = out / c / ow % oh;
        let image = out / c / ow / oh;
        for kh in 0..window.kernel[0] {
            for kw in 0..window.kernel[1] {
                if indices.data[out] == (kh * window.kernel[1] + kw) as f64 {
                    let top = row * window.stride[0] + kh * window.dilation[0];
                    let left = column * window.stride[1] + kw * window.dilation[1];
                    if top < window.padding[0] || left < window.padding[1] {
                        continue;
                    }
                    let (ih, iw) = (top - window.padding[0], left - window.padding[1]);
                    if ih < h && iw < w {
                        dx.data[((image * h + ih) * w + iw) * c + channel] += gradient;
                    }
                }
            }
        }
    }
    dx
}
