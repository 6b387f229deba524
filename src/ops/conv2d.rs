//! `y[n, oh, ow, o] = Σ x[n, ih, iw, c] · weight[kh, kw, c, o]`: two-dimensional convolution, channels-last.
//!
//! `x` is (N, H, W, C), `weight` (KH, KW, C / groups, O), `y` (N, OH, OW, O), with `ih = oh · stride − padding + kh · dilation`
//! and likewise for w, as PyTorch's `conv2d` (which stores the weight as (O, C / groups, KH, KW)). The kernels are implicit
//! matrix products: nothing is unrolled in memory.

mod cases;
mod ways;

use crate::graph::{
    Array, Gradient, Lowering, Op, Shape, ShapeError, Tape, Target, TensorType, Window,
};
use crate::reference;

pub use cases::cases;
use ways::Extents;

/// Convolution and its two gradients.
#[derive(Clone, Debug)]
pub enum Conv2d {
    /// `x, weight` → `y`.
    Forward {
        /// Kernel extents, stride, padding, dilation.
        window: Window,
        /// Groups of channels that do not see each other.
        groups: usize,
    },
    /// `dy, weight` → `dx`.
    BackwardX {
        /// Kernel extents, stride, padding, dilation.
        window: Window,
        /// Groups of channels that do not see each other.
        groups: usize,
        /// The shape of `x`.
        input: Shape,
    },
    /// `x, dy` → `dweight`.
    BackwardWeight {
        /// Kernel extents, stride, padding, dilation.
        window: Window,
        /// Groups of channels that do not see each other.
        groups: usize,
    },
}

impl Conv2d {
    fn window(&self) -> (Window, usize) {
        match self {
            Self::Forward { window, groups }
            | Self::BackwardX { window, groups, .. }
            | Self::BackwardWeight { window, groups } => (*window, *groups),
        }
    }
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::BackwardX { .. } => "backward_x",
            Self::BackwardWeight { .. } => "backward_weight",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let (window, groups) = self.window();
        let (first, second) = (&inputs[0].shape, &inputs[1].shape);
        let (&[n, h, w, c], &[kh, kw, group_c, o]) = (first.dims(), second.dims()) else {
            return Err(ShapeError::new(format!(
                "conv2d of {first} and {second}: x must be (N, H, W, C) and the weight (KH, KW, C / groups, O)"
            )));
        };
        match self {
            Self::Forward { .. } => {
                if [kh, kw] != window.kernel || group_c * groups != c || o % groups != 0 {
                    return Err(ShapeError::new(format!(
                        "conv2d of {first} and weight {second} in {groups} group(s): the weight must be ({}, {}, {c} / {groups}, O) with both channel extents divisible by the groups",
                        window.kernel[0], window.kernel[1]
                    )));
                }
                let [oh, ow] = window.output([h, w])?;
                let output = Shape::from([n, oh, ow, o]);
                let worst = Extents::new(first, &output, window, groups).worst_trips();
                if worst >= crate::graph::op::MAX_LOOP_TRIPS {
                    return Err(ShapeError::new(format!(
                        "conv2d of {first} and weight {second}: a sum over {kh} × {kw} taps and {} channels, or over {ow} columns, is longer than a kernel may loop",
                        c.max(o) / groups
                    )));
                }
                Ok(vec![TensorType::f32(output)])
            }
            Self::BackwardX { input, .. } => Ok(vec![TensorType::f32(input.clone())]),
            // Here the operands are x (N, H, W, C) and dy (N, OH, OW, O).
            Self::BackwardWeight { .. } => Ok(vec![TensorType::f32([
                window.kernel[0],
                window.kernel[1],
                c / groups,
                o,
            ])]),
        }
    }

    fn lower(
        &self,
        inputs: &[TensorType],
        outputs: &[TensorType],
        target: &Target,
    ) -> Vec<Lowering> {
        let (window, groups) = self.window();
        let mut ways = match self {
            Self::Forward { .. } => {
                Extents::new(&inputs[0].shape, &outputs[0].shape, window, groups).forward(target)
            }
            Self::BackwardX { .. } => {
                Extents::new(&outputs[0].shape, &inputs[0].shape, window, groups).backward_x(target)
            }
            Self::BackwardWeight { .. } => {
                Extents::new(&inputs[0].shape, &inputs[1].shape, window, groups)
                    .backward_weight(target)
            }
        };
        // What a subgroup would loop too long for, the kernels for any adapter can.
        ways.retain(Lowering::ends);
        ways
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { window, groups } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None, None]);
        };
        let (x, weight) = (tape.inputs[0], tape.inputs[1]);
        let input = tape.graph.shape(x).clone();
        let dx = tape.wanted[0].then(|| {
            tape.graph.one(
                Self::BackwardX {
                    window,
                    groups,
                    input,
                },
                &[dy, weight],
            )
        });
        let dweight = tape.wanted[1].then(|| {
            tape.graph
                .one(Self::BackwardWeight { window, groups }, &[x, dy])
        });
        Gradient::Of(vec![dx, dweight])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (window, groups) = self.window();
        vec![match self {
            Self::Forward { .. } => {
                reference::conv2d::forward(&inputs[0], &inputs[1], window, groups)
            }
            Self::BackwardX { input, .. } => {
                reference::conv2d::backward_x(&inputs[0], &inputs[1], input, window, groups)
            }
            Self::BackwardWeight { .. } => {
                reference::conv2d::backward_weight(&inputs[0], &inputs[1], window, groups)
            }
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::op::MAX_LOOP_TRIPS;

    /// The longest invocation of the three passes over `x` with `o` filters.
    fn longest(x: [usize; 4], o: usize, window: Window, groups: usize) -> usize {
        let [kh, kw] = window.kernel;
        let types = [
            TensorType::f32(x),
            TensorType::f32([kh, kw, x[3] / groups, o]),
        ];
        let y = Conv2d::Forward { window, groups }.infer(&types).unwrap();
        let extents = Extents::new(&types[0].shape, &y[0].shape, window, groups);
        [
            extents.forward(&Target::FLOOR),
            extents.backward_x(&Target::FLOOR),
            extents.backward_weight(&Target::FLOOR),
        ]
        .iter()
        .flatten()
        .flat_map(|lowering| match lowering {
            Lowering::Kernels { dispatches, .. } => dispatches,
            Lowering::View => unreachable!("a convolution computes"),
        })
        .map(|dispatch| dispatch.loop_trips)
        .max()
        .unwrap()
    }

    #[test]
    fn what_is_not_refused_loops_less_than_any_driver_leaves_out() {
        let plain = |kernel| Window::new(kernel);
        let list: &[([usize; 4], usize, Window, usize)] = &[
            // Wide images, many channels, and sums over so many rows that their parts are added up in stages.
            ([1, 3, 2800, 1], 32, plain([3, 3]), 1),
            ([32, 1, 59_000, 1], 32, plain([1, 9]), 1),
            ([32, 1, 20_000, 16], 16, plain([1, 3]), 1),
            ([65_536, 64, 64, 3], 32, plain([3, 3]), 1),
            ([65_536, 32, 32, 1], 8, plain([5, 5]), 1),
            ([1, 1, 1, 8880], 8880, plain([1, 1]), 1),
            ([1, 9, 9, 4096], 4096, plain([3, 3]), 4096),
        ];
        for &(x, o, window, groups) in list {
            let trips = longest(x, o, window, groups);
            assert!(trips < MAX_LOOP_TRIPS, "{x:?}, {o} filters: {trips}");
        }
        let refused = Conv2d::Forward {
            window: plain([1, 3]),
            groups: 1,
        }
        .infer(&[
            TensorType::f32([1, 1, 60_000, 1]),
            TensorType::f32([1, 3, 1, 4]),
        ]);
        assert!(refused.is_err(), "{refused:?}");
    }
}
