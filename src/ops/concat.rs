//! Two tensors one behind the other along an axis, as `torch.cat`.

use super::axis::{Along, with_extent};
use super::slice::Slice;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// `a` and behind it `b`, whose other axes are as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat {
    /// The axis that grows.
    pub axis: usize,
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let (a, b) = (&inputs[0].shape, &inputs[1].shape);
        let first = Along::of("concat", a, self.axis)?;
        let second = Along::of("concat", b, self.axis)?;
        if with_extent(a, self.axis, 1) != with_extent(b, self.axis, 1) {
            return Err(ShapeError::new(format!(
                "concat of {a} and {b} along axis {}: all other axes must be as long",
                self.axis
            )));
        }
        let both = with_extent(a, self.axis, first.extent + second.extent);
        Ok(vec![TensorType::f32(both)])
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let [a, b] = [0, 1]
            .map(|i| Along::of("concat", &inputs[i].shape, self.axis).expect("it was inferred"));
        let places = [a.extent, b.extent];
        let lanes = a.lanes(&places, 1);
        let [first, second] = places.map(|place| place / lanes.along);
        vec![Lowering::one(Dispatch {
            shader: "concat",
            entry: lanes.entry(),
            constants: vec![
                ("OUTER", a.outer.into()),
                ("A_EXTENT", first.into()),
                ("B_EXTENT", second.into()),
                ("INNER", lanes.inner.into()),
            ],
            operands: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            invocations: outputs[0].elements() / lanes.lanes,
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None, None]);
        };
        let mut begin = 0;
        let mut gradients = Vec::new();
        for (&input, &wanted) in tape.inputs.iter().zip(tape.wanted) {
            let extent = tape.graph.shape(input).dims()[self.axis];
            let part = Slice {
                axis: self.axis,
                begin,
                step: 1,
                extent,
            };
            gradients.push(wanted.then(|| tape.graph.one(part, &[dy])));
            begin += extent;
        }
        Gradient::Of(gradients)
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::concat::forward(
            &inputs[0], &inputs[1], self.axis,
        )]
    }
}

/// Every axis, one element beside many, with and without `vec4`s inside of the axis and along it.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], &[usize], usize)] = &[
        (&[1], &[1], 0),
        (&[7], &[4], 0),
        (&[5, 3], &[5, 2], 1),
        (&[5, 3], &[1, 3], 0),
        (&[3, 8], &[3, 4], 1),
        (&[3, 8], &[3, 5], 1),
        (&[2, 5, 7, 4], &[2, 1, 7, 4], 1),
        (&[2, 5, 7, 3], &[2, 5, 2, 3], 2),
        (&[2, 7, 11, 67], &[2, 7, 11, 2], 3),
        (&[67, 11, 8], &[3, 11, 8], 0),
    ];
    list.iter()
        .map(|&(a, b, axis)| {
            Case::new(
                Concat { axis },
                vec![CaseInput::normal(a.to_vec()), CaseInput::normal(b.to_vec())],
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_axes_of_another_length_are_refused() {
        for (b, axis) in [(vec![3, 4], 0), (vec![2, 3, 1], 0), (vec![3, 3], 1)] {
            let error = Concat { axis }
                .infer(&[TensorType::f32([2, 3]), TensorType::f32(b)])
                .unwrap_err();
            assert!(
                error.0.contains("all other axes must be as long"),
                "{error}"
            );
        }
    }
}
