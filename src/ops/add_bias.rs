//! `y = x + bias`: one bias per channel (innermost axis).

use std::sync::Arc;

use super::add::Add;
use super::reduce_sum::ReduceSum;
use super::sigmoid::Sigmoid;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fused, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Stage, Tape, Target, TensorType,
};
use crate::reference;

/// The sum of `x` (…, C) and `bias` (C).
#[derive(Clone, Copy, Debug)]
pub struct AddBias;

impl Op for AddBias {
    fn name(&self) -> &'static str {
        "add_bias"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let (x, bias) = (&inputs[0], &inputs[1]);
        if x.shape.rank() == 0 || bias.shape.rank() != 1 || bias.shape.last() != x.shape.last() {
            return Err(ShapeError::new(format!(
                "add_bias of {} and {}: the bias must have one axis, as long as the innermost one of x",
                x.shape, bias.shape
            )));
        }
        Ok(vec![x.clone()])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[0].shape;
        let (rows, channels) = (shape.rows(), shape.last());
        vec![Lowering::one(Dispatch {
            shader: "add_bias",
            entry: if channels % 4 == 0 {
                "forward_vec4"
            } else {
                "forward"
            },
            constants: vec![("ROWS", rows.into()), ("C", channels.into())],
            operands: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            invocations: (rows * channels).div_ceil(4),
            loop_trips: 0,
            flops: (rows * channels) as u64,
            fusion: if channels % 4 == 0 {
                Fusion::Guest {
                    stage: Stage::AddRow,
                    chain: 0,
                }
            } else {
                Fusion::None
            },
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None, None]);
        };
        let leading = tape.graph.shape(dy).rank() - 1;
        let dbias = tape.wanted[1].then(|| match leading {
            0 => dy,
            _ => tape.graph.one(ReduceSum::sum(0..leading), &[dy]),
        });
        Gradient::Of(vec![Some(dy), dbias])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::add_bias::forward(&inputs[0], &inputs[1])]
    }
}

/// One row and many, channels with and without `vec4`s, rows that begin inside a `vec4`, images.
pub fn cases() -> Vec<Case> {
    let shapes: &[&[usize]] = &[
        &[1],
        &[7],
        &[1, 1],
        &[5, 3],
        &[3, 4],
        &[65, 4],
        &[64, 10],
        &[2, 3, 5, 8],
        &[2, 7, 11, 67],
        &[1009, 12],
    ];
    shapes
        .iter()
        .map(|dims| {
            Case::new(
                AddBias,
                vec![
                    CaseInput::normal(dims.to_vec()),
                    CaseInput::normal([dims[dims.len() - 1]]),
                ],
            )
        })
        .chain([fused_case()])
        .collect()
}

/// A sum that is activated, and a number more added.
fn fused_case() -> Case {
    let fused = Fused::new(Arc::new(AddBias), 2)
        .then(Arc::new(Sigmoid::Forward), 1, 0)
        .then(Arc::new(Add), 2, 0);
    let images = || CaseInput::normal([3, 5, 12]);
    Case::new(fused, vec![images(), CaseInput::normal([12]), images()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_of_another_length_is_refused() {
        for bias in [vec![1], vec![4], vec![1, 3], vec![]] {
            let error = AddBias
                .infer(&[TensorType::f32([2, 3]), TensorType::f32(bias)])
                .unwrap_err();
            assert!(error.0.starts_with("add_bias of (2, 3) and ("), "{error}");
        }
    }
}
