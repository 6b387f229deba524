//! Which class a classifier takes for which.

use super::rowwise;
use crate::graph::{
    Array, Case, CaseInput, Domain, Gradient, Lowering, Op, Operand, ShapeError, Tape, Target,
    TensorType,
};
use crate::reference;

/// `counts` (C, C), updated in place, `logits` (R, C), `labels` (R), `weights` (R) → the new `counts`: one more at
/// `[label, largest logit]` (the first of equals) for every row whose weight is not 0.
#[derive(Clone, Copy, Debug)]
pub struct ConfusionMatrix;

impl Op for ConfusionMatrix {
    fn name(&self) -> &'static str {
        "confusion_matrix"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let [_, classes] =
            rowwise::labelled("confusion_matrix", &inputs[1], &inputs[2], &inputs[3], 1)?;
        let counts = TensorType::u32([classes, classes]);
        if inputs[0] != counts {
            return Err(ShapeError::new(format!(
                "confusion_matrix of counts {} and {classes} classes: the counts must be {counts}",
                inputs[0]
            )));
        }
        Ok(vec![counts])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[1].shape;
        vec![Lowering::one(rowwise::kernel(
            "confusion_matrix",
            "forward",
            [shape.rows(), shape.last()],
            1,
            vec![
                Operand::Update {
                    input: 0,
                    output: 0,
                },
                Operand::Input(1),
                Operand::Input(2),
                Operand::Input(3),
            ],
            1,
        ))]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("counts have no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::confusion_matrix::forward(
            &inputs[0], &inputs[1], &inputs[2], &inputs[3],
        )]
    }
}

/// One row and many, one class and many, many rows to one count; equal logits, of which the first counts; a label beyond the
/// classes.
pub fn cases() -> Vec<Case> {
    let list = [
        [1, 2],
        [3, 1],
        [7, 5],
        [64, 3],
        [65, 10],
        [5, 131],
        [5003, 3],
    ];
    let mut cases: Vec<Case> = list
        .into_iter()
        .map(|[rows, classes]| {
            let below = u32::try_from(classes).expect("there are few classes");
            Case::new(
                ConfusionMatrix,
                vec![
                    CaseInput::below([classes, classes], 1000),
                    CaseInput::floats([rows, classes], Domain::Distinct),
                    CaseInput::below([rows], below),
                    CaseInput::floats([rows], Domain::Weights),
                ],
            )
        })
        .collect();
    let ties = vec![2.0, 2.0, 1.0, 0.0, 5.0, 5.0, -1.0, -1.0, -1.0];
    cases.push(Case::new(
        ConfusionMatrix,
        vec![
            CaseInput::below([3, 3], 1000),
            CaseInput::floats([3, 3], Domain::Given(ties)),
            CaseInput::words(&[0, 2, 7]),
            CaseInput::floats([3], Domain::Positive),
        ],
    ));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_another_number_of_classes_are_refused() {
        let error = ConfusionMatrix
            .infer(&[
                TensorType::u32([4, 4]),
                TensorType::f32([7, 3]),
                TensorType::u32([7]),
                TensorType::f32([7]),
            ])
            .unwrap_err();
        assert_eq!(
            error.0,
            "confusion_matrix of counts u32(4, 4) and 3 classes: the counts must be u32(3, 3)"
        );
    }
}
