//! Elements are zeroed at random, the others grow by as much.

use crate::graph::Array;
use crate::rng;

/// The third counter word of what is drawn.
const STREAM: u32 = rng::Stream::Dropout as u32;

/// `y[i] = x[i] / (1 − p)` or 0, the latter with probability `p`: for the element `e = first + i`, or of channels the element
/// `e = (first + sample) · C + c`, where word `e mod 4` of `philox(e div 4, layer, STREAM, step)` is below `p · 2³²`
pub fn forward(
    x: &Array,
    counters: &Array,
    seed: u64,
    layer: u32,
    first: usize,
    channels: bool,
    p: f64,
) -> Array {
    let dims = x.dims();
    let (per_sample, c) = (x.data.len() / dims[0], dims[dims.len() - 1]);
    let step = integer(counters.data[0]);
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..x.data.len() {
        let element = if channels {
            (first + i / per_sample) * c + i % c
        } else {
            first * per_sample + i
        };
        let block = integer((element / 4) as f64);
        let words = rng::philox([block, layer, STREAM, step], rng::key(seed));
        if f64::from(words[element % 4]) >= p * 2.0_f64.powi(32) {
            y.data[i] = x.data[i] / (1.0 - p);
        }
    }
    y
}

/// A whole number as one, bit by bit.
fn integer(number: f64) -> u32 {
    let mut rest = number;
    let mut word = 0;
    for bit in (0..32).rev() {
        if rest >= f64::from(1_u32 << bit) {
            word |= 1 << bit;
            rest -= f64::from(1_u32 << bit);
        }
    }
    word
}
