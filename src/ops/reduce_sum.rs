//! `y = scale · Σ x` over neighbouring axes: sums and means.

use std::ops::Range;

use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, Shape, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// Sum over a range of neighbouring axes, times a factor.
#[derive(Clone, Debug)]
pub enum ReduceSum {
    /// `x` → `y`, the axes gone.
    Forward {
        /// The axes that are summed over.
        axes: Range<usize>,
        /// The factor: 1 for a sum, 1/count for a mean.
        scale: f32,
    },
    /// `dy` → `dx`: every summand gets `scale · dy`.
    Backward {
        /// The axes that were summed over.
        axes: Range<usize>,
        /// The factor of the forward pass.
        scale: f32,
        /// The shape of `x`.
        input: Shape,
    },
}

impl ReduceSum {
    /// The sum over `axes`.
    pub fn sum(axes: Range<usize>) -> Self {
        Self::Forward { axes, scale: 1.0 }
    }

    /// The mean over `axes` of a tensor of this shape.
    pub fn mean(axes: Range<usize>, shape: &Shape) -> Self {
        let count: usize = shape.dims()[axes.clone()].iter().product();
        Self::Forward {
            axes,
            scale: 1.0 / count as f32,
        }
    }
}

/// Extents before, within and after the axes.
fn extents(shape: &Shape, axes: &Range<usize>) -> [usize; 3] {
    let dims = shape.dims();
    let product = |dims: &[usize]| dims.iter().product();
    [
        product(&dims[..axes.start]),
        product(&dims[axes.clone()]),
        product(&dims[axes.end..]),
    ]
}

/// Sums of at most this many elements are one stage; longer ones are cut so that rounding errors and idle cores stay few.
const MAX_CHUNK: usize = 1024;

/// Below this many invocations a sum is cut to give every core work.
const WANTED_INVOCATIONS: usize = 2048;

/// The kernels that sum (outer, reduced, inner) over its middle axis, times `scale`: chunks of at most `chunk` elements first,
/// then their sums. What lies between them are new scratch buffers.
fn stages(
    extents: [usize; 3],
    mut chunk: usize,
    scale: f32,
    mut from: Operand,
    to: Operand,
    scratch: &mut Vec<usize>,
) -> Vec<Dispatch> {
    let mut dispatches = Vec::new();
    let mut left = extents;
    while left[1] > chunk {
        let [outer, reduced, inner] = left;
        let between = Operand::Scratch(scratch.len());
        dispatches.push(stage(left, chunk, 1.0, from, between));
        // The chunks lie outermost: from then on (1, chunks, outer · inner).
        left = [1, reduced.div_ceil(chunk), outer * inner];
        scratch.push(left[1] * left[2]);
        from = between;
        chunk = MAX_CHUNK;
    }
    dispatches.push(stage(left, left[1], scale, from, to));
    dispatches
}

/// The sum of `count` floats in `from`, by kernels that are added to `dispatches`; where it lies.
pub(super) fn total(
    count: usize,
    from: Operand,
    scratch: &mut Vec<usize>,
    dispatches: &mut Vec<Dispatch>,
) -> Operand {
    if count == 1 {
        return from;
    }
    let to = Operand::Scratch(scratch.len());
    scratch.push(1);
    dispatches.extend(stages([1, count, 1], MAX_CHUNK, 1.0, from, to, scratch));
    to
}

/// A node whose kernel leaves `planes` partial results of `elements` in the scratch buffer it is given, and the kernels that add
/// them up in a fixed order. A single plane is the result.
pub(super) fn of_planes(
    planes: usize,
    elements: usize,
    kernel: impl FnOnce(Operand) -> Dispatch,
) -> Lowering {
    if planes == 1 {
        return Lowering::one(kernel(Operand::Output(0)));
    }
    let mut scratch = vec![planes * elements];
    let mut dispatches = vec![kernel(Operand::Scratch(0))];
    dispatches.extend(stages(
        [1, planes, elements],
        MAX_CHUNK,
        1.0,
        Operand::Scratch(0),
        Operand::Output(0),
        &mut scratch,
    ));
    Lowering::Kernels {
        scratch,
        dispatches,
    }
}

/// The kernels that add up so many planes of so many elements in a fixed order.
pub(super) fn planes(
    [planes, elements]: [usize; 2],
    from: Operand,
    to: Operand,
    scratch: &mut Vec<usize>,
) -> Vec<Dispatch> {
    stages([1, planes, elements], MAX_CHUNK, 1.0, from, to, scratch)
}

/// The kernel of (outer, reduced, inner) → (chunks, outer, inner), each chunk the sum of `chunk` elements of the middle axis, times
/// `scale`.
fn stage(
    [outer, reduced, inner]: [usize; 3],
    chunk: usize,
    scale: f32,
    from: Operand,
    to: Operand,
) -> Dispatch {
    let chunks = reduced.div_ceil(chunk);
    let (entry, lanes) = if inner % 4 == 0 {
        ("forward_vec4", inner / 4)
    } else {
        ("forward", inner)
    };
    Dispatch {
        shader: "reduce_sum",
        entry,
        constants: vec![
            ("OUTER", outer.into()),
            ("REDUCED", reduced.into()),
            ("INNER", inner.into()),
            ("CHUNK", chunk.into()),
            ("SCALE", scale.into()),
        ],
        operands: vec![from, to],
        invocations: chunks * outer * lanes,
        loop_trips: chunk,
        flops: (outer * reduced * inner) as u64,
        fusion: Fusion::None,
    }
}

impl Op for ReduceSum {
    fn name(&self) -> &'static str {
        "reduce_sum"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match self {
            Self::Forward { axes, .. } => {
                let dims = inputs[0].shape.dims();
                if axes.start >= axes.end || axes.end > dims.len() {
                    return Err(ShapeError::new(format!(
                        "reduce_sum of {} over axes {axes:?}: there are {} axes",
                        inputs[0].shape,
                        dims.len()
                    )));
                }
                let mut left = dims.to_vec();
                left.drain(axes.clone());
                if left.is_empty() {
                    left.push(1);
                }
                Ok(vec![TensorType::f32(left)])
            }
            Self::Backward { input, .. } => Ok(vec![TensorType::f32(input.clone())]),
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![match self {
            Self::Forward { axes, scale } => {
                let [outer, reduced, inner] = extents(&inputs[0].shape, axes);
                let lanes = if inner % 4 == 0 { inner / 4 } else { inner };
                // At least 32 summands to a chunk, at most MAX_CHUNK, and about WANTED_INVOCATIONS of them.
                let chunks = WANTED_INVOCATIONS.div_ceil(outer * lanes).min(reduced / 32);
                let chunk = reduced.div_ceil(chunks.max(1)).min(MAX_CHUNK);
                let mut scratch = Vec::new();
                let dispatches = stages(
                    [outer, reduced, inner],
                    chunk,
                    *scale,
                    Operand::Input(0),
                    Operand::Output(0),
                    &mut scratch,
                );
                Lowering::Kernels {
                    scratch,
                    dispatches,
                }
            }
            Self::Backward { axes, scale, input } => {
                let [outer, reduced, inner] = extents(input, axes);
                Lowering::one(Dispatch {
                    shader: "reduce_sum",
                    entry: "backward",
                    constants: vec![
                        ("OUTER", outer.into()),
                        ("REDUCED", reduced.into()),
                        ("INNER", inner.into()),
                        ("SCALE", (*scale).into()),
                    ],
                    operands: vec![Operand::Input(0), Operand::Output(0)],
                    invocations: outputs[0].elements(),
                    loop_trips: 0,
                    flops: outputs[0].elements() as u64,
                    fusion: Fusion::None,
                })
            }
        }]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match self {
            Self::Forward { axes, scale } => {
                let input = tape.graph.shape(tape.inputs[0]).clone();
                Gradient::Of(vec![tape.dy[0].map(|dy| {
                    tape.graph.one(
                        Self::Backward {
                            axes: axes.clone(),
                            scale: *scale,
                            input,
                        },
                        &[dy],
                    )
                })])
            }
            Self::Backward { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Forward { axes, scale } => {
                reference::reduce_sum::forward(&inputs[0], axes.clone(), f64::from(*scale))
            }
            Self::Backward { axes, scale, input } => {
                reference::reduce_sum::backward(&inputs[0], input, axes.clone(), f64::from(*scale))
            }
        }]
    }
}

/// First, middle and last axes; one stage and two; inner extents with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], Range<usize>)] = &[
        (&[1], 0..1),
        (&[100], 0..1),
        (&[7, 5], 0..1),
        (&[7, 5], 1..2),
        (&[3, 5, 8], 1..2),
        (&[2, 3, 5, 12], 0..3),
        (&[4099, 3], 0..1),
        (&[1031, 32], 0..1),
        (&[3, 2111], 1..2),
        (&[2, 301, 7], 0..3),
        (&[70_001], 0..1),
    ];
    list.iter()
        .map(|(dims, axes)| {
            let shape = Shape::new(*dims);
            let op = if dims.len() == 2 {
                ReduceSum::mean(axes.clone(), &shape)
            } else {
                ReduceSum::sum(axes.clone())
            };
            Case::new(op, vec![CaseInput::normal(shape)])
        })
        .collect()
}
