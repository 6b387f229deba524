//! Recurrent units over a whole sequence, as PyTorch's RNN: `y[t] = f(x[t] + weight · y[t − 1] + bias)`.
//!
//! `x` (N, T, H) is the product of the input with its weights, plus their bias; `weight` (H, H) and `bias` (H) are those of the
//! state, which begins at zero.

use std::sync::Arc;

use super::recurrence::{self, Cell};
use crate::graph::{Array, Case, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType};
use crate::reference;

/// A layer of recurrent units and its gradient.
#[derive(Clone, Copy, Debug)]
pub enum Rnn {
    /// `x, weight, bias` → `y` (N, T, H).
    Forward {
        /// The positive part as `f`, not the hyperbolic tangent.
        relu: bool,
        /// From the last step to the first.
        reverse: bool,
    },
    /// `dy, y, weight` → `dx`, and the state before each step.
    Backward {
        /// The function of the forward pass.
        relu: bool,
        /// The direction of the forward pass.
        reverse: bool,
    },
}

const CELL: Cell = Cell {
    name: "rnn",
    gates: 1,
    saved: 0,
    split: false,
    flops: 10,
};

impl Op for Rnn {
    fn name(&self) -> &'static str {
        CELL.name
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match self {
            Self::Forward { .. } => CELL.infer(inputs),
            Self::Backward { .. } => Ok(CELL.infer_backward(inputs)),
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], target: &Target) -> Vec<Lowering> {
        match *self {
            Self::Forward { relu, reverse } => {
                CELL.forward(inputs, reverse, &[("RELU", relu.into())], target)
            }
            Self::Backward { relu, reverse } => {
                CELL.backward(inputs, reverse, &[("RELU", relu.into())], target)
            }
        }
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { relu, reverse } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None; 3]);
        };
        let inputs = [dy, tape.outputs[0], tape.inputs[1]];
        let back = tape
            .graph
            .apply(Arc::new(Self::Backward { relu, reverse }), &inputs);
        let back = back.expect("the outputs of the forward pass fit");
        Gradient::Of(CELL.gradients(tape, &back))
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        match *self {
            Self::Forward { relu, reverse } => {
                vec![reference::rnn::forward(
                    &inputs[0], &inputs[1], &inputs[2], relu, reverse,
                )]
            }
            Self::Backward { relu, reverse } => {
                let [dy, y, weight] = inputs else {
                    unreachable!("dy, y, weight");
                };
                reference::rnn::backward(dy, y, weight, relu, reverse).into()
            }
        }
    }
}

/// Both directions, extents of every kind; the positive part on few, because a difference must not step over its kink.
pub fn cases() -> Vec<Case> {
    let case = |relu, (extents, reverse)| {
        let op = Rnn::Forward { relu, reverse };
        Case::new(op, recurrence::case(CELL.gates, extents))
    };
    let mut cases: Vec<Case> = recurrence::EXTENTS.map(|of| case(false, of)).into();
    cases.push(case(true, recurrence::EXTENTS[1]));
    cases
}
