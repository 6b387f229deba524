//! Elements are zeroed at random, the others grow by as much.

use super::elementwise;
use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// Dropout (Srivastava et al. 2014), as PyTorch's: what is kept is divided by `1 − p`. `x` (N, …, C), `counters` → `y`.
///
/// Nothing of what was drawn is stored: the mask is a function of the seed, the layer, the step and the place of the element in the
/// whole batch, so that the gradient is the same op again, and the parts of a batch are masked as the whole would be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// What the mask is drawn from.
    pub seed: u64,
    /// Which of the layers it is: no two draw the same.
    pub layer: u32,
    /// The place of the first sample in the whole batch.
    pub first: usize,
    /// Whether whole channels are zeroed.
    pub channels: bool,
    /// The probability of a zero, below 1.
    pub p: f32,
}

/// Loop iterations of one invocation: up to four blocks of `philox`.
const TRIPS: usize = 4 * 10;

impl Dropout {
    /// The first word that keeps an element.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "p is from 0 to below 1"
    )]
    fn threshold(self) -> u32 {
        (f64::from(self.p) * 2.0_f64.powi(32)).ceil() as u32
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let x = inputs[0].clone();
        let floats = TensorType::f32(x.shape.clone());
        state::expect(
            "dropout",
            inputs,
            &[("x", floats), ("counters", state::counters())],
        )?;
        let dims = x.shape.dims();
        if dims.is_empty() || x.elements() == 0 || !(0.0..1.0).contains(&self.p) {
            return Err(ShapeError::new(format!(
                "dropout of {x} with p = {}: it takes samples, and p is from 0 to below 1",
                self.p
            )));
        }
        let per_sample = x.elements() / dims[0];
        let last = self
            .first
            .saturating_add(dims[0])
            .saturating_mul(per_sample);
        if u32::try_from(last).is_err() {
            return Err(ShapeError::new(format!(
                "dropout of {x}: a batch with more than 2^32 elements cannot be counted"
            )));
        }
        Ok(vec![x])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[0].shape;
        let elements = inputs[0].elements();
        let per_sample = elements / shape.dims()[0];
        let [low, high] = crate::rng::key(self.seed);
        vec![Lowering::one(Dispatch {
            shader: "dropout",
            entry: "forward",
            constants: vec![
                ("COUNT", elements.into()),
                ("SEED_LOW", low.into()),
                ("SEED_HIGH", high.into()),
                ("LAYER", self.layer.into()),
                ("FIRST", (self.first * per_sample).into()),
                ("FIRST_SAMPLE", self.first.into()),
                ("PER_SAMPLE", per_sample.into()),
                ("C", shape.last().into()),
                ("THRESHOLD", self.threshold().into()),
                ("SCALE", (1.0 / (1.0 - self.p)).into()),
                ("CHANNELS", self.channels.into()),
            ],
            operands: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            invocations: elements.div_ceil(4),
            loop_trips: TRIPS,
            flops: elements as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let counters = tape.inputs[1];
        let dx = tape.dy[0].map(|dy| tape.graph.one(*self, &[dy, counters]));
        Gradient::Of(vec![dx, None])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::dropout::forward(
            &inputs[0],
            &inputs[1],
            self.seed,
            self.layer,
            self.first,
            self.channels,
            f64::from(self.p),
        )]
    }
}

/// Shapes with and without a ragged last `vec4`, below and beyond a workgroup; whole batches and parts that begin inside of a block;
/// elements and channels; few zeros and many.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let op = Dropout {
        seed: 0x1_0000_0007,
        layer: 0,
        first: 0,
        channels: false,
        p: 0.5,
    };
    let counters = || CaseInput::words(&[7, 1, 64, 0, 0, 0, 0, 0]);
    for (i, &size) in elementwise::SIZES.iter().enumerate() {
        let op = Dropout {
            layer: u32::from(i % 2 == 1),
            first: i,
            p: [0.5, 0.1, 0.9][i % 3],
            ..op
        };
        // A single element may be dropped: then its gradient is 0.
        let rows = if size == 1 { 9 } else { 1 };
        cases.push(Case::new(
            op,
            vec![CaseInput::normal([rows, size]), counters()],
        ));
    }
    let shapes: &[&[usize]] = &[&[13, 5], &[5, 3, 3, 4], &[3, 4, 7, 6], &[67, 20]];
    for (i, dims) in shapes.iter().enumerate() {
        for channels in [false, true] {
            let op = Dropout {
                layer: 3,
                first: 5 * i,
                channels,
                p: 0.25,
                ..op
            };
            cases.push(Case::new(
                op,
                vec![CaseInput::normal(dims.to_vec()), counters()],
            ));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(op: Dropout, samples: usize, step: f64) -> Vec<f64> {
        let x = Array::new([samples, 6], vec![1.0; 6 * samples]);
        let counters = Array::new([8], vec![step, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        op.reference(&[x, counters]).swap_remove(0).data
    }

    const OP: Dropout = Dropout {
        seed: 11,
        layer: 2,
        first: 0,
        channels: false,
        p: 0.3,
    };

    #[test]
    fn the_parts_of_a_batch_are_masked_as_the_whole_is() {
        for channels in [false, true] {
            let op = Dropout { channels, ..OP };
            let whole = masked(op, 7, 3.0);
            let rest = masked(Dropout { first: 3, ..op }, 4, 3.0);
            assert_eq!([masked(op, 3, 3.0), rest].concat(), whole);
        }
    }

    #[test]
    fn as_many_are_zeroed_as_asked_for_and_the_mean_stays() {
        let y = masked(OP, 5000, 0.0);
        let zeros = y.iter().filter(|y| **y == 0.0).count() as f64 / 30_000.0;
        // Three deviations of a binomial distribution.
        assert!(
            (zeros - 0.3).abs() < 3.0 * (0.21_f64 / 30_000.0).sqrt(),
            "{zeros}"
        );
        let mean = y.iter().sum::<f64>() / 30_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn layers_steps_and_seeds_draw_masks_of_their_own() {
        let first = masked(OP, 20, 0.0);
        assert_ne!(masked(OP, 20, 1.0), first);
        assert_ne!(masked(Dropout { layer: 3, ..OP }, 20, 0.0), first);
        assert_ne!(masked(Dropout { seed: 12, ..OP }, 20, 0.0), first);
    }
}
