//! Two-dimensional convolution in which every channel has a filter of its own.

use crate::graph::{Array, Shape, Window};

/// Visits every product: `visit(x index, weight index, y index)`.
fn products(x: &[usize], y: &[usize], window: Window, mut visit: impl FnMut(usize, usize, usize)) {
    let place = |axis: usize, out: usize, tap: usize| {
        let place = out * window.stride[axis] + tap * window.dilation[axis];
        let place = place.checked_sub(window.padding[axis])?;
        (place < x[1 + axis]).then_some(place)
    };
    for n in 0..x[0] {
        for oh in 0..y[1] {
            for ow in 0..y[2] {
                for kh in 0..window.kernel[0] {
                    for kw in 0..window.kernel[1] {
                        let (Some(h), Some(w)) = (place(0, oh, kh), place(1, ow, kw)) else {
                            continue;
                        };
                        for c in 0..x[3] {
                            visit(
                                ((n * x[1] + h) * x[2] + w) * x[3] + c,
                                (kh * window.kernel[1] + kw) * x[3] + c,
                                ((n * y[1] + oh) * y[2] + ow) * x[3] + c,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// `y[n, oh, ow, c] = Σ_{kh, kw} x[n, oh·s − p + kh·d, ow·s − p + kw·d, c] · weight[kh, kw, 0, c]`
pub fn forward(x: &Array, weight: &Array, window: Window) -> Array {
    let [oh, ow] = window
        .output([x.dims()[1], x.dims()[2]])
        .expect("a window that fits");
    let mut y = Array::zeros([x.dims()[0], oh, ow, x.dims()[3]]);
    let dims = y.dims().to_vec();
    products(x.dims(), &dims, window, |ix, iw, iy| {
        y.data[iy] += x.data[ix] * weight.data[iw];
    });
    y
}

/// `dx[ix] = Σ dy[iy] · weight[iw]` over all products of the forward pass
pub fn backward_x(dy: &Array, weight: &Array, input: &Shape, window: Window) -> Array {
    let mut dx = Array::zeros(input.clone());
    products(input.dims(), dy.dims(), window, |ix, iw, iy| {
        dx.data[ix] += dy.data[iy] * weight.data[iw];
    });
    dx
}

/// `dweight[iw] = Σ x[ix] · dy[iy]` over all products of the forward pass
pub fn backward_weight(x: &Array, dy: &Array, window: Window) -> Array {
    let [kh, kw] = window.kernel;
    let mut dweight = Array::zeros([kh, kw, 1, x.dims()[3]]);
    products(x.dims(), dy.dims(), window, |ix, iw, iy| {
        dweight.data[iw] += x.data[ix] * dy.data[iy];
    });
    dweight
}
