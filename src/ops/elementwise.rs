//! What ops that work element by element have in common.

use crate::graph::{Dispatch, Fusion, Lowering, Operand, ShapeError, TensorType};

/// One kernel over `elements` elements, a `vec4` per invocation, with the operands of `lib/unary.wgsl` or `lib/binary.wgsl`.
pub(super) fn kernel(
    shader: &'static str,
    entry: &'static str,
    elements: usize,
    inputs: usize,
    flops_per_element: u64,
    fusion: Fusion,
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
        fusion,
    })
}

/// Declares an op `y = f(x)` whose derivative follows from its value: `unary_op!(Relu, relu, [1, 1])` is an enum `Relu` of two
/// passes with the kernels of `relu.wgsl` (over `lib/unary.wgsl`), the functions of `reference::relu`, and the floating-point
/// operations of each pass per element.
macro_rules! unary_op {
    ($(#[$doc:meta])* $op:ident, $name:ident, $flops:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $op {
            /// `x` → `y`.
            Forward,
            /// `y, dy` → `dx`.
            Backward,
        }

        impl $crate::graph::Op for $op {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn pass(&self) -> &'static str {
                match self {
                    Self::Forward => "forward",
                    Self::Backward => "backward",
                }
            }

            fn infer(
                &self,
                inputs: &[$crate::graph::TensorType],
            ) -> Result<Vec<$crate::graph::TensorType>, $crate::graph::ShapeError> {
                $crate::ops::elementwise::same_shape(self.name(), inputs)
            }

            fn lower(
                &self,
                inputs: &[$crate::graph::TensorType],
                _: &[$crate::graph::TensorType],
                _: &$crate::graph::Target,
            ) -> Vec<$crate::graph::Lowering> {
                let flops: [u64; 2] = $flops;
                vec![$crate::ops::elementwise::kernel(
                    self.name(),
                    self.pass(),
                    inputs[0].elements(),
                    inputs.len(),
                    flops[*self as usize],
                    match self {
                        Self::Forward => $crate::graph::Fusion::Guest {
                            stage: $crate::graph::Stage::Apply(stringify!($name)),
                            chain: 0,
                        },
                        Self::Backward => $crate::graph::Fusion::Guest {
                            stage: $crate::graph::Stage::ApplyDerivative(stringify!($name)),
                            chain: 1,
                        },
                    },
                )]
            }

            fn gradient(&self, tape: &mut $crate::graph::Tape<'_>) -> $crate::graph::Gradient {
                use $crate::graph::Gradient;
                match self {
                    Self::Forward => Gradient::Of(vec![
                        tape.dy[0].map(|dy| tape.graph.one(Self::Backward, &[tape.outputs[0], dy])),
                    ]),
                    Self::Backward => Gradient::None("second derivatives are not built"),
                }
            }

            fn reference(&self, inputs: &[$crate::graph::Array]) -> Vec<$crate::graph::Array> {
                vec![match self {
                    Self::Forward => $crate::reference::$name::forward(&inputs[0]),
                    Self::Backward => $crate::reference::$name::backward(&inputs[0], &inputs[1]),
                }]
            }
        }
    };
}
pub(super) use unary_op;

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

/// Element counts that prove an elementwise kernel: one, a last `vec4` of every raggedness, just off a workgroup, many workgroups.
pub(super) const SIZES: [usize; 6] = [1, 3, 64, 257, 4 * 64 + 4, 10_006];
