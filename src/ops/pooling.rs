//! What maxima and means over sliding windows have in common.

use crate::graph::{Constant, Shape, ShapeError, TensorType, Window};

/// One invocation spends at most this many loop iterations.
const MAX_TRIPS: usize = 50_000;

/// Kernel, stride and dilation are at most this, so that sums and products of them stay small.
const MAX_ATTRIBUTE: usize = 65_535;

/// The extents of images `(N, H, W, C)` and of the windows over them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extents {
    /// Images, height, width, channels of `x`.
    pub(super) x: [usize; 4],
    /// Height and width of `y`.
    pub(super) y: [usize; 2],
}

impl Extents {
    /// The extents of windows over `x`, or why there are none.
    pub(super) fn of(op: &str, x: &Shape, window: &Window) -> Result<Self, ShapeError> {
        let refuse = |why: &str| Err(ShapeError::new(format!("{op} of {x}: {why}")));
        let &[n, h, w, c] = x.dims() else {
            return refuse("the input must have four axes: images, height, width, channels");
        };
        let attributes = [window.kernel, window.stride, window.dilation].concat();
        if !attributes
            .iter()
            .all(|attribute| (1..=MAX_ATTRIBUTE).contains(attribute))
        {
            return refuse("kernel, stride and dilation must be from 1 to 65535");
        }
        for axis in 0..2 {
            let reach = reach(window, axis);
            if window.padding[axis] > reach / 2 {
                return refuse(&format!(
                    "a padding of {} is more than half of the window's extent of {reach}",
                    window.padding[axis]
                ));
            }
        }
        let y = window
            .output([h, w])
            .map_err(|error| ShapeError::new(format!("{op} of {x}: {error}")))?;
        let extents = Self { x: [n, h, w, c], y };
        if extents
            .forward_trips(window)
            .max(extents.backward_trips(window))
            > MAX_TRIPS
        {
            return refuse(&format!(
                "a window of {} × {} (dilation {} × {}) is too large for one invocation; reduce the image with strides first, or \
                 take the mean over all of it",
                window.kernel[0], window.kernel[1], window.dilation[0], window.dilation[1],
            ));
        }
        for axis in 0..2 {
            let input = [h, w][axis];
            let touches = |window_index: usize| {
                (0..window.kernel[axis]).any(|tap| {
                    let place = window_index * window.stride[axis] + tap * window.dilation[axis];
                    place >= window.padding[axis] && place < input + window.padding[axis]
                })
            };
            // Only the outermost windows can lie in the padding; with dilation, between the pixels of a narrow image, any can.
            if !(0..y[axis]).all(touches) {
                return refuse(&format!(
                    "a window of {} taps (dilation {}, padding {}) holds no pixel of {input}",
                    window.kernel[axis], window.dilation[axis], window.padding[axis]
                ));
            }
        }
        Ok(extents)
    }

    /// The type of `y`.
    pub(super) fn output(&self) -> TensorType {
        TensorType::f32([self.x[0], self.y[0], self.y[1], self.x[3]])
    }

    /// How many channels an invocation computes: 4 where they come in whole `vec4`s, else 1.
    pub(super) fn lanes(&self) -> usize {
        if self.x[3].is_multiple_of(4) { 4 } else { 1 }
    }

    /// Loop iterations of one invocation over the taps of a window.
    pub(super) fn forward_trips(&self, window: &Window) -> usize {
        window.kernel[0] * (window.kernel[1] + 1)
    }

    /// Loop iterations of one invocation over the windows that may hold a pixel.
    pub(super) fn backward_trips(&self, window: &Window) -> usize {
        let candidates = |axis| reach(window, axis).div_ceil(window.stride[axis]);
        candidates(0) * (candidates(1) + 1)
    }

    /// The shader constants, all but the dilation.
    pub(super) fn constants(&self, window: &Window) -> Vec<(&'static str, Constant)> {
        vec![
            ("N", self.x[0].into()),
            ("H", self.x[1].into()),
            ("W", self.x[2].into()),
            ("C", self.x[3].into()),
            ("OH", self.y[0].into()),
            ("OW", self.y[1].into()),
            ("KH", window.kernel[0].into()),
            ("KW", window.kernel[1].into()),
            ("SH", window.stride[0].into()),
            ("SW", window.stride[1].into()),
            ("PH", window.padding[0].into()),
            ("PW", window.padding[1].into()),
        ]
    }
}

/// Pixels from the first tap of a window to its last, both counted.
fn reach(window: &Window, axis: usize) -> usize {
    window.dilation[axis] * (window.kernel[axis] - 1) + 1
}

/// Input extents and windows that prove a pooling without dilation: no overlap, overlap, gaps, padding, ragged edges, one pixel, a
/// window as large as the image, axes that differ in everything; channels with and without `vec4`s.
pub(super) fn cases() -> Vec<([usize; 4], Window)> {
    let window = |kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]| Window {
        kernel,
        stride,
        padding,
        dilation: [1, 1],
    };
    vec![
        ([1, 1, 1, 1], window([1, 1], [1, 1], [0, 0])),
        ([2, 4, 4, 3], window([2, 2], [2, 2], [0, 0])),
        ([2, 5, 7, 4], window([2, 2], [2, 2], [0, 0])),
        ([1, 7, 7, 5], window([3, 3], [2, 2], [1, 1])),
        ([3, 8, 9, 8], window([3, 3], [2, 2], [1, 1])),
        ([2, 6, 5, 12], window([3, 2], [1, 1], [1, 0])),
        ([2, 11, 13, 4], window([2, 3], [3, 4], [0, 1])),
        ([3, 7, 7, 20], window([7, 7], [1, 1], [0, 0])),
        ([2, 3, 3, 1], window([3, 3], [3, 3], [1, 1])),
        ([5, 17, 19, 8], window([2, 2], [2, 2], [0, 0])),
        ([2, 5, 7, 3], window([2, 2], [2, 2], [0, 0])),
        ([2, 6, 5, 3], window([3, 2], [1, 1], [1, 0])),
        ([2, 11, 13, 5], window([2, 3], [3, 4], [0, 1])),
        ([2, 8, 9, 6], window([3, 5], [1, 2], [1, 2])),
        ([2, 9, 8, 4], window([5, 3], [2, 1], [2, 1])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_make_no_sense_are_refused_with_the_reason() {
        let good = Window::new([2, 2]);
        let image = Shape::from([1, 8, 8, 4]);
        let refusals: &[(Shape, Window, &str)] = &[
            (Shape::from([8, 8, 4]), good, "four axes"),
            (
                image.clone(),
                Window {
                    kernel: [0, 2],
                    ..good
                },
                "from 1 to 65535",
            ),
            (
                image.clone(),
                Window {
                    stride: [2, 0],
                    ..good
                },
                "from 1 to 65535",
            ),
            (
                image.clone(),
                Window {
                    dilation: [0, 1],
                    ..good
                },
                "from 1 to 65535",
            ),
            (
                image.clone(),
                Window {
                    padding: [0, 2],
                    ..good
                },
                "more than half",
            ),
            (image.clone(), Window::new([9, 2]), "does not fit"),
            (
                Shape::from([1, 300, 300, 1]),
                Window::new([300, 300]),
                "too large",
            ),
            (
                Shape::from([1, 1, 8, 4]),
                Window {
                    padding: [2, 0],
                    dilation: [3, 1],
                    ..good
                },
                "holds no pixel",
            ),
        ];
        for (shape, window, why) in refusals {
            let error = Extents::of("max_pool2d", shape, window).unwrap_err();
            assert!(error.0.contains(why), "{error}");
        }
        assert_eq!(Extents::of("max_pool2d", &image, &good).unwrap().y, [7, 7]);
    }
}
