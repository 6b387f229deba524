//! The loss of classifiers: `−log` of the probability that softmax gives the label.

use super::rowwise;
use crate::graph::{
    Array, Case, CaseInput, Constant, Domain, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// Weighted cross entropy of each row, with PyTorch's label smoothing: a share of the target is spread evenly over all classes.
///
/// Rows of weight 0 have loss and gradient 0, whatever their logits are.
#[derive(Clone, Copy, Debug)]
pub enum CrossEntropy {
    /// `logits` (R, C), `labels` (R), `weights` (R) → `loss` (R).
    Forward {
        /// The share of the target that is spread over all classes, 0 to 1.
        label_smoothing: f32,
    },
    /// `logits, labels, weights, dloss` (R) → `dlogits` (R, C).
    BackwardLogits {
        /// As in the forward pass.
        label_smoothing: f32,
    },
}

/// The walks along a row that loss and gradient take at most.
const PASSES: usize = 3;

/// The most classes: an invocation walks along the logits of a sample.
pub const MAX_CLASSES: usize = rowwise::longest(PASSES);

impl CrossEntropy {
    fn label_smoothing(&self) -> f32 {
        match *self {
            Self::Forward { label_smoothing } | Self::BackwardLogits { label_smoothing } => {
                label_smoothing
            }
        }
    }
}

impl Op for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::BackwardLogits { .. } => "backward_logits",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        // As many walks along a row as the backward pass takes: what has a loss has a gradient.
        let [rows, _] =
            rowwise::labelled("cross_entropy", &inputs[0], &inputs[1], &inputs[2], PASSES)?;
        let smoothing = self.label_smoothing();
        if !(0.0..=1.0).contains(&smoothing) {
            return Err(ShapeError::new(format!(
                "cross_entropy with label smoothing {smoothing}: it must be from 0 to 1"
            )));
        }
        Ok(vec![match self {
            Self::Forward { .. } => TensorType::f32([rows]),
            Self::BackwardLogits { .. } => inputs[0].clone(),
        }])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[0].shape;
        let passes = match self {
            Self::Forward { .. } => 2,
            Self::BackwardLogits { .. } => PASSES,
        };
        let mut operands: Vec<Operand> = (0..inputs.len()).map(Operand::Input).collect();
        operands.push(Operand::Output(0));
        let mut dispatch = rowwise::kernel(
            "cross_entropy",
            self.pass(),
            [shape.rows(), shape.last()],
            passes,
            operands,
            6,
        );
        dispatch
            .constants
            .push(("SMOOTHING", Constant::F32(self.label_smoothing())));
        vec![Lowering::one(dispatch)]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match *self {
            Self::Forward { label_smoothing } => {
                let dlogits = tape.dy[0].filter(|_| tape.wanted[0]).map(|dloss| {
                    let &[logits, labels, weights] = tape.inputs else {
                        unreachable!("a loss has three inputs");
                    };
                    tape.graph.one(
                        Self::BackwardLogits { label_smoothing },
                        &[logits, labels, weights, dloss],
                    )
                });
                Gradient::Of(vec![dlogits, None, None])
            }
            Self::BackwardLogits { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let smoothing = f64::from(self.label_smoothing());
        vec![match self {
            Self::Forward { .. } => {
                reference::cross_entropy::forward(&inputs[0], &inputs[1], &inputs[2], smoothing)
            }
            Self::BackwardLogits { .. } => reference::cross_entropy::backward_logits(
                &inputs[0], &inputs[1], &inputs[2], &inputs[3], smoothing,
            ),
        }]
    }
}

/// One row and many, two classes and many, without, with some and with nothing but smoothing; logits whose exponentials overflow,
/// and whose sum does; labels beyond the classes; padding that is no number.
pub fn cases() -> Vec<Case> {
    let list: &[([usize; 2], f32)] = &[
        ([1, 2], 0.0),
        ([7, 5], 0.0),
        ([7, 5], 0.1),
        ([3, 2], 1.0),
        ([65, 10], 0.0),
        ([64, 13], 0.2),
        ([5, 1031], 0.1),
        ([1009, 10], 0.05),
    ];
    let mut cases: Vec<Case> = list
        .iter()
        .map(|&([rows, classes], label_smoothing)| {
            // A single row would vanish if its weight were 0.
            let weights = if rows == 1 {
                Domain::Positive
            } else {
                Domain::Weights
            };
            Case::new(
                CrossEntropy::Forward { label_smoothing },
                vec![
                    CaseInput::normal([rows, classes]),
                    CaseInput::below(
                        [rows],
                        u32::try_from(classes).expect("there are few classes"),
                    ),
                    CaseInput::floats([rows], weights),
                ],
            )
        })
        .collect();
    let mut given = |label_smoothing, logits: CaseInput, labels: &[u32], weights: Domain| {
        cases.push(Case::new(
            CrossEntropy::Forward { label_smoothing },
            vec![
                logits,
                CaseInput::words(labels),
                CaseInput::floats([labels.len()], weights),
            ],
        ));
    };
    for label_smoothing in [0.0, 0.1] {
        let labels = [1, 0, 2, 9, 1, u32::MAX, 0];
        given(label_smoothing, rowwise::far(), &labels, Domain::Positive);
        let padded = [[0.5, -1.0], [f64::NAN, f64::INFINITY], [2.0, 0.0]];
        given(
            label_smoothing,
            CaseInput::floats([3, 2], Domain::Given(padded.concat())),
            &[1, 0, 1],
            Domain::Given(vec![0.5, 0.0, 1.0]),
        );
    }
    let hopeless = [[-3e38, -3e38, 1.0], [0.5, -1.0, 0.0]];
    given(
        0.0,
        CaseInput::floats([2, 3], Domain::Given(hopeless.concat())),
        &[2, 0],
        Domain::Positive,
    );
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoothing_beyond_one_is_refused() {
        let inputs = [
            TensorType::f32([5, 3]),
            TensorType::u32([5]),
            TensorType::f32([5]),
        ];
        for label_smoothing in [-0.1, 1.5, f32::NAN] {
            let error = CrossEntropy::Forward { label_smoothing }.infer(&inputs);
            assert!(error.unwrap_err().0.contains("must be from 0 to 1"));
        }
    }

    #[test]
    fn equal_logits_lose_the_logarithm_of_the_classes_and_padding_loses_nothing() {
        let logits = Array::new([3, 2], vec![0.3, 0.3, f64::NAN, f64::INFINITY, -2.0, -2.0]);
        let labels = Array::new([3], vec![0.0, 1.0, 1.0]);
        let weights = Array::new([3], vec![1.0, 0.0, 0.5]);
        let loss = CrossEntropy::Forward {
            label_smoothing: 0.1,
        }
        .reference(&[logits, labels, weights]);
        let wanted = [2f64.ln(), 0.0, 0.5 * 2f64.ln()];
        for (loss, wanted) in loss[0].data.iter().zip(wanted) {
            assert!((loss - wanted).abs() < 1e-12, "{loss} is not {wanted}");
        }
    }
}
