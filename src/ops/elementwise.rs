//! What ops that work element by element have in common.

use crate::graph::{Dispatch, Lowering, Operand, ShapeError, TensorType};

/// One kernel over `elements` elements, a `vec4` per invocation, with the operands of `lib/unary.wgsl` or `lib/binary.wgsl`.
pub(super) fn kernel(
    shader: &'static str,
    entry: &'static str,
    elements: usize,
    inputs: usize,
    flops_per_element: u64,
) -> Lowering {
    let mut operands: Vec<Operand> = (0..inputs).map(Operand::Input).collect();
    operands.push(Operand::Output(0));
    Lowering::one(Dispatch {
        shader,
        entry,
        constants: vec![("COUNT", elements.into())],
        operands,
        invocations: elements.div_ceil(4),
        loop_trips: 0,
        flops: elements as u64 * flops_per_element,
    })
}

/// The output has the type of the inputs, which must all be the same.
pub(super) fn same_shape(op: &str, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
    let first = &inputs[0];
    for other in &inputs[1..] {
        if other != first {
            return Err(ShapeError::new(format!(
                "{op} of {first} and {other}: the shapes must be the same"
            )));
        }
    }
    Ok(vec![first.clone()])
}

/// Element counts that prove an elementwise kernel: one, a ragged last `vec4`, just off a workgroup, many workgroups.
pub(super) const SIZES: [usize; 6] = [1, 3, 64, 257, 4 * 64 + 4, 10_007];
