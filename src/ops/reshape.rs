//! The same elements under another shape: a view, without a kernel.

use crate::graph::{
    Array, Case, CaseInput, Gradient, Lowering, Op, Shape, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// The elements of `x` in row-major order under another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The shape of `y`.
    pub shape: Shape,
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let x = &inputs[0];
        if x.elements() != self.shape.elements() {
            return Err(ShapeError::new(format!(
                "reshape of {} to {}: {} elements are not {}",
                x.shape,
                self.shape,
                x.elements(),
                self.shape.elements()
            )));
        }
        Ok(vec![TensorType {
            shape: self.shape.clone(),
            dtype: x.dtype,
        }])
    }

    fn lower(&self, _: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![Lowering::View]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let shape = tape.graph.shape(tape.inputs[0]).clone();
        Gradient::Of(vec![
            tape.dy[0].map(|dy| tape.graph.one(Self { shape }, &[dy])),
        ])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::reshape::forward(&inputs[0], &self.shape)]
    }
}

/// More axes, fewer axes, other axes.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], &[usize])] = &[
        (&[1], &[1, 1, 1, 1]),
        (&[2, 3, 5, 7], &[2, 105]),
        (&[6, 35], &[2, 3, 5, 7]),
        (&[7, 11], &[11, 7]),
        (&[10_007], &[10_007, 1]),
    ];
    list.iter()
        .map(|(from, to)| {
            Case::new(
                Reshape {
                    shape: Shape::new(*to),
                },
                vec![CaseInput::normal(from.to_vec())],
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_of_elements_is_refused() {
        let error = Reshape {
            shape: Shape::from([2, 4]),
        }
        .infer(&[TensorType::f32([3, 3])])
        .unwrap_err();
        assert_eq!(error.0, "reshape of (3, 3) to (2, 4): 9 elements are not 8");
    }
}
