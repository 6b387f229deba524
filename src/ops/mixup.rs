//! Samples mixed with others of their batch (Zhang et al. 2017, <https://arxiv.org/abs/1710.09412>).
//!
//! What a sample is mixed with, and how much, is drawn for each by itself, as a function of seed, sample and epoch. The larger share is
//! its own: with a distribution that is its own mirror image and any two samples equally likely to meet, this gives the same mixtures,
//! none of them twice.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// The two halves of mixing.
#[derive(Clone, Copy, Debug)]
pub enum Mixup {
    /// `counters`, `indices` (rows), `table` ([`ENTRIES`]) → `partner` (rows), `share` (rows), `rest` (rows): the row of the batch that
    /// each row is mixed with, its own share, which is an entry of the table or between two, and the other's.
    Draw {
        /// What the numbers come from.
        seed: u64,
        /// Samples of an epoch.
        count: usize,
        /// Rows of a batch.
        batch: usize,
        /// The row of the batch that `indices` begins with.
        first: usize,
    },
    /// `x` (rows, ...), `other` like it, `share` (rows), `rest` (rows) → `share · x + rest · other`.
    Apply,
}

/// Intervals of the table: a power of two, so that a place in it is exact.
const INTERVALS: usize = 1024;

/// Values of the table of shares.
pub const ENTRIES: usize = INTERVALS + 1;

/// The loop iterations of `philox` in `shaders/lib/philox.wgsl`.
const DRAW_TRIPS: usize = 10;

/// The shares at even steps of their distribution: of λ and 1 − λ the larger, for λ distributed as Beta(α, α).
///
/// # Panics
/// If `alpha` is not a positive number.
pub fn shares(alpha: f64) -> Vec<f32> {
    assert!(
        alpha > 0.0 && alpha.is_finite(),
        "Beta({alpha}, {alpha}) is a distribution"
    );
    /// Pieces of the integral.
    const PIECES: usize = 1 << 14;
    // The smaller share x has the density x^(α-1) (1 - x)^(α-1) up to 1/2. With x = z^m it has no pole.
    let m = (1.0 / alpha).max(1.0);
    let width = 0.5_f64.powf(1.0 / m) / PIECES as f64;
    // Rounding must not make a pole of what has none.
    let power = (m * alpha - 1.0).max(0.0);
    let density = |z: f64| z.powf(power) * (1.0 - z.powf(m)).powf(alpha - 1.0);
    let mut integral = vec![0.0];
    for piece in 0..PIECES {
        // Simpson's rule; of a root at 0 the middle is what counts.
        let [begin, middle, end] =
            [0.0, 0.5, 1.0].map(|part| density((piece as f64 + part) * width));
        integral.push(integral[piece] + (begin + 4.0 * middle + end) / 6.0);
    }
    let total = integral[PIECES];
    let mut piece = PIECES;
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    let share = |entry: usize| {
        let wanted = total * (1.0 - entry as f64 / INTERVALS as f64);
        while piece > 0 && integral[piece] > wanted {
            piece -= 1;
        }
        let next = (piece + 1).min(PIECES);
        let step = integral[next] - integral[piece];
        let part = if step > 0.0 {
            (wanted - integral[piece]) / step
        } else {
            0.0
        };
        (1.0 - ((piece as f64 + part) * width).powf(m)) as f32
    };
    (0..ENTRIES).map(share).collect()
}

impl Op for Mixup {
    fn name(&self) -> &'static str {
        "mixup"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Draw { .. } => "draw",
            Self::Apply => "apply",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match *self {
            Self::Draw {
                count,
                batch,
                first,
                ..
            } => {
                let rows = inputs.get(1).map_or(0, TensorType::elements).max(1);
                state::expect(
                    "mixup.draw",
                    inputs,
                    &[
                        ("counters", state::counters()),
                        ("indices", TensorType::u32([rows])),
                        ("table", TensorType::f32([ENTRIES])),
                    ],
                )?;
                if count == 0
                    || batch == 0
                    || u32::try_from(count + batch.max(first + rows)).is_err()
                {
                    return Err(ShapeError::new(format!(
                        "mixup of {count} samples in batches of {batch}, rows from {first}: there must be at least one of each, counted \
                         in 32 bits"
                    )));
                }
                Ok(vec![
                    TensorType::u32([rows]),
                    TensorType::f32([rows]),
                    TensorType::f32([rows]),
                ])
            }
            Self::Apply => match inputs {
                [x, other, share, rest]
                    if x.dtype == DType::F32
                        && x == other
                        && x.shape.rank() > 0
                        && *share == TensorType::f32([x.shape.dims()[0]])
                        && rest == share =>
                {
                    Ok(vec![x.clone()])
                }
                _ => Err(ShapeError::new(format!(
                    "mixup of {inputs:?}: it takes two tensors of floats of one shape, and two numbers for each row"
                ))),
            },
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let operands = (0..inputs.len())
            .map(Operand::Input)
            .chain((0..outputs.len()).map(Operand::Output))
            .collect();
        let rows = match self {
            Self::Draw { .. } => inputs[1].elements(),
            Self::Apply => inputs[2].elements(),
        };
        let (constants, invocations, loop_trips) = match *self {
            Self::Draw {
                seed,
                count,
                batch,
                first,
            } => {
                let [low, high] = crate::rng::key(seed);
                let constants = vec![
                    ("ROWS", rows.into()),
                    ("COUNT", count.into()),
                    ("BATCH", batch.into()),
                    ("FIRST", first.into()),
                    ("SEED_LOW", low.into()),
                    ("SEED_HIGH", high.into()),
                ];
                (constants, rows, DRAW_TRIPS)
            }
            Self::Apply => {
                let elements = inputs[0].elements();
                let constants = vec![("ROWS", rows.into()), ("SAMPLE", (elements / rows).into())];
                (constants, elements, 0)
            }
        };
        vec![Lowering::one(Dispatch {
            shader: "mixup",
            entry: self.pass(),
            constants,
            operands,
            invocations,
            loop_trips,
            flops: 3 * invocations as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("data has no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        match *self {
            Self::Draw {
                seed,
                count,
                batch,
                first,
            } => reference::mixup::draw(
                &inputs[0],
                &inputs[1],
                &inputs[2],
                seed,
                [count, batch, first],
            )
            .to_vec(),
            Self::Apply => vec![reference::mixup::apply(
                &inputs[0], &inputs[1], &inputs[2], &inputs[3],
            )],
        }
    }
}

/// A batch of one, whole batches and parts of them, the last of an epoch with its padding, an epoch that is over; samples of one element
/// and of odd sizes, of pictures and of tables; more invocations than a workgroup has.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // Samples of an epoch, rows of a batch, first row, rows, position, alpha.
    for (count, batch, first, rows, position, alpha) in [
        (1, 1, 0, 1, 0, 1.0),
        (100, 32, 0, 32, 0, 0.2),
        (100, 32, 0, 32, 96, 0.2),
        (100, 32, 16, 16, 64, 3.0),
        (100, 30, 20, 20, 90, 0.4),
        (50, 8, 0, 8, 50, 1.0),
        (1000, 131, 0, 131, 500, 0.05),
    ] {
        let mut counters = [0; state::COUNTERS];
        counters[state::EPOCH] = 5;
        counters[state::POSITION] = position;
        let op = Mixup::Draw {
            seed: 7 << 32 | 11,
            count,
            batch,
            first,
        };
        let table = shares(alpha).into_iter().map(f64::from).collect();
        let inputs = vec![
            CaseInput::words(&counters),
            CaseInput::below([rows], 1 << 20),
            CaseInput::floats([ENTRIES], Domain::Given(table)),
        ];
        cases.push(Case::new(op, inputs));
    }
    for dims in [
        &[1, 1][..],
        &[3, 7],
        &[5, 3, 3, 2],
        &[64, 8, 8, 1],
        &[7, 11, 13, 3],
    ] {
        let inputs = vec![
            CaseInput::normal(dims.to_vec()),
            CaseInput::normal(dims.to_vec()),
            CaseInput::floats([dims[0]], Domain::Positive),
            CaseInput::floats([dims[0]], Domain::Weights),
        ];
        cases.push(Case::new(Mixup::Apply, inputs));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest difference from a distribution whose quantiles are known.
    fn worst(alpha: f64, quantile: impl Fn(f64) -> f64) -> f64 {
        let table = shares(alpha);
        assert_eq!(table.len(), ENTRIES);
        let differences = table.iter().enumerate().map(|(entry, &share)| {
            let p = 0.5 + 0.5 * entry as f64 / INTERVALS as f64;
            (f64::from(share) - quantile(p)).abs()
        });
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn the_shares_are_those_of_distributions_that_are_known_in_closed_form() {
        // Beta(1, 1) is even, Beta(1/2, 1/2) the arcsine distribution.
        assert!(worst(1.0, |p| p) < 1e-6);
        let arcsine = |p: f64| (std::f64::consts::FRAC_PI_2 * p).sin().powi(2);
        assert!(worst(0.5, arcsine) < 1e-6, "{}", worst(0.5, arcsine));
        // Of Beta(2, 2) the distribution is 3x² - 2x³.
        for (entry, share) in shares(2.0).into_iter().enumerate() {
            let (x, p) = (
                f64::from(share),
                0.5 + 0.5 * entry as f64 / INTERVALS as f64,
            );
            assert!(
                (3.0 * x * x - 2.0 * x * x * x - p).abs() < 1e-6,
                "entry {entry}"
            );
        }
    }

    #[test]
    fn the_shares_grow_from_one_half_to_one_for_every_alpha() {
        for alpha in [0.01, 0.1, 0.2, 0.7, 1.0, 1.5, 4.0, 8.0] {
            let table = shares(alpha);
            assert!(table.is_sorted(), "alpha {alpha}");
            assert!((table[0] - 0.5).abs() < 1e-3, "alpha {alpha}: {}", table[0]);
            assert_eq!(table[INTERVALS], 1.0, "alpha {alpha}");
        }
        let mean = |alpha: f64| shares(alpha).iter().sum::<f32>() / ENTRIES as f32;
        assert!(
            mean(0.1) > 0.9 && mean(8.0) < 0.65,
            "a small alpha mixes little"
        );
    }

    fn draw(seed: u64, epoch: f64, position: f64, indices: std::ops::Range<u32>) -> Vec<Array> {
        let mut counters = Array::zeros([state::COUNTERS]);
        counters.data[state::EPOCH] = epoch;
        counters.data[state::POSITION] = position;
        let rows = indices.len();
        let op = Mixup::Draw {
            seed,
            count: 1000,
            batch: rows,
            first: 0,
        };
        let indices = Array::new([rows], indices.map(f64::from).collect());
        let table = shares(1.0).into_iter().map(f64::from).collect();
        op.reference(&[counters, indices, Array::new([ENTRIES], table)])
    }

    #[test]
    fn partners_are_drawn_evenly_among_real_rows_and_padding_has_none() {
        let drawn = draw(1, 0.0, 0.0, 0..1000);
        let mean = drawn[0].data.iter().sum::<f64>() / 1000.0;
        assert!((470.0..530.0).contains(&mean), "{mean}");
        let share = drawn[1].data.iter().sum::<f64>() / 1000.0;
        assert!((0.73..0.77).contains(&share), "even from 1/2 to 1: {share}");
        // Ten samples are left of the epoch.
        let last = draw(1, 0.0, 990.0, 0..32);
        assert!(
            last[0].data.iter().all(|&partner| partner < 10.0),
            "only real rows"
        );
        assert_eq!(last[1].data[10..], [1.0; 22]);
        assert_eq!(last[2].data[10..], [0.0; 22]);
        assert_ne!(draw(1, 1.0, 0.0, 0..1000)[1].data, drawn[1].data);
        assert_ne!(draw(2, 0.0, 0.0, 0..1000)[1].data, drawn[1].data);
    }
}
