//! What means and maxima have in common over windows that cover images (`shaders/lib/adaptive.wgsl`).

use crate::graph::{Constant, Shape, ShapeError};

/// One invocation spends at most this many loop iterations.
const MAX_TRIPS: usize = 50_000;

/// Extents are at most this, so that products of two fit 32 bits.
const MAX_EXTENT: usize = 65_535;

/// The extents of images (N, H, W, C) and of what the windows leave of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extents {
    x: [usize; 4],
    y: [usize; 2],
}

impl Extents {
    /// The extents of windows over `x`, or why there are none.
    pub(super) fn of(op: &str, x: &Shape, y: [usize; 2]) -> Result<Self, ShapeError> {
        let refuse = |why: String| Err(ShapeError::new(format!("{op} of {x}: {why}")));
        let &[n, h, w, c] = x.dims() else {
            return refuse("the input must have four axes: images, height, width, channels".into());
        };
        if ![h, w, y[0], y[1]]
            .iter()
            .all(|extent| (1..=MAX_EXTENT).contains(extent))
        {
            return refuse(format!("extents must be from 1 to {MAX_EXTENT}"));
        }
        let extents = Self { x: [n, h, w, c], y };
        if extents.forward_trips().max(extents.backward_trips()) > MAX_TRIPS {
            return refuse(format!(
                "a window that makes {} × {} of it is too large for one invocation; reduce the image with strides first",
                y[0], y[1]
            ));
        }
        Ok(extents)
    }

    /// The shape of `y`.
    pub(super) fn output(&self) -> Shape {
        Shape::from([self.x[0], self.y[0], self.y[1], self.x[3]])
    }

    /// How many channels an invocation computes.
    pub(super) fn lanes(&self) -> usize {
        if self.x[3].is_multiple_of(4) { 4 } else { 1 }
    }

    /// Loop iterations of one invocation over the pixels of a window.
    pub(super) fn forward_trips(&self) -> usize {
        let most = |axis: usize| self.x[1 + axis].div_ceil(self.y[axis]) + 1;
        most(0) * (most(1) + 1)
    }

    /// Loop iterations of one invocation over the windows that hold a pixel.
    pub(super) fn backward_trips(&self) -> usize {
        let most = |axis: usize| self.y[axis].div_ceil(self.x[1 + axis]) + 1;
        most(0) * (most(1) + 1)
    }

    pub(super) fn constants(&self) -> Vec<(&'static str, Constant)> {
        let [n, h, w, c] = self.x;
        vec![
            ("N", n.into()),
            ("H", h.into()),
            ("W", w.into()),
            ("C", c.into()),
            ("OH", self.y[0].into()),
            ("OW", self.y[1].into()),
            ("VEC4", (self.lanes() == 4).into()),
        ]
    }
}

/// Input extents and sizes that prove it: one window, windows that divide the image and that overlap, more windows than pixels, as
/// many; channels with and without `vec4`s.
pub(super) fn cases() -> Vec<([usize; 4], [usize; 2])> {
    vec![
        ([2, 5, 7, 3], [1, 1]),
        ([3, 4, 6, 4], [2, 3]),
        ([2, 7, 5, 5], [3, 2]),
        ([2, 11, 9, 8], [4, 7]),
        ([1, 3, 2, 4], [5, 3]),
        ([5, 2, 3, 2], [2, 7]),
        ([3, 13, 17, 12], [5, 6]),
        ([2, 6, 6, 1], [6, 6]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_cannot_cover_is_refused() {
        let of = |dims: &[usize], y| Extents::of("adaptive", &Shape::new(dims), y);
        for (dims, y, why) in [
            (&[4, 4, 3][..], [1, 1], "four axes"),
            (&[1, 4, 4, 3], [0, 1], "from 1 to"),
            (&[1, 70_000, 1, 3], [2, 1], "from 1 to"),
            (&[1, 300, 300, 3], [1, 1], "too large"),
        ] {
            let error = of(dims, y).unwrap_err();
            assert!(error.0.contains(why), "{error}");
        }
    }
}
