//! Windows of a stream of tokens.

use std::ops::Range;

use crate::graph::Array;

/// Window `w` of `windows` begins at token `first + (w − windows.start) · stride`, and row `r` is window `indices[r]`, or the nearest
/// there is: `x[r, t]` is its token `t < context`, `y[r, t]` the one after that.
pub fn forward(
    tokens: &Array,
    indices: &Array,
    windows: &Range<usize>,
    first: usize,
    stride: usize,
    context: usize,
) -> [Array; 2] {
    let rows = indices.data.len();
    let mut x = Array::zeros([rows, context]);
    let mut y = Array::zeros([rows, context]);
    for (r, &index) in indices.data.iter().enumerate() {
        // Counting up to the index keeps the place an integer.
        let mut window = windows.start;
        while window + 1 < windows.end && (window as f64) < index {
            window += 1;
        }
        let begin = first + (window - windows.start) * stride;
        for t in 0..context {
            x.data[r * context + t] = tokens.data[begin + t];
            y.data[r * context + t] = tokens.data[begin + t + 1];
        }
    }
    [x, y]
}
