//! Dynamic loss scaling: gradients of 16 bits that neither vanish nor overflow.

use super::{reduce_sum, state};
use crate::graph::{
    Array, Case, CaseInput, Constant, DType, Dispatch, Domain, Fusion, Gradient, Lowering, Op,
    Operand, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `torch.amp.GradScaler`, on the adapter. Its state is F32 ([`STATE`]): the scale, the updates since it last changed, how many
/// updates were left out, and a reserved word.
///
/// Source: Micikevicius et al., Mixed Precision Training, 2018.
#[derive(Clone, Copy, Debug)]
pub enum LossScale {
    /// `state` → the scale for each of `rows` rows: the gradient that a loss begins with.
    Forward {
        /// How many.
        rows: usize,
    },
    /// `gradients` (n), `groups`, `state` → gradients over the scale, groups for the optimiser, the scale for the next step.
    ///
    /// Where a gradient is not finite, gradients and groups become 0, so that an optimiser changes nothing, and the scale halves;
    /// after `interval` updates without that it doubles.
    Unscale {
        /// Updates, at least 1. PyTorch: 2000.
        interval: u32,
    },
}

/// Words of the state.
pub const STATE: usize = 4;

/// In the state: what gradients are multiplied by, a power of two.
pub const SCALE: usize = 0;

/// In the state: how many updates were left out.
pub const LEFT_OUT: usize = 2;

/// PyTorch's first scale.
pub const FIRST: f32 = 65_536.0;

/// PyTorch's `growth_interval`.
pub const INTERVAL: u32 = 2000;

/// The largest scale.
const MOST: f32 = 16_777_216.0;

/// Gradients are looked through in at most so many parts.
const MOST_PARTS: usize = 16_384;

/// The vec4s that an invocation looks at, unless there are too many.
const WANTED: usize = 32;

/// The type of the state.
pub fn state() -> TensorType {
    TensorType::f32([STATE])
}

impl Op for LossScale {
    fn name(&self) -> &'static str {
        "loss_scale"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Unscale { .. } => "unscale",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match *self {
            Self::Forward { rows } => {
                state::expect("loss_scale", inputs, &[("state", state())])?;
                Ok(vec![TensorType::f32([rows])])
            }
            Self::Unscale { interval } => {
                let slab = inputs.first().cloned().unwrap_or(state::counters());
                if interval == 0 || slab.dtype != DType::F32 || slab.shape.rank() != 1 {
                    return Err(ShapeError::new(format!(
                        "{self:?} of {slab}: it takes a slab of floats and an interval above 0"
                    )));
                }
                let groups = state::groups(slab.elements());
                let tensors = [("gradients", slab), ("groups", groups), ("state", state())];
                state::expect("loss_scale", inputs, &tensors)?;
                Ok(inputs.to_vec())
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        match *self {
            Self::Forward { rows } => vec![Lowering::one(dispatch(
                "forward",
                vec![("COUNT", rows.into())],
                vec![Operand::Input(0), Operand::Output(0)],
                rows.div_ceil(4),
                0,
            ))],
            Self::Unscale { interval } => vec![unscale(inputs[0].elements(), interval)],
        }
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("it belongs to an update, which is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        match *self {
            Self::Forward { rows } => vec![reference::loss_scale::forward(&inputs[0], rows)],
            Self::Unscale { interval } => reference::loss_scale::unscale(
                &inputs[0],
                &inputs[1],
                &inputs[2],
                interval.into(),
                MOST.into(),
            ),
        }
    }
}

fn dispatch(
    entry: &'static str,
    constants: Vec<(&'static str, Constant)>,
    operands: Vec<Operand>,
    invocations: usize,
    loop_trips: usize,
) -> Dispatch {
    Dispatch {
        shader: "loss_scale",
        entry,
        constants,
        operands,
        invocations,
        loop_trips,
        flops: invocations as u64,
        fusion: Fusion::None,
    }
}

/// Looks through all gradients, divides them, and sets the next scale.
#[expect(clippy::cast_precision_loss, reason = "intervals are small")]
fn unscale(count: usize, interval: u32) -> Lowering {
    let vec4s = count.div_ceil(4);
    let parts = vec4s.div_ceil(WANTED).min(MOST_PARTS);
    let mut scratch = vec![parts];
    let mut dispatches = vec![dispatch(
        "scan",
        vec![("COUNT", count.into()), ("PARTS", parts.into())],
        vec![Operand::Input(0), Operand::Scratch(0)],
        parts,
        vec4s.div_ceil(parts),
    )];
    let found = reduce_sum::total(parts, Operand::Scratch(0), &mut scratch, &mut dispatches);
    let update = |i| Operand::Update {
        input: i,
        output: i,
    };
    dispatches.push(dispatch(
        "unscale",
        vec![("COUNT", count.into())],
        vec![
            update(0),
            Operand::Input(1),
            Operand::Output(1),
            Operand::Input(2),
            found,
        ],
        vec4s,
        0,
    ));
    let limits = vec![
        ("INTERVAL", (interval as f32).into()),
        ("MOST", MOST.into()),
    ];
    dispatches.push(dispatch("adjust", limits, vec![update(2), found], 1, 0));
    Lowering::Kernels {
        scratch,
        dispatches,
    }
}

/// Gradients that are finite and not, in the first element and in the last; one part and many; a scale that doubles, halves, is as
/// large or as small as it gets.
pub fn cases() -> Vec<Case> {
    let words = |words: [f64; STATE]| CaseInput::floats([STATE], Domain::Given(words.to_vec()));
    let unscale = |gradients: CaseInput, state: [f64; STATE]| {
        let groups = state::groups(gradients.tensor.elements()).shape;
        let groups = CaseInput::floats(groups, Domain::Weights);
        let op = LossScale::Unscale { interval: 3 };
        Case::new(op, vec![gradients, groups, words(state)])
    };
    let broken = |count: usize, at: usize, value: f64| {
        let mut numbers: Vec<f64> = (0..count).map(|i| 0.5 + i as f64).collect();
        numbers[at] = value;
        CaseInput::floats([count], Domain::Given(numbers))
    };
    let forward = |rows| {
        let op = LossScale::Forward { rows };
        Case::new(op, vec![words([1024.0, 1.0, 0.0, 0.0])])
    };
    let mut cases = [1, 3, 64, 257].map(forward).to_vec();
    for count in [1, 64, 67, 260, 10_006, 2_200_001] {
        cases.push(unscale(CaseInput::normal([count]), [1024.0, 1.0, 5.0, 0.0]));
    }
    for state in [[512.0, 2.0, 0.0, 0.0], [f64::from(MOST), 2.0, 0.0, 0.0]] {
        cases.push(unscale(CaseInput::normal([130]), state));
    }
    for (count, at, value) in [
        (1, 0, f64::NAN),
        (67, 0, f64::INFINITY),
        (67, 66, f64::NEG_INFINITY),
        (10_006, 10_005, f64::NAN),
    ] {
        cases.push(unscale(broken(count, at, value), [2.0, 1.0, 7.0, 0.0]));
    }
    cases.push(unscale(broken(7, 3, f64::NAN), [1.0, 1.0, 7.0, 0.0]));
    cases
}
