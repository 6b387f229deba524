//! Gradients no longer than they may be.

use super::{reduce_sum, state};
use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `torch.nn.utils.clip_grad_norm_` with the 2-norm over the whole slab.
///
/// `gradients` (n), `schedule` → both, in place: gradients longer than `max_norm` are made as long as that, and
/// [`state::GRADIENT_NORM`] becomes their norm before. What does not influence the loss has a gradient of 0 and does not count.
#[derive(Clone, Copy, Debug)]
pub struct ClipNorm {
    /// The largest norm, above 0.
    pub max_norm: f32,
}

/// A sum of squares is cut into at most so many parts.
const MOST_PARTS: usize = 16_384;

/// The vec4s that an invocation squares, unless there are too many.
const WANTED: usize = 32;

impl Op for ClipNorm {
    fn name(&self) -> &'static str {
        "clip_norm"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let slab = inputs.first().cloned().unwrap_or(state::counters());
        if !(self.max_norm.is_finite() && self.max_norm > 0.0) || slab.dtype != DType::F32 {
            return Err(ShapeError::new(format!(
                "{self:?} of {slab}: floats are clipped to a norm above 0"
            )));
        }
        let tensors = [("gradients", slab), ("schedule", state::schedule())];
        state::expect("clip_norm", inputs, &tensors)?;
        Ok(inputs.to_vec())
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        let vec4s = count.div_ceil(4);
        let parts = vec4s.div_ceil(WANTED).min(MOST_PARTS);
        let kernel = |entry, operands, invocations, loop_trips, constant| Dispatch {
            shader: "clip_norm",
            entry,
            constants: vec![("COUNT", count.into()), constant],
            operands,
            invocations,
            loop_trips,
            flops: 2 * count as u64,
            fusion: Fusion::None,
        };
        let mut scratch = vec![parts];
        let mut dispatches = vec![kernel(
            "squares",
            vec![Operand::Input(0), Operand::Scratch(0)],
            parts,
            vec4s.div_ceil(parts),
            ("PARTS", parts.into()),
        )];
        let total = reduce_sum::total(parts, Operand::Scratch(0), &mut scratch, &mut dispatches);
        let update = |i| Operand::Update {
            input: i,
            output: i,
        };
        dispatches.push(kernel(
            "forward",
            vec![update(0), total, update(1)],
            vec4s,
            0,
            ("MAX_NORM", self.max_norm.into()),
        ));
        vec![Lowering::Kernels {
            scratch,
            dispatches,
        }]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        reference::clip_norm::forward(&inputs[0], &inputs[1], self.max_norm.into())
    }
}

/// Gradients that are long, short and zero; one part and many; ragged and whole slabs.
pub fn cases() -> Vec<Case> {
    let case = |size: usize, max_norm, domain| {
        Case::new(
            ClipNorm { max_norm },
            vec![
                CaseInput::floats([size], domain),
                CaseInput::normal([state::SCHEDULE]),
            ],
        )
    };
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006, 300_003] {
        cases.push(case(size, 0.01, Domain::Normal));
    }
    for size in [64, 260, 10_006] {
        cases.push(case(size, 0.5, Domain::Normal));
        cases.push(case(size, 1e4, Domain::Normal));
    }
    cases.push(case(2_200_001, 1.0, Domain::Normal));
    cases.push(case(67, 1.0, Domain::Given(vec![0.0; 67])));
    cases
}
