//! `y[n, oh, ow, c] = Σ x[n, ih, iw, c] · weight[kh, kw, 0, c]`: a convolution in which every channel has a filter of its own.

use super::reduce_sum;
use crate::graph::{
    Array, Case, CaseInput, Constant, Dispatch, Fusion, Gradient, Lowering, Op, Operand, Shape,
    ShapeError, Tape, Target, TensorType, Window, op::MAX_LOOP_TRIPS,
};
use crate::reference;

/// PyTorch's `conv2d` with as many groups as channels, and as many filters: (N, H, W, C) and (KH, KW, 1, C) → (N, OH, OW, C), for
/// channels in whole `vec4`s. It is the same as [`super::conv2d::Conv2d`] in these groups, without its detours.
#[derive(Clone, Debug)]
pub enum DepthwiseConv2d {
    /// `x, weight` → `y`.
    Forward {
        /// Kernel extents, stride, padding, dilation.
        window: Window,
    },
    /// `dy, weight` → `dx`.
    BackwardX {
        /// Kernel extents, stride, padding, dilation.
        window: Window,
        /// The shape of `x`.
        input: Shape,
    },
    /// `x, dy` → `dweight`.
    BackwardWeight {
        /// Kernel extents, stride, padding, dilation.
        window: Window,
    },
}

/// Pixels of dy that an invocation of the weight's gradient goes through, about.
const WANTED: usize = 512;

impl DepthwiseConv2d {
    fn window(&self) -> Window {
        match self {
            Self::Forward { window }
            | Self::BackwardX { window, .. }
            | Self::BackwardWeight { window } => *window,
        }
    }
}

/// Whether this is the op for a convolution of (N, H, W, C), with so many filters in so many groups.
pub fn fits(channels: usize, filters: usize, groups: usize) -> bool {
    groups == channels && filters == channels && channels.is_multiple_of(4)
}

/// The extents of one convolution: `x` (N, H, W, C) and `y` (N, OH, OW, C).
struct Extents {
    x: [usize; 4],
    y: [usize; 2],
    window: Window,
}

impl Extents {
    fn new(x: &Shape, window: Window) -> Result<Self, ShapeError> {
        let &[n, h, w, c] = x.dims() else {
            return Err(ShapeError::new(format!(
                "depthwise_conv2d of {x}: the input must be (N, H, W, C)"
            )));
        };
        Ok(Self {
            x: [n, h, w, c],
            y: window.output([h, w])?,
            window,
        })
    }

    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Rows of dy that an invocation of the weight's gradient adds up.
    fn rows(&self) -> usize {
        (WANTED / self.y[1]).clamp(1, self.x[0] * self.y[0])
    }

    /// The longest invocation of the three passes.
    fn worst_trips(&self) -> usize {
        let walk = self.window.kernel[0] * (self.window.kernel[1] + 1);
        walk.max(self.rows() * (self.y[1] + 1))
    }

    fn constants(&self) -> Vec<(&'static str, Constant)> {
        let Self { x, y, window } = self;
        vec![
            ("N", x[0].into()),
            ("H", x[1].into()),
            ("W", x[2].into()),
            ("C", x[3].into()),
            ("OH", y[0].into()),
            ("OW", y[1].into()),
            ("KH", window.kernel[0].into()),
            ("KW", window.kernel[1].into()),
            ("SH", window.stride[0].into()),
            ("SW", window.stride[1].into()),
            ("PH", window.padding[0].into()),
            ("PW", window.padding[1].into()),
            ("DH", window.dilation[0].into()),
            ("DW", window.dilation[1].into()),
        ]
    }

    /// A kernel whose invocations each compute a `vec4` of an output of so many elements.
    fn dispatch(&self, entry: &'static str, elements: usize, third: Operand) -> Dispatch {
        let [n, _, _, c] = self.x;
        Dispatch {
            shader: "depthwise_conv2d",
            entry,
            constants: self.constants(),
            operands: vec![Operand::Input(0), Operand::Input(1), third],
            invocations: elements / 4,
            loop_trips: self.window.kernel[0] * (self.window.kernel[1] + 1),
            flops: 2 * (n * self.y[0] * self.y[1] * c * self.taps()) as u64,
            fusion: Fusion::host(true),
        }
    }

    fn backward_weight(&self) -> Lowering {
        let [n, _, _, c] = self.x;
        let rows = self.rows();
        let parts = (n * self.y[0]).div_ceil(rows);
        let elements = self.taps() * c;
        reduce_sum::of_planes(parts, elements, |to| {
            let mut dispatch = self.dispatch("backward_weight", parts * elements, to);
            dispatch.constants.push(("ROWS", rows.into()));
            dispatch.loop_trips = rows * (self.y[1] + 1);
            dispatch.fusion = Fusion::None;
            dispatch
        })
    }
}

impl Op for DepthwiseConv2d {
    fn name(&self) -> &'static str {
        "depthwise_conv2d"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::BackwardX { .. } => "backward_x",
            Self::BackwardWeight { .. } => "backward_weight",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let window = self.window();
        let [kh, kw] = window.kernel;
        match self {
            Self::Forward { .. } => {
                let (x, weight) = (&inputs[0].shape, &inputs[1].shape);
                let extents = Extents::new(x, window)?;
                let [n, _, _, c] = extents.x;
                if *weight != Shape::from([kh, kw, 1, c]) || !c.is_multiple_of(4) {
                    return Err(ShapeError::new(format!(
                        "depthwise_conv2d of {x} and weight {weight}: the weight must be ({kh}, {kw}, 1, {c}), and the channels divisible by 4"
                    )));
                }
                if extents.worst_trips() >= MAX_LOOP_TRIPS {
                    return Err(ShapeError::new(format!(
                        "depthwise_conv2d of {x} and weight {weight}: a sum over {kh} × {kw} taps, or over {} columns, is longer than a kernel may loop",
                        extents.y[1]
                    )));
                }
                let [oh, ow] = extents.y;
                Ok(vec![TensorType::f32([n, oh, ow, c])])
            }
            Self::BackwardX { input, .. } => Ok(vec![TensorType::f32(input.clone())]),
            Self::BackwardWeight { .. } => {
                let c = inputs[0].shape.dims()[3];
                Ok(vec![TensorType::f32([kh, kw, 1, c])])
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let x = match self {
            Self::BackwardX { input, .. } => input,
            Self::Forward { .. } | Self::BackwardWeight { .. } => &inputs[0].shape,
        };
        let extents = Extents::new(x, self.window()).expect("the shapes were inferred");
        let elements = outputs[0].elements();
        vec![match self {
            Self::Forward { .. } => {
                Lowering::one(extents.dispatch("forward", elements, Operand::Output(0)))
            }
            Self::BackwardX { .. } => {
                Lowering::one(extents.dispatch("backward_x", elements, Operand::Output(0)))
            }
            Self::BackwardWeight { .. } => extents.backward_weight(),
        }]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { window } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None, None]);
        };
        let (x, weight) = (tape.inputs[0], tape.inputs[1]);
        let input = tape.graph.shape(x).clone();
        let dx = tape.wanted[0].then(|| {
            let op = Self::BackwardX { window, input };
            tape.graph.one(op, &[dy, weight])
        });
        let dweight = tape.wanted[1].then(|| {
            let op = Self::BackwardWeight { window };
            tape.graph.one(op, &[x, dy])
        });
        Gradient::Of(vec![dx, dweight])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (a, b) = (&inputs[0], &inputs[1]);
        vec![match self {
            Self::Forward { window } => reference::depthwise_conv2d::forward(a, b, *window),
            Self::BackwardX { window, input } => {
                reference::depthwise_conv2d::backward_x(a, b, input, *window)
            }
            Self::BackwardWeight { window } => {
                reference::depthwise_conv2d::backward_weight(a, b, *window)
            }
        }]
    }
}

/// One pixel to many; every attribute alone and together, axes that differ in everything; one part of the weight's gradient and
/// many.
pub fn cases() -> Vec<Case> {
    let case = |(x, window): ([usize; 4], Window)| {
        let weight = [window.kernel[0], window.kernel[1], 1, x[3]];
        Case::new(
            DepthwiseConv2d::Forward { window },
            vec![CaseInput::normal(x), CaseInput::normal(weight)],
        )
    };
    images().map(case).to_vec()
}

/// The images of the cases, and the windows over them.
fn images() -> [([usize; 4], Window); 9] {
    let all = |kernel, stride, padding, dilation| Window {
        kernel,
        stride,
        padding,
        dilation,
    };
    [
        ([1, 1, 1, 4], Window::new([1, 1])),
        ([2, 5, 7, 8], Window::new([3, 3])),
        ([3, 7, 5, 12], all([3, 3], [1, 1], [1, 1], [1, 1])),
        ([2, 9, 9, 4], all([3, 3], [2, 2], [1, 1], [1, 1])),
        ([1, 13, 11, 20], all([5, 3], [1, 2], [2, 0], [1, 1])),
        ([2, 10, 9, 4], all([3, 2], [2, 1], [0, 1], [1, 2])),
        ([1, 15, 15, 8], all([3, 3], [3, 2], [2, 2], [3, 2])),
        ([5, 23, 29, 16], all([3, 3], [1, 1], [1, 1], [1, 1])),
        ([2, 1, 1031, 4], Window::new([1, 5])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::inputs;
    use crate::ops::conv2d::Conv2d;

    #[test]
    fn it_is_the_convolution_in_as_many_groups_as_channels() {
        for (index, (case, (_, window))) in cases().iter().zip(images()).enumerate() {
            let numbers = inputs::of_case("depthwise_conv2d", index, case);
            let groups = numbers[0].dims()[3];
            let general = Conv2d::Forward { window, groups };
            assert_eq!(
                case.op.reference(&numbers),
                general.reference(&numbers),
                "case {index}"
            );
        }
    }
}
