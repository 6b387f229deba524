//! `y[…, begin + i · step, …] = x[…, i, …]`, zero elsewhere: zeros around and between the elements of one axis.

use super::axis::{Along, with_extent};
use super::slice::Slice;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// Zeros put into one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad {
    /// The axis.
    pub axis: usize,
    /// Zeros before the first element.
    pub begin: usize,
    /// From one element to the next: beyond 1, zeros stand between them.
    pub step: usize,
    /// What the axis is in the end.
    pub extent: usize,
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let shape = &inputs[0].shape;
        let along = Along::of("pad", shape, self.axis)?;
        let last = self.begin + along.extent.saturating_sub(1) * self.step;
        if self.step == 0 || last >= self.extent {
            return Err(ShapeError::new(format!(
                "pad of {shape} along axis {}: {} elements from {} on, every {}, are not in {}",
                self.axis, along.extent, self.begin, self.step, self.extent
            )));
        }
        let padded = with_extent(shape, self.axis, self.extent);
        Ok(vec![TensorType::f32(padded)])
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let along = Along::of("pad", &inputs[0].shape, self.axis).expect("it was inferred");
        let places = [along.extent, self.begin, self.extent];
        let lanes = along.lanes(&places, self.step);
        let [extent, begin, padded] = places.map(|place| place / lanes.along);
        vec![Lowering::one(Dispatch {
            shader: "pad",
            entry: lanes.entry(),
            constants: vec![
                ("OUTER", along.outer.into()),
                ("X_EXTENT", extent.into()),
                ("Y_EXTENT", padded.into()),
                ("INNER", lanes.inner.into()),
                ("BEGIN", begin.into()),
                ("STEP", self.step.into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: outputs[0].elements() / lanes.lanes,
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let slice = Slice {
            axis: self.axis,
            begin: self.begin,
            step: self.step,
            extent: tape.graph.shape(tape.inputs[0]).dims()[self.axis],
        };
        Gradient::Of(vec![tape.dy[0].map(|dy| tape.graph.one(slice, &[dy]))])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let Self {
            axis,
            begin,
            step,
            extent,
        } = *self;
        vec![reference::pad::forward(
            &inputs[0],
            axis,
            [begin, step, extent],
        )]
    }
}

/// Every axis, zeros before, behind, between and nowhere, with and without `vec4`s inside of the axis and along it.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], [usize; 4])] = &[
        (&[1], [0, 0, 1, 1]),
        (&[7], [0, 2, 1, 11]),
        (&[5, 3], [1, 1, 1, 4]),
        (&[5, 3], [0, 0, 3, 14]),
        (&[3, 8], [1, 4, 1, 16]),
        (&[3, 8], [1, 3, 1, 16]),
        (&[3, 4], [1, 0, 4, 16]),
        (&[2, 5, 4, 4], [2, 0, 2, 7]),
        (&[2, 2, 7, 3], [1, 1, 3, 6]),
        (&[2, 7, 11, 61], [3, 5, 1, 67]),
        (&[60, 11, 8], [0, 3, 1, 67]),
    ];
    list.iter()
        .map(|&(dims, [axis, begin, step, extent])| {
            let op = Pad {
                axis,
                begin,
                step,
                extent,
            };
            Case::new(op, vec![CaseInput::normal(dims.to_vec())])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_that_is_too_short_for_its_elements_is_refused() {
        let x = TensorType::f32([2, 5]);
        for [begin, step, extent] in [[0, 1, 4], [2, 1, 6], [0, 2, 8], [0, 0, 5]] {
            let op = Pad {
                axis: 1,
                begin,
                step,
                extent,
            };
            let error = op.infer(std::slice::from_ref(&x)).unwrap_err();
            assert!(
                error.0.starts_with("pad of (2, 5) along axis 1: "),
                "{error}"
            );
        }
    }
}
