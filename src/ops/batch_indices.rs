//! The samples of the next batch: which, in which order, and how much each weighs.

use std::ops::Range;

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// `counters` → `indices` (rows) and `weights` (rows) of some rows of a batch: samples of the data set, and 1 / (real samples in the
/// batch), or 0 for the padding of an epoch's last batch and for rows beyond the batch.
#[derive(Clone, Debug)]
pub struct BatchIndices {
    /// The samples of the data set that an epoch goes through.
    pub part: Range<usize>,
    /// Rows of a batch.
    pub batch: usize,
    /// Those of them that are wanted.
    pub rows: Range<usize>,
    /// The seed of the order, which is another one in each epoch; `None` for the order of the data set.
    pub shuffle: Option<u64>,
}

/// The loop iterations of `permuted` in `shaders/lib/philox.wgsl` at worst: 256 walks of 6 rounds of 10 rounds of Philox.
const PERMUTED_TRIPS: usize = 256 * (1 + 6 * (1 + 10));

impl Op for BatchIndices {
    fn name(&self) -> &'static str {
        "batch_indices"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        state::expect("batch_indices", inputs, &[("counters", state::counters())])?;
        if self.part.is_empty() || self.batch == 0 || self.rows.is_empty() {
            return Err(ShapeError::new(format!(
                "batch_indices of samples {:?} in batches of {}, rows {:?}: there must be at least one of each",
                self.part, self.batch, self.rows
            )));
        }
        if u32::try_from(self.part.end + self.batch.max(self.rows.end)).is_err() {
            return Err(ShapeError::new(format!(
                "batch_indices of samples {:?} in batches of {}: samples are counted in 32 bits",
                self.part, self.batch
            )));
        }
        Ok(vec![
            TensorType::u32([self.rows.len()]),
            TensorType::f32([self.rows.len()]),
        ])
    }

    fn lower(&self, _: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let [low, high] = crate::rng::key(self.shuffle.unwrap_or_default());
        vec![Lowering::one(Dispatch {
            shader: "batch_indices",
            entry: "forward",
            constants: vec![
                ("BEGIN", self.part.start.into()),
                ("COUNT", self.part.len().into()),
                ("BATCH", self.batch.into()),
                ("FIRST", self.rows.start.into()),
                ("ROWS", self.rows.len().into()),
                ("SHUFFLE", self.shuffle.is_some().into()),
                ("SEED_LOW", low.into()),
                ("SEED_HIGH", high.into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0), Operand::Output(1)],
            invocations: self.rows.len(),
            loop_trips: match self.shuffle {
                Some(_) => PERMUTED_TRIPS,
                None => 0,
            },
            flops: self.rows.len() as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("counters are not differentiable")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        reference::batch_indices::forward(
            &inputs[0],
            &self.part,
            self.batch,
            &self.rows,
            self.shuffle,
        )
        .into()
    }
}

/// First, middle, last (partial) batches of several epochs; batches of one, larger than the part, and of many workgroups; a
/// position at and beyond the end.
pub fn cases() -> Vec<Case> {
    // Part, batch, and places as (epoch, position).
    let list: [(_, usize, &[(u32, u32)]); 12] = [
        (0..1, 1, &[(0, 0), (3, 0)]),
        (0..1, 7, &[(2, 0)]),
        // About the powers of four, where the domain of the permutation grows.
        (4..6, 3, &[(0, 0), (1, 0)]),
        (0..4, 4, &[(0, 0), (5, 0)]),
        (3..19, 16, &[(0, 0)]),
        (0..17, 17, &[(1, 0)]),
        (5..18, 1, &[(0, 0), (7, 12)]),
        (5..18, 4, &[(0, 0), (1, 8), (1, 12)]),
        (3..100, 65, &[(0, 0), (4, 65), (4, 97)]),
        (10..40, 128, &[(0, 0), (9, 17)]),
        (1000..61_000, 64, &[(0, 0), (11, 59_968)]),
        (0..20_011, 10_007, &[(2, 10_007), (u32::MAX, 20_014)]),
    ];
    let mut cases = Vec::new();
    for (part, batch, places) in list {
        for &(epoch, position) in places {
            for shuffle in [None, Some(42), Some(7 << 32 | 9)] {
                let mut counters = [0; state::COUNTERS];
                counters[state::STEP] = 77;
                counters[state::EPOCH] = epoch;
                counters[state::POSITION] = position;
                // The whole batch, a part of it, and one that reaches beyond it.
                for rows in [0..batch, batch / 3..batch.div_ceil(2), batch / 2..batch + 3] {
                    let op = BatchIndices {
                        part: part.clone(),
                        batch,
                        rows,
                        shuffle,
                    };
                    cases.push(Case::new(op, vec![CaseInput::words(&counters)]));
                }
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_bound_is_that_of_the_shader() {
        let text = crate::wgsl::expand("#import philox");
        for line in [
            "const PERMUTED_WALK: u32 = 256u;",
            "round < 6u; round++",
            "round < 10u; round++",
        ] {
            assert!(text.contains(line), "philox.wgsl no longer has {line:?}");
        }
    }

    #[test]
    fn an_epoch_uses_every_sample_of_the_part_once() {
        let op = BatchIndices {
            part: 10..33,
            batch: 5,
            rows: 0..5,
            shuffle: Some(1),
        };
        let mut order = Vec::new();
        for position in (0..23).step_by(5) {
            let counters = [1, 2, position, 0, 0, 0, 0, 0].map(f64::from);
            let outputs = op.reference(&[Array::new([8], counters.to_vec())]);
            let total: f64 = outputs[1].data.iter().sum();
            assert!((total - 1.0).abs() < 1e-12, "the weights add up to {total}");
            for (index, weight) in outputs[0].data.iter().zip(&outputs[1].data) {
                if *weight > 0.0 {
                    order.push(*index);
                }
            }
        }
        let in_order: Vec<f64> = (10..33).map(f64::from).collect();
        assert_ne!(order, in_order);
        order.sort_by(f64::total_cmp);
        assert_eq!(order, in_order);
    }
}
