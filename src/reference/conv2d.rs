//! Two-dimensional convolution, channels-last, with PyTorch's stride, padding, dilation and groups.

use crate::graph::{Array, Shape, Window};

/// Visits every product of the convolution: `visit(x index, weight index, y index)`, the weight stored as
/// (KH, KW, C / groups, O).
fn products(
    x: &[usize],
    y: &[usize],
    window: Window,
    groups: usize,
    mut visit: impl FnMut(usize, usize, usize),
) {
    let (h, w, c) = (x[1], x[2], x[3]);
    let (oh, ow, o) = (y[1], y[2], y[3]);
    let (group_c, group_o) = (c / groups, o / groups);
    let [kh, kw] = window.kernel;
    for n in 0..x[0] {
        for row in 0..oh {
            for column in 0..ow {
                for out in 0..o {
                    let group = out / group_o;
                    for i in 0..kh {
                        for j in 0..kw {
                            let iy = row * window.stride[0] + i * window.dilation[0];
                            let ix = column * window.stride[1] + j * window.dilation[1];
                            if iy < window.padding[0] || ix < window.padding[1] {
                                continue;
                            }
                            let (iy, ix) = (iy - window.padding[0], ix - window.padding[1]);
                            if iy >= h || ix >= w {
                                continue;
                            }
                            for k in 0..group_c {
                                visit(
                                    ((n * h + iy) * w + ix) * c + group * group_c + k,
                                    ((i * kw + j) * group_c + k) * o + out,
                                    ((n * oh + row) * ow + column) * o + out,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `y[n, oh, ow, o] = Σ_{kh, kw, c} x[n, oh·s − p + kh·d, ow·s − p + kw·d, c] · weight[kh, kw, c, o]`
pub fn forward(x: &Array, weight: &Array, window: Window, groups: usize) -> Array {
    let [oh, ow] = window
        .output([x.dims()[1], x.dims()[2]])
        .expect("a window that fits");
    let mut y = Array::zeros([x.dims()[0], oh, ow, weight.dims()[3]]);
    let dims = y.dims().to_vec();
    products(x.dims(), &dims, window, groups, |ix, iw, iy| {
        y.data[iy] += x.data[ix] * weight.data[iw];
    });
    y
}

/// `dx[ix] = Σ dy[iy] · weight[iw]` over all products of the forward pass
pub fn backward_x(
    dy: &Array,
    weight: &Array,
    input: &Shape,
    window: Window,
    groups: usize,
) -> Array {
    let mut dx = Array::zeros(input.clone());
    products(input.dims(), dy.dims(), window, groups, |ix, iw, iy| {
        dx.data[ix] += dy.data[iy] * weight.data[iw];
    });
    dx
}

/// `dweight[iw] = Σ x[ix] · dy[iy]` over all products of the forward pass
pub fn backward_weight(x: &Array, dy: &Array, window: Window, groups: usize) -> Array {
    let [kh, kw] = window.kernel;
    let mut dweight = Array::zeros([kh, kw, x.dims()[3] / groups, dy.dims()[3]]);
    products(x.dims(), dy.dims(), window, groups, |ix, iw, iy| {
        dweight.data[iw] += x.data[ix] * dy.data[iy];
    });
    dweight
}
