//! `y = mean x` over sliding windows of images.

use std::sync::Arc;

use super::pooling::{self, Extents};
use super::sigmoid::Sigmoid;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fused, Fusion, Gradient, Lowering, Op, Operand,
    Shape, ShapeError, Tape, Target, TensorType, Window,
};
use crate::reference;

/// Mean over windows of (N, H, W, C), the zeros of the padding counted (PyTorch's default, `count_include_pad`).
#[derive(Clone, Debug)]
pub enum AvgPool2d {
    /// `x` → `y`.
    Forward {
        /// The windows, without dilation.
        window: Window,
    },
    /// `dy` → `dx`.
    Backward {
        /// The windows, without dilation.
        window: Window,
        /// The shape of `x`.
        input: Shape,
    },
}

impl Op for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
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
                if window.dilation != [1, 1] {
                    return Err(ShapeError::new(format!(
                        "avg_pool2d of {}: a mean has no dilation, leave it at 1",
                        inputs[0].shape
                    )));
                }
                Ok(vec![
                    Extents::of("avg_pool2d", &inputs[0].shape, window)?.output(),
                ])
            }
            Self::Backward { input, .. } => Ok(vec![TensorType::f32(input.clone())]),
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (window, input) = match self {
            Self::Forward { window } => (window, &inputs[0].shape),
            Self::Backward { window, input } => (window, input),
        };
        let extents = Extents::of("avg_pool2d", input, window).expect("the shapes were inferred");
        let lanes = extents.lanes();
        let (entry, loop_trips) = match self {
            Self::Forward { .. } => (["forward", "forward_vec4"], extents.forward_trips(window)),
            Self::Backward { .. } => (
                ["backward", "backward_vec4"],
                extents.backward_trips(window),
            ),
        };
        let taps = window.kernel[0] * window.kernel[1];
        vec![Lowering::one(Dispatch {
            shader: "avg_pool2d",
            entry: entry[usize::from(lanes == 4)],
            constants: extents.constants(window),
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: outputs[0].elements() / lanes,
            loop_trips,
            flops: (extents.output().elements() * taps) as u64,
            fusion: Fusion::host(lanes == 4),
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
                        &[dy],
                    )
                })])
            }
            Self::Backward { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Forward { window } => reference::avg_pool2d::forward(&inputs[0], window),
            Self::Backward { window, input } => {
                reference::avg_pool2d::backward(&inputs[0], input, window)
            }
        }]
    }
}

/// All kinds of windows; channels with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    pooling::cases()
        .into_iter()
        .map(|(shape, window)| {
            Case::new(
                AvgPool2d::Forward { window },
                vec![CaseInput::normal(shape)],
            )
        })
        .chain(fused_cases())
        .collect()
}

/// Pools with epilogues.
fn fused_cases() -> [Case; 2] {
    let (shape, window) = ([2, 7, 9, 12], Window::new([3, 2]));
    let forward = Fused::new(Arc::new(AvgPool2d::Forward { window }), 1);
    let input = Shape::from(shape);
    let backward = Fused::new(Arc::new(AvgPool2d::Backward { window, input }), 1);
    [
        Case::new(
            forward.then(Arc::new(Sigmoid::Forward), 1, 0),
            vec![CaseInput::normal(shape)],
        ),
        Case::new(
            backward.then(Arc::new(Sigmoid::Backward), 2, 1),
            vec![
                CaseInput::normal([2, 5, 8, 12]),
                CaseInput::floats(shape, Domain::Positive),
            ],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dilated_mean_is_refused() {
        let mut window = Window::new([2, 2]);
        window.dilation = [1, 2];
        let error = AvgPool2d::Forward { window }.infer(&[TensorType::f32([1, 8, 8, 4])]);
        assert!(error.unwrap_err().0.contains("no dilation"));
    }
}
