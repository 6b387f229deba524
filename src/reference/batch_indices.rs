//! The samples of the next batch.

use std::ops::Range;

use crate::graph::Array;
use crate::rng;

/// Row `r` of `rows` is sample `p = position + r` of the epoch over the samples of `part`. Before the end of the part its index is
/// `part.start + p`, or `part.start + permuted(p)`, and it weighs 1 / (real samples in this batch); beyond it, or beyond the
/// batch, `part.start` and 0.
/// `counters` are step, epoch, position.
pub fn forward(
    counters: &Array,
    part: &Range<usize>,
    batch: usize,
    rows: &Range<usize>,
    shuffle: Option<u64>,
) -> [Array; 2] {
    let epoch = counters.data[1];
    let position = counters.data[2];
    let count = part.len() as f64;
    let mut real = 0.0;
    for r in 0..batch {
        if position + (r as f64) < count {
            real += 1.0;
        }
    }
    let mut indices = Array::zeros([rows.len()]);
    let mut weights = Array::zeros([rows.len()]);
    for (i, r) in rows.clone().enumerate() {
        let p = position + r as f64;
        indices.data[i] = part.start as f64;
        if p < count && r < batch {
            indices.data[i] += match shuffle {
                Some(seed) => f64::from(rng::permuted(word(p), word(count), seed, word(epoch))),
                None => p,
            };
            weights.data[i] = 1.0 / real;
        }
    }
    [indices, weights]
}

/// A 32-bit word that an array holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arrays hold words exactly"
)]
fn word(value: f64) -> u32 {
    value as u32
}
