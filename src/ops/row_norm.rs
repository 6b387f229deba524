//! What ops have in common that normalise rows of the innermost axis (`shaders/lib/row_norm.wgsl`).

use super::reduce_sum;
use super::rowwise;
use crate::graph::{Constant, Dispatch, Fusion, Lowering, Operand, ShapeError, TensorType};

/// Loops of an invocation along a row.
const PASSES: usize = 4;

/// Rows whose terms of dweight and dbias an invocation adds up.
const CHUNK: usize = 32;

/// What there is of weights and biases (a bias stands beside a weight), and what is added under the root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) weight: bool,
    pub(super) bias: bool,
    pub(super) epsilon: f32,
}

use Operand::{Input, Output, Scratch};

impl Affine {
    /// Inputs beside `x`.
    fn rows(self) -> usize {
        usize::from(self.weight) + usize::from(self.bias)
    }

    /// The type of `y`, or why there is none: `x` and the rows are the inputs.
    pub(super) fn forward_type(
        self,
        op: &str,
        inputs: &[TensorType],
    ) -> Result<TensorType, ShapeError> {
        let x = &inputs[0];
        rowwise::extents(op, &x.shape, PASSES)?;
        let row = TensorType::f32([x.shape.last()]);
        let others = &inputs[1..];
        if others.len() != self.rows() || others.iter().any(|other| *other != row) {
            return Err(ShapeError::new(format!(
                "{op} of {x} with {others:?}: there must be {} rows of {row}",
                self.rows()
            )));
        }
        Ok(x.clone())
    }

    /// The types of `dx` and of the gradient of each row; `x`, `dy` and the weight, where there is one, are the inputs.
    pub(super) fn backward_types(self, x: &TensorType) -> Vec<TensorType> {
        let row = TensorType::f32([x.shape.last()]);
        let mut types = vec![x.clone()];
        types.resize(1 + self.rows(), row);
        types
    }

    fn constants(self, [rows, columns]: [usize; 2]) -> Vec<(&'static str, Constant)> {
        vec![
            ("ROWS", rows.into()),
            ("C", columns.into()),
            ("CHUNK", CHUNK.into()),
            ("EPSILON", self.epsilon.into()),
            ("VEC4", (columns % 4 == 0).into()),
            ("WEIGHT", self.weight.into()),
            ("BIAS", self.bias.into()),
        ]
    }

    /// The kernel of the forward pass.
    pub(super) fn forward(self, shader: &'static str, x: &TensorType) -> Lowering {
        let [rows, columns] = [x.shape.rows(), x.shape.last()];
        let mut operands = vec![Input(0), Output(0)];
        operands.extend((0..self.rows()).map(|row| Input(1 + row)));
        Lowering::one(Dispatch {
            shader,
            entry: "forward",
            constants: self.constants([rows, columns]),
            operands,
            invocations: rows,
            loop_trips: PASSES * columns,
            flops: (8 * rows * columns) as u64,
            fusion: Fusion::host(columns % 4 == 0),
        })
    }

    /// The kernels of the backward pass: `x`, `dy` and the weight → `dx` and the gradients of the rows.
    pub(super) fn backward(self, shader: &'static str, x: &TensorType) -> Lowering {
        let [rows, columns] = [x.shape.rows(), x.shape.last()];
        let mut operands = vec![Input(0), Input(1), Output(0), Scratch(0)];
        operands.extend(self.weight.then_some(Input(2)));
        let constants = self.constants([rows, columns]);
        let lanes = if columns % 4 == 0 { 4 } else { 1 };
        let mut dispatches = vec![Dispatch {
            shader,
            entry: "backward",
            constants: constants.clone(),
            operands,
            invocations: rows,
            loop_trips: PASSES * columns,
            flops: (14 * rows * columns) as u64,
            fusion: Fusion::None,
        }];
        let chunks = rows.div_ceil(CHUNK);
        let mut scratch = vec![2 * rows];
        if self.rows() > 0 {
            scratch.extend([chunks * columns; 2]);
            dispatches.push(Dispatch {
                shader,
                entry: "column_sums",
                constants,
                operands: vec![Input(0), Input(1), Scratch(0), Scratch(1), Scratch(2)],
                invocations: chunks * columns / lanes,
                loop_trips: CHUNK,
                flops: (5 * rows * columns) as u64,
                fusion: Fusion::None,
            });
            for row in 0..self.rows() {
                let (from, to) = (Scratch(1 + row), Output(1 + row));
                let sums = reduce_sum::planes([chunks, columns], from, to, &mut scratch);
                dispatches.extend(sums);
            }
        }
        Lowering::Kernels {
            scratch,
            dispatches,
        }
    }
}

/// Shapes that prove it: one row, short and long rows with and without `vec4`s, just off a workgroup and a chunk, more than two axes.
pub(super) const SHAPES: &[&[usize]] = &[
    &[1, 5],
    &[7, 6],
    &[33, 12],
    &[65, 3],
    &[2, 3, 5, 8],
    &[3, 131],
    &[131, 20],
];
