//! Gated recurrent units over a whole sequence, as PyTorch's GRU: `y[t] = (1 − z) · n + z · y[t − 1]`, with the reset gate `r` behind
//! the product: `n = tanh(x + r · (weight · y[t − 1] + bias))`.
//!
//! `x` (N, T, 3 · H) is the product of the input with its weights, plus their bias, the gates in the order r, z, n; `weight`
//! (3 · H, H) and `bias` (3 · H) are those of the state, which begins at zero.

use std::sync::Arc;

use super::recurrence::{self, Cell};
use crate::graph::{Array, Case, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType};
use crate::reference;

/// A layer of gated units and its gradient.
#[derive(Clone, Copy, Debug)]
pub enum Gru {
    /// `x, weight, bias` → `y` (N, T, H), and (N, T, 5, H) for the gradient: r, z, n, the sum of n, and the state before.
    Forward {
        /// From the last step to the first.
        reverse: bool,
    },
    /// `dy, saved, y, weight` → `dx`, the state before each step, and the gradient of the sums over it.
    Backward {
        /// The direction of the forward pass.
        reverse: bool,
    },
}

const CELL: Cell = Cell {
    name: "gru",
    gates: 3,
    saved: 5,
    split: true,
    flops: 40,
};

impl Op for Gru {
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
            Self::Forward { reverse } => CELL.forward(inputs, reverse, &[], target),
            Self::Backward { reverse } => CELL.backward(inputs, reverse, &[], target),
        }
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { reverse } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None; 3]);
        };
        let inputs = [dy, tape.outputs[1], tape.outputs[0], tape.inputs[1]];
        let back = tape
            .graph
            .apply(Arc::new(Self::Backward { reverse }), &inputs);
        let back = back.expect("the outputs of the forward pass fit");
        Gradient::Of(CELL.gradients(tape, &back))
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        match *self {
            Self::Forward { reverse } => {
                reference::gru::forward(&inputs[0], &inputs[1], &inputs[2], reverse).into()
            }
            Self::Backward { reverse } => {
                let [dy, saved, y, weight] = inputs else {
                    unreachable!("dy, saved, y, weight");
                };
                reference::gru::backward(dy, saved, y, weight, reverse).into()
            }
        }
    }
}

/// Both directions, extents of every kind.
pub fn cases() -> Vec<Case> {
    let case = |(extents, reverse)| {
        Case::new(
            Gru::Forward { reverse },
            recurrence::case(CELL.gates, extents),
        )
    };
    recurrence::EXTENTS.map(case).into()
}
