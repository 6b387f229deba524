//! A sum in place: gradients of the parts of a batch.

use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// `total`, `x` of the same shape → `total + x`, in the place of `total`.
#[derive(Clone, Copy, Debug)]
pub struct Accumulate;

impl Op for Accumulate {
    fn name(&self) -> &'static str {
        "accumulate"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match inputs {
            [total, x] if total == x && total.dtype == DType::F32 => Ok(vec![total.clone()]),
            _ => Err(ShapeError::new(format!(
                "accumulate of {inputs:?}: it takes two tensors of floats of one shape"
            ))),
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        let total = Operand::Update {
            input: 0,
            output: 0,
        };
        vec![Lowering::one(Dispatch {
            shader: "accumulate",
            entry: "forward",
            constants: vec![("COUNT", count.into())],
            operands: vec![total, Operand::Input(1)],
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::accumulate::forward(&inputs[0], &inputs[1])]
    }
}

/// One element and many; ragged and whole.
pub fn cases() -> Vec<Case> {
    let sizes = [1, 3, 64, 257, 260, 10_006];
    let slab = |size: usize| CaseInput::normal([size]);
    let flat = sizes.map(|size| Case::new(Accumulate, vec![slab(size), slab(size)]));
    let square = CaseInput::normal([7, 5]);
    let mut cases = flat.to_vec();
    cases.push(Case::new(Accumulate, vec![square.clone(), square]));
    cases
}
