//! Which rows a classifier gets right.

use super::rowwise;
use crate::graph::{
    Array, Case, CaseInput, Domain, Gradient, Lowering, Op, Operand, ShapeError, Tape, Target,
    TensorType,
};
use crate::reference;

/// `logits` (R, C), `labels` (R), `weights` (R) → `correct` (R): 1 where the largest logit (the first of equals) is the label's and
/// the weight is not 0, else 0.
#[derive(Clone, Copy, Debug)]
pub struct CountCorrect;

impl Op for CountCorrect {
    fn name(&self) -> &'static str {
        "count_correct"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let [rows, _] = rowwise::labelled("count_correct", &inputs[0], &inputs[1], &inputs[2], 1)?;
        Ok(vec![TensorType::f32([rows])])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[0].shape;
        vec![Lowering::one(rowwise::kernel(
            "count_correct",
            "forward",
            [shape.rows(), shape.last()],
            1,
            vec![
                Operand::Input(0),
                Operand::Input(1),
                Operand::Input(2),
                Operand::Output(0),
            ],
            1,
        ))]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("counts have no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::count_correct::forward(
            &inputs[0], &inputs[1], &inputs[2],
        )]
    }
}

/// One row and many, one class and many; equal logits, of which the first counts.
pub fn cases() -> Vec<Case> {
    let list = [
        [1, 2],
        [3, 1],
        [7, 5],
        [64, 3],
        [65, 10],
        [5, 1031],
        [5003, 3],
    ];
    let mut cases: Vec<Case> = list
        .into_iter()
        .map(|[rows, classes]| {
            let below = u32::try_from(classes).expect("there are few classes");
            Case::new(
                CountCorrect,
                vec![
                    CaseInput::floats([rows, classes], Domain::Distinct),
                    CaseInput::below([rows], below),
                    CaseInput::floats([rows], Domain::Weights),
                ],
            )
        })
        .collect();
    let ties = vec![2.0, 2.0, 1.0, 0.0, 5.0, 5.0, -1.0, -1.0, -1.0];
    cases.push(Case::new(
        CountCorrect,
        vec![
            CaseInput::floats([3, 3], Domain::Given(ties)),
            CaseInput::words(&[0, 2, 0]),
            CaseInput::floats([3], Domain::Positive),
        ],
    ));
    cases
}
