//! The rows of the next batch in a window onto a data set that is too large for the adapter.

use std::ops::Range;

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// `counters` → `indices` (rows): `(step mod slots) · stride + r` for each of some rows r of the next batch.
#[derive(Clone, Debug)]
pub struct StreamRows {
    /// Batches that the window holds.
    pub slots: usize,
    /// Rows from batch to batch.
    pub stride: usize,
    /// The rows of the batch that are wanted.
    pub rows: Range<usize>,
}

impl Op for StreamRows {
    fn name(&self) -> &'static str {
        "stream_rows"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        state::expect("stream_rows", inputs, &[("counters", state::counters())])?;
        let rows = self.slots.checked_mul(self.stride);
        let is_counted = rows.is_some_and(|rows| u32::try_from(rows).is_ok());
        if self.slots == 0 || self.rows.is_empty() || self.rows.end > self.stride || !is_counted {
            return Err(ShapeError::new(format!(
                "stream_rows {:?} in {} slots of {} rows: there must be at least one of each, a slot holds the rows, and rows are \
                 counted in 32 bits",
                self.rows, self.slots, self.stride
            )));
        }
        Ok(vec![TensorType::u32([self.rows.len()])])
    }

    fn lower(&self, _: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![Lowering::one(Dispatch {
            shader: "stream_rows",
            entry: "forward",
            constants: vec![
                ("SLOTS", self.slots.into()),
                ("STRIDE", self.stride.into()),
                ("FIRST", self.rows.start.into()),
                ("ROWS", self.rows.len().into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: self.rows.len(),
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("counters are not differentiable")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::stream_rows::forward(
            &inputs[0],
            self.slots,
            self.stride,
            &self.rows,
        )]
    }
}

/// The first, a middle and the last slot, one slot, steps far beyond the slots; batches of one and of many workgroups.
pub fn cases() -> Vec<Case> {
    // Slots, stride, rows, step.
    let list = [
        (1, 1, 0..1, 0),
        (1, 8, 0..5, 77),
        (3, 8, 4..8, 0),
        (3, 8, 0..8, 5),
        (256, 4, 1..4, 255),
        (7, 1024, 3..1024, 2_000_000_011),
        (5, 65, 0..65, u32::MAX),
    ];
    list.into_iter()
        .map(|(slots, stride, rows, step)| {
            let mut counters = [9; state::COUNTERS];
            counters[state::STEP] = step;
            let op = StreamRows {
                slots,
                stride,
                rows,
            };
            Case::new(op, vec![CaseInput::words(&counters)])
        })
        .collect()
}
