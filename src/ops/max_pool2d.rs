//! `y = max x` over sliding windows of images.

use std::sync::Arc;

use super::pooling::{self, Extents};
use super::relu::Relu;
use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Domain, Fused, Fusion, Gradient, Lowering, Op,
    Operand, Shape, ShapeError, Tape, Target, TensorType, Window,
};
use crate::reference;

/// Maximum over windows of (N, H, W, C); the padding never wins.
#[derive(Clone, Debug)]
pub enum MaxPool2d {
    /// `x` → `y, indices`: the maxima, and for each the tap of the window (`kh · KW + kw`) where it first stands.
    Forward {
        /// The windows.
        window: Window,
    },
    /// `dy, indices` → `dx`: the gradient goes to the pixels that won.
    Backward {
        /// The windows.
        window: Window,
        /// The shape of `x`.
        input: Shape,
    },
}

/// Whether every pixel is in at most one window, those next to each other are side by side, and few are between two windows.
fn apart(window: &Window) -> bool {
    let axis = |axis: usize| {
        let (kernel, stride) = (window.kernel[axis], window.stride[axis]);
        kernel <= stride && stride <= 64 && window.padding[axis] == 0 && window.dilation[axis] == 1
    };
    axis(0) && axis(1)
}

impl Op for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match self {
            Self::Forward { window } => {
                let y = Extents::of("max_pool2d", &inputs[0].shape, window)?.output();
                let indices = TensorType {
                    dtype: DType::U32,
                    ..y.clone()
                };
                Ok(vec![y, indices])
            }
            Self::Backward { input, .. } => Ok(vec![TensorType::f32(input.clone())]),
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (window, input) = match self {
            Self::Forward { window } => (window, &inputs[0].shape),
            Self::Backward { window, input } => (window, input),
        };
        let extents = Extents::of("max_pool2d", input, window).expect("the shapes were inferred");
        let lanes = extents.lanes();
        let mut constants = extents.constants(window);
        constants.push(("DH", window.dilation[0].into()));
        constants.push(("DW", window.dilation[1].into()));
        let taps = window.kernel[0] * window.kernel[1];
        let (mut entry, operands, mut loop_trips) = match self {
            Self::Forward { .. } => (
                ["forward", "forward_vec4"],
                vec![Operand::Input(0), Operand::Output(0), Operand::Output(1)],
                extents.forward_trips(window),
            ),
            Self::Backward { .. } => (
                ["backward", "backward_vec4"],
                vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
                extents.backward_trips(window),
            ),
        };
        let mut invocations = outputs[0].elements() / lanes;
        let [sh, sw] = window.stride;
        if matches!(self, Self::Backward { .. }) && lanes == 4 && apart(window) {
            entry[1] = "backward_apart_vec4";
            let [n, h, w, c] = extents.x;
            invocations = n * h.div_ceil(sh) * w.div_ceil(sw) * c / 4;
            loop_trips = sh * (1 + sw);
        }
        vec![Lowering::one(Dispatch {
            shader: "max_pool2d",
            entry: entry[usize::from(lanes == 4)],
            constants,
            operands,
            invocations,
            loop_trips,
            flops: (extents.output().elements() * taps) as u64,
            fusion: Fusion::host(lanes == 4 && matches!(self, Self::Backward { .. })),
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match self {
            Self::Forward { window } => {
                let input = tape.graph.shape(tape.inputs[0]).clone();
                Gradient::Of(vec![tape.dy[0].map(|dy| {
                    tape.graph.one(
                        Self::Backward {
                            window: *window,
                            input,
                        },
                        &[dy, tape.outputs[1]],
                    )
                })])
            }
            Self::Backward { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        match self {
            Self::Forward { window } => reference::max_pool2d::forward(&inputs[0], window),
            Self::Backward { window, input } => vec![reference::max_pool2d::backward(
                &inputs[0], &inputs[1], input, window,
            )],
        }
    }
}

/// All kinds of windows, with and without dilation; channels with and without `vec4`s; equal pixels, of which the first counts.
pub fn cases() -> Vec<Case> {
    let dilated = |kernel: [usize; 2], stride: [usize; 2], padding, dilation| Window {
        kernel,
        stride,
        padding,
        dilation,
    };
    let mut list = pooling::cases();
    list.push(([2, 9, 8, 3], dilated([3, 2], [1, 2], [2, 1], [2, 3])));
    list.push(([2, 10, 9, 4], dilated([2, 3], [2, 1], [1, 0], [3, 2])));
    list.push(([3, 11, 13, 8], dilated([2, 2], [2, 2], [0, 0], [1, 1])));
    list.push(([2, 13, 9, 4], dilated([2, 1], [3, 4], [0, 0], [1, 1])));
    list.push(([2, 7, 9, 5], dilated([2, 2], [1, 1], [1, 1], [1, 3])));
    let distinct = list.into_iter().map(|case| (case, Domain::Distinct));
    let tied = [
        ([2, 7, 9, 3], dilated([3, 2], [2, 1], [1, 1], [1, 1])),
        ([2, 9, 7, 4], dilated([2, 3], [1, 2], [1, 1], [1, 1])),
    ]
    .map(|case| (case, Domain::Tied));
    distinct
        .chain(tied)
        .map(|((shape, window), domain)| {
            Case::new(
                MaxPool2d::Forward { window },
                vec![CaseInput::floats(shape, domain)],
            )
        })
        .chain([fused_case()])
        .collect()
}

/// The gradient with the derivative of what comes before the pool.
fn fused_case() -> Case {
    let (shape, window) = ([2, 7, 9, 12], Window::new([3, 2]));
    let input = Shape::from(shape);
    let backward = Fused::new(Arc::new(MaxPool2d::Backward { window, input }), 2);
    Case::new(
        backward.then(Arc::new(Relu::Backward), 2, 1),
        vec![
            CaseInput::normal([2, 5, 8, 12]),
            CaseInput::below([2, 5, 8, 12], 6),
            CaseInput::floats(shape, Domain::AwayFromZero),
        ],
    )
}
