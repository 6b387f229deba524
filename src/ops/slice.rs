//! `y[…, i, …] = x[…, begin + i · step, …]`: a part of one axis.

use super::axis::{Along, with_extent};
use super::pad::Pad;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// Elements of one axis at even distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first element that is taken.
    pub begin: usize,
    /// From one to the next.
    pub step: usize,
    /// How many are taken.
    pub extent: usize,
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let shape = &inputs[0].shape;
        let along = Along::of("slice", shape, self.axis)?;
        let Self {
            begin,
            step,
            extent,
            ..
        } = *self;
        if step == 0 || extent == 0 || begin + (extent - 1) * step >= along.extent {
            return Err(ShapeError::new(format!(
                "slice of {shape} along axis {}: {extent} elements from {begin} on, every {step}, are not in it",
                self.axis
            )));
        }
        Ok(vec![TensorType::f32(with_extent(shape, self.axis, extent))])
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let along = Along::of("slice", &inputs[0].shape, self.axis).expect("it was inferred");
        let places = [along.extent, self.begin, self.extent];
        let lanes = along.lanes(&places, self.step);
        let [extent, begin, taken] = places.map(|place| place / lanes.along);
        vec![Lowering::one(Dispatch {
            shader: "slice",
            entry: lanes.entry(),
            constants: vec![
                ("OUTER", along.outer.into()),
                ("X_EXTENT", extent.into()),
                ("Y_EXTENT", taken.into()),
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
        let pad = Pad {
            axis: self.axis,
            begin: self.begin,
            step: self.step,
            extent: tape.graph.shape(tape.inputs[0]).dims()[self.axis],
        };
        Gradient::Of(vec![tape.dy[0].map(|dy| tape.graph.one(pad, &[dy]))])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let Self {
            axis,
            begin,
            step,
            extent,
        } = *self;
        vec![reference::slice::forward(
            &inputs[0],
            axis,
            [begin, step, extent],
        )]
    }
}

/// Every axis, one element and all, every second and third, with and without `vec4`s inside of the axis and along it.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], [usize; 4])] = &[
        (&[1], [0, 0, 1, 1]),
        (&[7], [0, 2, 1, 5]),
        (&[5, 3], [1, 1, 1, 1]),
        (&[5, 3], [0, 1, 2, 2]),
        (&[3, 16], [1, 4, 1, 8]),
        (&[3, 16], [1, 3, 1, 8]),
        (&[3, 16], [1, 0, 4, 4]),
        (&[2, 5, 7, 4], [2, 0, 2, 4]),
        (&[2, 5, 7, 3], [1, 1, 3, 2]),
        (&[2, 7, 11, 67], [3, 5, 1, 61]),
        (&[67, 11, 8], [0, 3, 1, 60]),
    ];
    list.iter()
        .map(|&(dims, [axis, begin, step, extent])| {
            let op = Slice {
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
    fn what_is_not_in_the_axis_is_refused() {
        let x = TensorType::f32([2, 5]);
        for [begin, step, extent] in [[3, 1, 3], [0, 0, 1], [0, 3, 3], [0, 1, 0], [5, 1, 1]] {
            let op = Slice {
                axis: 1,
                begin,
                step,
                extent,
            };
            let error = op.infer(std::slice::from_ref(&x)).unwrap_err();
            assert!(
                error.0.starts_with("slice of (2, 5) along axis 1: "),
                "{error}"
            );
        }
    }
}
