//! `x[r, t] = tokens[begin(indices[r]) + t]`: a batch of windows out of a resident text, and the token behind each.

use std::ops::Range;

use crate::graph::{
    Array, Case, CaseInput, DType, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `tokens` (n), as bytes or words, and `indices` (batch) → `x` and `y`, u32 (batch, context): the tokens of each window, and those one
/// further, which a language model predicts. Nothing is stored for a window but its number.
#[derive(Clone, Debug)]
pub struct GatherWindows {
    /// Their numbers: those that `indices` name.
    pub windows: Range<usize>,
    /// The token where the first of them begins.
    pub first: usize,
    /// Tokens from the beginning of a window to that of the next.
    pub stride: usize,
    /// Tokens of a window.
    pub context: usize,
    /// What a token is stored as: [`DType::U8`] or [`DType::U32`].
    pub dtype: DType,
}

impl GatherWindows {
    /// The tokens from the beginning of the stream to the last that is read.
    fn needed(&self) -> Option<usize> {
        let last = self.windows.len().checked_sub(1)?;
        let begin = last.checked_mul(self.stride)?.checked_add(self.first)?;
        begin.checked_add(self.context)?.checked_add(1)
    }
}

impl Op for GatherWindows {
    fn name(&self) -> &'static str {
        "gather_windows"
    }

    fn pass(&self) -> &'static str {
        match self.dtype {
            DType::U8 => "bytes",
            DType::U32 | DType::F32 => "words",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let [tokens, indices] = inputs else {
            return Err(ShapeError::new(format!(
                "gather_windows of {} tensors: it takes tokens and indices",
                inputs.len()
            )));
        };
        let is_stream = tokens.shape.rank() == 1 && tokens.dtype == self.dtype;
        if !is_stream || self.dtype == DType::F32 {
            return Err(ShapeError::new(format!(
                "gather_windows.{} of {tokens}: the tokens are one row of bytes or of integers",
                self.pass()
            )));
        }
        if indices.dtype != DType::U32 || indices.shape.rank() != 1 {
            return Err(ShapeError::new(format!(
                "gather_windows by {indices}: the indices are one row of integers"
            )));
        }
        let fits = |needed| needed <= tokens.elements();
        if self.context == 0 || !self.needed().is_some_and(fits) {
            return Err(ShapeError::new(format!(
                "gather_windows of {tokens}: it has no windows {:?} of {} tokens, each {} further than the last from token {} on, and \
                 a token behind the last one",
                self.windows, self.context, self.stride, self.first
            )));
        }
        let batch = TensorType::u32([indices.elements(), self.context]);
        let is_counted = |n: usize| u32::try_from(n).is_ok();
        if !is_counted(tokens.elements()) || !is_counted(batch.elements()) {
            return Err(ShapeError::new(format!(
                "gather_windows of {tokens} to {batch}: tokens are counted in 32 bits"
            )));
        }
        Ok(vec![batch.clone(), batch])
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![Lowering::one(Dispatch {
            shader: "gather_windows",
            entry: self.pass(),
            constants: vec![
                ("TOKENS", inputs[0].elements().into()),
                ("BEGIN", self.windows.start.into()),
                ("WINDOWS", self.windows.len().into()),
                ("FIRST", self.first.into()),
                ("STRIDE", self.stride.into()),
                ("CONTEXT", self.context.into()),
                ("BATCH", inputs[1].elements().into()),
            ],
            operands: vec![
                Operand::Input(0),
                Operand::Input(1),
                Operand::Output(0),
                Operand::Output(1),
            ],
            invocations: outputs[0].elements(),
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("data has no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        reference::gather_windows::forward(
            &inputs[0],
            &inputs[1],
            &self.windows,
            self.first,
            self.stride,
            self.context,
        )
        .into()
    }
}

/// Windows of one token and of many, overlapping, side by side and apart; a part in the middle of a text, and one that ends with it;
/// indices outside of the windows; more workgroups than fit along one axis of a grid.
pub fn cases() -> Vec<Case> {
    // Tokens, first window, windows, first token, stride, context, rows of a batch.
    let list: &[[usize; 7]] = &[
        [2, 0, 1, 0, 1, 1, 1],
        [7, 0, 3, 0, 2, 2, 5],
        [29, 4, 5, 3, 1, 7, 9],
        [64, 0, 7, 0, 9, 9, 13],
        [103, 11, 8, 5, 13, 6, 17],
        [1009, 31, 37, 500, 11, 64, 16],
        [4099, 0, 64, 0, 63, 65, 33],
        [300, 0, 100, 0, 1, 200, 301],
    ];
    let mut cases = Vec::new();
    for &[count, begin, windows, first, stride, context, batch] in list {
        let number = |n: usize| u32::try_from(n).expect("cases are small");
        let rows: Vec<u32> = (0..batch)
            .map(|r| match r {
                2 => number(begin + windows),
                3 => u32::MAX,
                4 => 0,
                _ => number(begin + (r * 7 + windows - 1) % windows),
            })
            .collect();
        for (dtype, below) in [(DType::U8, 256), (DType::U32, 1 << 20)] {
            let tensor = TensorType {
                shape: vec![count].into(),
                dtype,
            };
            cases.push(Case::new(
                GatherWindows {
                    windows: begin..begin + windows,
                    first,
                    stride,
                    context,
                    dtype,
                },
                vec![
                    CaseInput {
                        tensor,
                        domain: Domain::Below(below),
                    },
                    CaseInput::words(&rows),
                ],
            ));
        }
    }
    // 64 invocations to a workgroup, 65,535 workgroups along an axis.
    cases.push(Case::new(
        GatherWindows {
            windows: 0..3,
            first: 1,
            stride: 5,
            context: 70_001,
            dtype: DType::U32,
        },
        vec![
            CaseInput::below([70_013], 1 << 20),
            CaseInput::below([60], 3),
        ],
    ));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(windows: Range<usize>, stride: usize) -> GatherWindows {
        GatherWindows {
            windows,
            first: 2,
            stride,
            context: 3,
            dtype: DType::U8,
        }
    }

    #[test]
    fn the_target_of_a_token_is_the_one_behind_it() {
        let tokens = Array::new([9], (10..19).map(f64::from).collect());
        let indices = Array::new([3], vec![5.0, 6.0, 5.0]);
        let [x, y] =
            <[Array; 2]>::try_from(op(5..7, 3).reference(&[tokens, indices])).expect("two outputs");
        assert_eq!(
            x.data,
            [12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 12.0, 13.0, 14.0]
        );
        assert_eq!(
            y.data,
            [13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 13.0, 14.0, 15.0]
        );
    }

    #[test]
    fn windows_beyond_the_text_are_refused() {
        let inputs = |tokens: usize| [TensorType::u8([tokens]), TensorType::u32([4])];
        let fits = op(5..7, 3).infer(&inputs(9));
        assert_eq!(fits, Ok(vec![TensorType::u32([4, 3]); 2]));
        // The token behind the last window is missing; there is no window at all; the stream is of another type.
        assert!(op(5..7, 3).infer(&inputs(8)).is_err());
        assert!(op(5..5, 3).infer(&inputs(9)).is_err());
        assert!(op(0..2, usize::MAX).infer(&inputs(9)).is_err());
        let words = [TensorType::u32([9]), TensorType::u32([4])];
        assert!(op(5..7, 3).infer(&words).is_err());
    }
}
