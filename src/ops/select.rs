//! `y = x[.., index, ..]`: one place along an axis, as `torch.select`.

use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, Shape, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// One place along an axis, which is gone.
#[derive(Clone, Debug)]
pub enum Select {
    /// `x` → `y`.
    Forward {
        /// The axis.
        axis: usize,
        /// The place.
        index: usize,
    },
    /// `dy` → `dx`: zero in the other places.
    Backward {
        /// The axis.
        axis: usize,
        /// The place.
        index: usize,
        /// The shape of `x`.
        input: Shape,
    },
}

impl Op for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match *self {
            Self::Forward { axis, index } => {
                let mut dims = inputs[0].shape.dims().to_vec();
                if dims.len() < 2 || dims.get(axis).is_none_or(|&length| index >= length) {
                    return Err(ShapeError::new(format!(
                        "select of {}: there is no place {index} along axis {axis} beside another axis",
                        inputs[0].shape
                    )));
                }
                dims.remove(axis);
                Ok(vec![TensorType::f32(dims)])
            }
            Self::Backward { ref input, .. } => Ok(vec![TensorType::f32(input.clone())]),
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (entry, axis, index, x) = match *self {
            Self::Forward { axis, index } => ("forward", axis, index, &inputs[0].shape),
            Self::Backward {
                axis,
                index,
                ref input,
            } => ("backward", axis, index, input),
        };
        let dims = x.dims();
        let product = |dims: &[usize]| dims.iter().product::<usize>();
        let inner = product(&dims[axis + 1..]);
        let lanes = if inner.is_multiple_of(4) { 4 } else { 1 };
        vec![Lowering::one(Dispatch {
            shader: "select",
            entry,
            constants: vec![
                ("OUTER", product(&dims[..axis]).into()),
                ("LENGTH", dims[axis].into()),
                ("INNER", (inner / lanes).into()),
                ("INDEX", index.into()),
                ("VEC4", (lanes == 4).into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: outputs[0].elements() / lanes,
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { axis, index } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let input = tape.graph.shape(tape.inputs[0]).clone();
        Gradient::Of(vec![tape.dy[0].map(|dy| {
            let backward = Self::Backward { axis, index, input };
            tape.graph.one(backward, &[dy])
        })])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match *self {
            Self::Forward { axis, index } => reference::select::forward(&inputs[0], axis, index),
            Self::Backward {
                axis,
                index,
                ref input,
            } => reference::select::backward(&inputs[0], input, axis, index),
        }]
    }
}

/// First, middle and last axes and places, with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], usize, usize)] = &[
        (&[1, 1], 0, 0),
        (&[7, 5], 0, 3),
        (&[7, 5], 1, 4),
        (&[3, 5, 7], 1, 0),
        (&[33, 3, 64], 1, 2),
        (&[2, 3, 5, 12], 2, 1),
    ];
    let case = |&(dims, axis, index): &(&[usize], usize, usize)| {
        Case::new(
            Select::Forward { axis, index },
            vec![CaseInput::normal(dims.to_vec())],
        )
    };
    list.iter().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_there_is_refused() {
        for (dims, axis, index) in [(vec![2, 3], 1, 3), (vec![2, 3], 2, 0), (vec![3], 0, 0)] {
            let op = Select::Forward { axis, index };
            assert!(op.infer(&[TensorType::f32(dims)]).is_err(), "{op:?}");
        }
    }
}
