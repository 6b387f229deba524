//! Averages of the parameters over the updates of a training.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// `averaged` (n), `parameters` (n) after their update, `counters` before they are advanced → the new average, in place. What
/// `averaged` holds before the first update does not matter.
#[derive(Clone, Copy, Debug)]
pub enum Average {
    /// The exponential moving average: `torch.optim.swa_utils.get_ema_multi_avg_fn`.
    Moving {
        /// How much of the average is kept; at least 0 and below 1. In f64, since what matters is the difference from 1.
        decay: f64,
    },
    /// The plain mean (stochastic weight averaging): `torch.optim.swa_utils.AveragedModel`.
    Equal {
        /// The first update, from 0, whose parameters count. Before it the average is the parameters themselves.
        begin: u32,
        /// From there on those after every so many updates count; at least 1.
        every: u32,
    },
}

impl Op for Average {
    fn name(&self) -> &'static str {
        "average"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Moving { .. } => "moving",
            Self::Equal { .. } => "equal",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let sound = match *self {
            Self::Moving { decay } => (0.0..1.0).contains(&decay),
            Self::Equal { every, .. } => every > 0,
        };
        let slab = inputs.first().cloned().unwrap_or(state::counters());
        if !sound || slab.dtype != DType::F32 {
            return Err(ShapeError::new(format!(
                "{self:?} of {slab}: floats are averaged, with a decay of at least 0 and below 1, or at least every update"
            )));
        }
        let tensors = [
            ("averaged", slab.clone()),
            ("parameters", slab.clone()),
            ("counters", state::counters()),
        ];
        state::expect("average", inputs, &tensors)?;
        Ok(vec![slab])
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "constants of the shader are f32, rounded once from f64"
    )]
    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        let mut constants = vec![("COUNT", count.into())];
        match *self {
            Self::Moving { decay } => {
                constants.push(("ONE_MINUS_DECAY", ((1.0 - decay) as f32).into()));
            }
            Self::Equal { begin, every } => {
                constants.extend([("BEGIN", begin.into()), ("EVERY", every.into())]);
            }
        }
        let averaged = Operand::Update {
            input: 0,
            output: 0,
        };
        vec![Lowering::one(Dispatch {
            shader: "average",
            entry: self.pass(),
            constants,
            operands: vec![averaged, Operand::Input(1), Operand::Input(2)],
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: 3 * count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (averaged, parameters) = (&inputs[0], &inputs[1]);
        let step = inputs[2].data[state::STEP];
        vec![match *self {
            Self::Moving { decay } => reference::average::moving(averaged, parameters, decay, step),
            Self::Equal { begin, every } => {
                reference::average::equal(averaged, parameters, begin.into(), every.into(), step)
            }
        }]
    }
}

/// The first update, those about the begin, those that count and those that do not; ragged and whole slabs.
pub fn cases() -> Vec<Case> {
    let case = |op, size: usize, step| {
        let slab = CaseInput::normal([size]);
        let counters = CaseInput::words(&[step, 3, 64, 0, 0, 0, 0, 0]);
        Case::new(op, vec![slab.clone(), slab, counters])
    };
    let moving = Average::Moving { decay: 0.9999 };
    let equal = |begin, every| Average::Equal { begin, every };
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006] {
        cases.push(case(moving, size, 0));
        cases.push(case(moving, size, 7));
        cases.push(case(equal(3, 2), size, 7));
    }
    for step in [0, 9, 10, 11, 14, 15, 16, 20, 1_000_000] {
        cases.push(case(equal(10, 5), 67, step));
    }
    cases.push(case(equal(0, 1), 67, 0));
    cases.push(case(equal(0, 1), 67, u32::MAX));
    cases.push(case(Average::Moving { decay: 0.0 }, 67, 5));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_averaged_and_nothing_else() {
        let run = |op: Average, values: &[f64]| {
            let mut averaged = Array::new([1], vec![f64::NAN]);
            for (step, &value) in values.iter().enumerate() {
                let mut counters = Array::zeros([8]);
                counters.data[state::STEP] = step as f64;
                let inputs = [averaged, Array::new([1], vec![value]), counters];
                averaged = op.reference(&inputs).remove(0);
            }
            averaged.data[0]
        };
        let values = [8.0, 1.0, 2.0, 100.0, 6.0, 100.0, 10.0];
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
        // Updates 2, 4 and 6.
        close(run(Average::Equal { begin: 2, every: 2 }, &values), 6.0);
        close(run(Average::Equal { begin: 9, every: 2 }, &values), 10.0);
        let decay = 0.5;
        close(run(Average::Moving { decay }, &values[..3]), 3.25);
    }
}
