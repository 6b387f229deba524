//! Gradients whose elements are no larger than they may be.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `torch.nn.utils.clip_grad_value_`: `gradients` (n) → the same, in place, each within `-limit..=limit`. NaN stays NaN.
#[derive(Clone, Copy, Debug)]
pub struct ClipValue {
    /// The largest magnitude, above 0.
    pub limit: f32,
}

impl Op for ClipValue {
    fn name(&self) -> &'static str {
        "clip_value"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let slab = inputs.first().cloned().unwrap_or(state::counters());
        if !(self.limit.is_finite() && self.limit > 0.0) || slab.dtype != DType::F32 {
            return Err(ShapeError::new(format!(
                "{self:?} of {slab}: floats are clipped to a limit above 0"
            )));
        }
        state::expect("clip_value", inputs, &[("gradients", slab)])?;
        Ok(inputs.to_vec())
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        vec![Lowering::one(Dispatch {
            shader: "clip_value",
            entry: "forward",
            constants: vec![("COUNT", count.into()), ("LIMIT", self.limit.into())],
            operands: vec![Operand::Update {
                input: 0,
                output: 0,
            }],
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: 2 * count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::clip_value::forward(
            &inputs[0],
            self.limit.into(),
        )]
    }
}

/// Limits that most, few and no elements exceed; what is not finite; ragged and whole slabs.
pub fn cases() -> Vec<Case> {
    let case = |size: usize, limit, domain| {
        Case::new(ClipValue { limit }, vec![CaseInput::floats([size], domain)])
    };
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006] {
        for limit in [0.05, 0.25] {
            cases.push(case(size, limit, Domain::Normal));
        }
    }
    cases.push(case(67, 2.0, Domain::Normal));
    cases.push(case(67, 100.0, Domain::Normal));
    let odd = vec![0.5, f64::INFINITY, f64::NEG_INFINITY, -2.0, 0.0];
    cases.push(case(5, 1.0, Domain::Given(odd)));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_not_clipped_to_one() {
        let gradients = Array::new([2], vec![f64::NAN, 3.0]);
        let clipped = &ClipValue { limit: 1.0 }.reference(&[gradients])[0];
        assert!(clipped.data[0].is_nan());
        assert!((clipped.data[1] - 1.0).abs() < 1e-12);
    }
}
