//! `y = mean x` over windows that cover images.

use super::adaptive::{self, Extents};
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, Shape, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// Mean over windows of (N, H, W, C) that make an image of a given size of any other, as PyTorch's.
#[derive(Clone, Debug)]
pub enum AdaptiveAvgPool2d {
    /// `x` → `y`.
    Forward {
        /// Height and width of `y`.
        size: [usize; 2],
    },
    /// `dy` → `dx`.
    Backward {
        /// Height and width of `y`.
        size: [usize; 2],
        /// The shape of `x`.
        input: Shape,
    },
}

const NAME: &str = "adaptive_avg_pool2d";

impl Op for AdaptiveAvgPool2d {
    fn name(&self) -> &'static str {
        NAME
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match self {
            Self::Forward { size } => {
                let extents = Extents::of(NAME, &inputs[0].shape, *size)?;
                Ok(vec![TensorType::f32(extents.output())])
            }
            Self::Backward { input, .. } => Ok(vec![TensorType::f32(input.clone())]),
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (size, input) = match self {
            Self::Forward { size } => (*size, &inputs[0].shape),
            Self::Backward { size, input } => (*size, input),
        };
        let extents = Extents::of(NAME, input, size).expect("the shapes were inferred");
        let (operands, loop_trips) = match self {
            Self::Forward { .. } => (
                vec![Operand::Input(0), Operand::Output(0)],
                extents.forward_trips(),
            ),
            Self::Backward { .. } => (
                vec![Operand::Input(0), Operand::Output(0)],
                extents.backward_trips(),
            ),
        };
        let elements = outputs[0].elements();
        vec![Lowering::one(Dispatch {
            shader: NAME,
            entry: self.pass(),
            constants: extents.constants(),
            operands,
            invocations: elements / extents.lanes(),
            loop_trips,
            flops: (elements * loop_trips) as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { size } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let input = tape.graph.shape(tape.inputs[0]).clone();
        let backward = Self::Backward { size, input };
        let dx = tape.dy[0].map(|dy| tape.graph.one(backward, &[dy]));
        Gradient::Of(vec![dx])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Forward { size } => reference::adaptive_avg_pool2d::forward(&inputs[0], *size),
            Self::Backward { input, .. } => {
                reference::adaptive_avg_pool2d::backward(&inputs[0], input)
            }
        }]
    }
}

/// All kinds of windows; channels with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    let cases = adaptive::cases().into_iter();
    cases
        .map(|(shape, size)| {
            let x = CaseInput::normal(shape);
            Case::new(AdaptiveAvgPool2d::Forward { size }, vec![x])
        })
        .collect()
}
