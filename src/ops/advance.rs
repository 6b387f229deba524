//! The end of a training or evaluation step: metrics go to the ring, the counters go on.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// `counters`, `ring` (entries, 8), `loss` (1), `correct` (1), `schedule` → the new counters and the new ring, in place.
///
/// `loss` is the mean over the real samples of the batch, `correct` the number of them that were classified correctly (0 for a
/// regression). An entry of the ring is the loss, the number correct, the real samples of the batch, 1 if the loss is not
/// finite, else 0, the learning rate and the norm of the gradient, both as `schedule` has them, and two zeros; step `s` writes
/// entry `s` modulo their number.
#[derive(Clone, Copy, Debug)]
pub struct Advance {
    /// The samples of an epoch.
    pub count: usize,
    /// Rows of a batch.
    pub batch: usize,
}

/// Numbers of an entry of the ring.
pub const ENTRY: usize = 8;

impl Op for Advance {
    fn name(&self) -> &'static str {
        "advance"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let ring = inputs.get(1).map_or(0, |ring| ring.shape.rows());
        state::expect(
            "advance",
            inputs,
            &[
                ("counters", state::counters()),
                ("ring", TensorType::f32([ring.max(1), ENTRY])),
                ("loss", TensorType::f32([1])),
                ("correct", TensorType::f32([1])),
                ("schedule", state::schedule()),
            ],
        )?;
        if self.count == 0 || self.batch == 0 || u32::try_from(self.count + self.batch).is_err() {
            return Err(ShapeError::new(format!(
                "advance over {} samples in batches of {}: there must be at least one of each, counted in 32 bits",
                self.count, self.batch
            )));
        }
        Ok(inputs[..2].to_vec())
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let update = |i| Operand::Update {
            input: i,
            output: i,
        };
        vec![Lowering::one(Dispatch {
            shader: "advance",
            entry: "forward",
            constants: vec![
                ("COUNT", self.count.into()),
                ("BATCH", self.batch.into()),
                ("RING", inputs[1].shape.rows().into()),
            ],
            operands: vec![
                update(0),
                update(1),
                Operand::Input(2),
                Operand::Input(3),
                Operand::Input(4),
            ],
            invocations: 1,
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("counters are not differentiable")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        reference::advance::forward(
            &inputs[0], &inputs[1], &inputs[2], &inputs[3], &inputs[4], self.count, self.batch,
        )
    }
}

/// First, middle, last whole and last partial batches, and a position beyond the end; a ring of one entry, one gone round, and a
/// long one.
pub fn cases() -> Vec<Case> {
    // Samples, batch, entries, (step, epoch, position).
    let list: &[(usize, usize, usize, [u32; 3])] = &[
        (1, 1, 1, [0, 0, 0]),
        (13, 4, 5, [0, 0, 0]),
        (13, 4, 5, [6, 1, 8]),
        (13, 4, 5, [7, 1, 12]),
        (12, 4, 7, [700, 233, 8]),
        (12, 4, 7, [701, 233, 12]),
        (13, 4, 5, [8, 1, 20]),
        (5, 64, 3, [2, 2, 0]),
        (60_000, 128, 2503, [2_000_000_011, 4264, 59_904]),
        (60_000, 1, 64, [63, 0, 59_998]),
        (60_000, 1, 64, [64, 0, 59_999]),
    ];
    list.iter()
        .map(|&(count, batch, ring, [step, epoch, position])| {
            Case::new(
                Advance { count, batch },
                vec![
                    CaseInput::words(&[step, epoch, position, 0, 0, 0, 0, 0]),
                    CaseInput::normal([ring, ENTRY]),
                    CaseInput::normal([1]),
                    CaseInput::floats([1], Domain::Given(vec![3.0])),
                    CaseInput::normal([state::SCHEDULE]),
                ],
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_with_its_last_partial_batch() {
        let op = Advance { count: 7, batch: 3 };
        let mut counters = Array::zeros([8]);
        let mut ring = Array::zeros([2, ENTRY]);
        let mut seen = Vec::new();
        for (loss, correct) in [(0.5, 1.0), (0.25, 2.0), (f64::NAN, 0.0), (0.125, 3.0)] {
            let inputs = [
                counters,
                ring,
                Array::new([1], vec![loss]),
                Array::new([1], vec![correct]),
                Array::new([4], vec![0.01, 0.02, 7.0, 0.0]),
            ];
            let mut outputs = op.reference(&inputs).into_iter();
            counters = outputs.next().expect("two outputs");
            ring = outputs.next().expect("two outputs");
            seen.push(counters.data[..3].to_vec());
        }
        assert_eq!(
            seen,
            [
                [1.0, 0.0, 3.0],
                [2.0, 0.0, 6.0],
                [3.0, 1.0, 0.0],
                [4.0, 1.0, 3.0]
            ]
        );
        assert!(ring.data[0].is_nan(), "the loss is stored as it is");
        assert_eq!(ring.data[1..8], [0.0, 1.0, 1.0, 0.01, 7.0, 0.0, 0.0]);
        assert_eq!(ring.data[8..14], [0.125, 3.0, 3.0, 0.0, 0.01, 7.0]);
    }
}
