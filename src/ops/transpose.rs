//! The axes in another order, as `torch.permute`.

use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// The most axes a transposition can have.
const MAX_RANK: usize = 4;

/// `x` with its axes in another order.
#[derive(Clone, Debug)]
pub struct Transpose {
    /// Axis `i` of `y` is axis `perm[i]` of `x`.
    pub perm: Vec<usize>,
}

impl Op for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let dims = inputs[0].shape.dims();
        let refuse = |why: &str| {
            Err(ShapeError::new(format!(
                "transpose of {} to axes {:?}: {why}",
                inputs[0].shape, self.perm
            )))
        };
        if dims.len() > MAX_RANK {
            return refuse("there are more than four axes");
        }
        if self.perm.len() != dims.len() || (0..dims.len()).any(|axis| !self.perm.contains(&axis)) {
            return refuse("each axis must be named once");
        }
        let permuted: Vec<usize> = self.perm.iter().map(|&axis| dims[axis]).collect();
        Ok(vec![TensorType::f32(permuted)])
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let dims = inputs[0].shape.dims();
        let rank = dims.len();
        // A vec4 moves as one where the innermost axis stays.
        let whole = rank > 0 && self.perm[rank - 1] == rank - 1 && dims[rank - 1].is_multiple_of(4);
        let (entry, lanes) = if whole {
            ("forward_vec4", 4)
        } else {
            ("forward", 1)
        };
        // Axes are added in front up to four; all counts are of elements or of vec4s.
        let mut extents = [1; MAX_RANK];
        let mut strides = [0; MAX_RANK];
        for (i, &axis) in self.perm.iter().enumerate() {
            let stride: usize = dims[axis + 1..].iter().product();
            extents[MAX_RANK - rank + i] = dims[axis];
            strides[MAX_RANK - rank + i] = if stride == 1 { 1 } else { stride / lanes };
        }
        extents[MAX_RANK - 1] /= lanes;
        vec![Lowering::one(Dispatch {
            shader: "transpose",
            entry,
            constants: vec![
                ("D0", extents[0].into()),
                ("D1", extents[1].into()),
                ("D2", extents[2].into()),
                ("D3", extents[3].into()),
                ("S0", strides[0].into()),
                ("S1", strides[1].into()),
                ("S2", strides[2].into()),
                ("S3", strides[3].into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: outputs[0].elements() / lanes,
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let mut inverse = vec![0; self.perm.len()];
        for (i, &axis) in self.perm.iter().enumerate() {
            inverse[axis] = i;
        }
        Gradient::Of(vec![
            tape.dy[0].map(|dy| tape.graph.one(Self { perm: inverse }, &[dy])),
        ])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::transpose::forward(&inputs[0], &self.perm)]
    }
}

/// One axis to four, all kinds of cycles, the innermost axis moved and kept, with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], &[usize])] = &[
        (&[1], &[0]),
        (&[7], &[0]),
        (&[5, 3], &[1, 0]),
        (&[64, 65], &[1, 0]),
        (&[4, 8], &[1, 0]),
        (&[2, 3, 5], &[2, 0, 1]),
        (&[3, 5, 8], &[1, 0, 2]),
        (&[2, 3, 5, 7], &[0, 3, 1, 2]),
        (&[2, 3, 5, 7], &[3, 1, 2, 0]),
        (&[2, 3, 5, 4], &[2, 0, 1, 3]),
        (&[2, 3, 1, 1], &[0, 2, 1, 3]),
        (&[7, 13, 11, 12], &[0, 2, 1, 3]),
        (&[7, 13, 11, 12], &[2, 3, 1, 0]),
    ];
    list.iter()
        .map(|(dims, perm)| {
            Case::new(
                Transpose {
                    perm: perm.to_vec(),
                },
                vec![CaseInput::normal(dims.to_vec())],
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_no_permutation_is_refused() {
        let x = TensorType::f32([2, 3, 5]);
        for perm in [vec![0, 1], vec![0, 1, 1], vec![0, 1, 3], vec![2, 1, 0, 0]] {
            let error = Transpose { perm }.infer(std::slice::from_ref(&x));
            assert!(
                error
                    .unwrap_err()
                    .0
                    .contains("each axis must be named once")
            );
        }
        let perm = vec![4, 3, 2, 1, 0];
        let error = Transpose { perm }.infer(&[TensorType::f32([1, 2, 3, 4, 5])]);
        assert!(error.unwrap_err().0.contains("more than four axes"));
    }
}
