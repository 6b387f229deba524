//! What ops that work element by element have in common.

use crate::graph::{
    CaseInput, Dispatch, Domain, Function, Fusion, Lowering, Operand, ShapeError, Stage, Tape,
    TensorType, Value,
};

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

/// What the derivative of a function of one number is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// The function's value.
    Output,
    /// Its argument.
    Input,
}

impl Saved {
    /// The tensor of a forward node that its backward node reads.
    pub(super) fn of(self, tape: &Tape<'_>) -> Value {
        match self {
            Self::Output => tape.outputs[0],
            Self::Input => tape.inputs[0],
        }
    }
}

/// The kernel of a pass of a function of one number, over `lib/unary.wgsl`.
pub(super) fn unary(
    function: Function,
    is_backward: bool,
    elements: usize,
    flops_per_element: u64,
) -> Lowering {
    let (entry, inputs, stage, chain) = if is_backward {
        ("backward", 2, Stage::ApplyDerivative(function), 1)
    } else {
        ("forward", 1, Stage::Apply(function), 0)
    };
    let fusion = Fusion::Guest { stage, chain };
    let shader = function.shader;
    let mut lowering = kernel(shader, entry, elements, inputs, flops_per_element, fusion);
    if let Lowering::Kernels { dispatches, .. } = &mut lowering {
        dispatches[0].constants.extend(function.constant);
    }
    lowering
}

/// Declares an op `y = f(x)`: `unary_op!(Relu, relu, Output, [1, 1])` is an enum `Relu` of two passes with the kernels of
/// `relu.wgsl` (over `lib/unary.wgsl`), the functions of `reference::relu`, a derivative in terms of its output (or `Input`), and
/// the floating-point operations of each pass per element. A function may depend on one number: of
/// `unary_op!(Elu { alpha: f32 = "ALPHA" }, …)` both passes have the field `alpha`, and `elu.wgsl` the constant `ALPHA`.
macro_rules! unary_op {
    (
        $(#[$doc:meta])* $op:ident $({ $(#[$of_field:meta])* $field:ident: $kind:ty = $constant:literal })?,
        $name:ident, $saved:ident, $flops:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $op {
            /// `x` → `y`.
            Forward $({ $(#[$of_field])* $field: $kind })?,
            /// `x` or `y`, `dy` → `dx`.
            Backward $({ $(#[$of_field])* $field: $kind })?,
        }

        impl $crate::graph::Op for $op {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn pass(&self) -> &'static str {
                match self {
                    Self::Forward { .. } => "forward",
                    Self::Backward { .. } => "backward",
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
                let [forward, backward]: [u64; 2] = $flops;
                let (is_backward, flops) = match self {
                    Self::Forward { .. } => (false, forward),
                    Self::Backward { .. } => (true, backward),
                };
                #[allow(unused_mut, unused_assignments, reason = "not every function has a constant")]
                let mut constant = None;
                $(
                    let (Self::Forward { $field } | Self::Backward { $field }) = *self;
                    constant = Some(($constant, $crate::graph::Constant::from($field)));
                )?
                let function = $crate::graph::Function {
                    shader: stringify!($name),
                    constant,
                };
                let elements = inputs[0].elements();
                vec![$crate::ops::elementwise::unary(function, is_backward, elements, flops)]
            }

            fn gradient(&self, tape: &mut $crate::graph::Tape<'_>) -> $crate::graph::Gradient {
                use $crate::graph::Gradient;
                match *self {
                    Self::Forward $({ $field })? => {
                        let saved = $crate::ops::elementwise::Saved::$saved.of(tape);
                        let backward = Self::Backward $({ $field })?;
                        let dx = tape.dy[0].map(|dy| tape.graph.one(backward, &[saved, dy]));
                        Gradient::Of(vec![dx])
                    }
                    Self::Backward { .. } => Gradient::None("second derivatives are not built"),
                }
            }

            fn reference(&self, inputs: &[$crate::graph::Array]) -> Vec<$crate::graph::Array> {
                use $crate::reference::$name;
                vec![match *self {
                    Self::Forward $({ $field })? => $name::forward(&inputs[0] $(, $field.into())?),
                    Self::Backward $({ $field })? => {
                        $name::backward(&inputs[0], &inputs[1] $(, $field.into())?)
                    }
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

/// Numbers about 0, and far beyond where a function is straight.
pub(super) fn far() -> CaseInput {
    let numbers = vec![
        -1e4, -1000.0, -89.0, -20.0, -6.0, -0.75, -0.3, -1e-4, 0.2, 1.5, 20.0, 89.0, 1e4,
    ];
    CaseInput::floats([numbers.len()], Domain::Given(numbers))
}
