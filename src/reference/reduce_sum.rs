//! `y = scale · Σ x` over neighbouring axes.

use std::ops::Range;

use crate::graph::{Array, Shape};

/// `y[outer, inner] = scale · Σ_r x[outer, r, inner]`, the summed axes gone (a full sum has shape (1)).
pub fn forward(x: &Array, axes: Range<usize>, scale: f64) -> Array {
    let dims = x.dims();
    let outer: usize = dims[..axes.start].iter().product();
    let reduced: usize = dims[axes.start..axes.end].iter().product();
    let inner: usize = dims[axes.end..].iter().product();
    let mut y = vec![0.0; outer * inner];
    for o in 0..outer {
        for r in 0..reduced {
            for i in 0..inner {
                y[o * inner + i] += scale * x.data[(o * reduced + r) * inner + i];
            }
        }
    }
    let mut left = [&dims[..axes.start], &dims[axes.end..]].concat();
    if left.is_empty() {
        left.push(1);
    }
    Array::new(left, y)
}

/// `dx[outer, r, inner] = scale · dy[outer, inner]`
pub fn backward(dy: &Array, input: &Shape, axes: Range<usize>, scale: f64) -> Array {
    let dims = input.dims();
    let outer: usize = dims[..axes.start].iter().product();
    let reduced: usize = dims[axes.start..axes.end].iter().product();
    let inner: usize = dims[axes.end..].iter().product();
    let mut dx = Array::zeros(input.clone());
    for o in 0..outer {
        for r in 0..reduced {
            for i in 0..inner {
                dx.data[(o * reduced + r) * inner + i] = scale * dy.data[o * inner + i];
            }
        }
    }
    dx
}
