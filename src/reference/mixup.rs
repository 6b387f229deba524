//! Samples mixed with others of their batch.

use crate::graph::Array;
use crate::rng;

/// The third counter word of what is drawn.
const STREAM: u32 = rng::Stream::Mixup as u32;

/// For the row `first + i` of a batch of `batch` samples out of an epoch of `count`: the row it is mixed with, its own share and the
/// other's. With two words of `philox(indices[i], 0, …, epoch)`: the first modulo the real rows of the batch; and `table` at the second,
/// between its entries in a straight line. Rows behind the real ones are all their own.
pub fn draw(
    counters: &Array,
    indices: &Array,
    table: &Array,
    seed: u64,
    [count, batch, first]: [usize; 3],
) -> [Array; 3] {
    let (epoch, position) = (counters.data[1], counters.data[2]);
    let real = (0..batch)
        .filter(|&row| position + (row as f64) < count as f64)
        .count();
    let rows = indices.data.len();
    let mut partner = Array::zeros([rows]);
    let mut share = Array::new([rows], vec![1.0; rows]);
    let mut rest = Array::zeros([rows]);
    let intervals = (table.data.len() - 1) as f64;
    for i in 0..rows {
        if first + i >= real {
            continue;
        }
        let words = rng::philox(
            [word(indices.data[i]), 0, STREAM, word(epoch)],
            rng::key(seed),
        );
        partner.data[i] =
            f64::from(words[0] % u32::try_from(real).expect("rows are counted in 32 bits"));
        let place = f64::from(words[1] >> 8) / f64::from(1 << 24) * intervals;
        let below = (0..table.data.len() - 1)
            .rev()
            .find(|&entry| entry as f64 <= place)
            .expect("a place is not negative");
        let part = place - below as f64;
        share.data[i] = table.data[below] * (1.0 - part) + table.data[below + 1] * part;
        rest.data[i] = 1.0 - share.data[i];
    }
    [partner, share, rest]
}

/// `y[r, e] = share[r] · x[r, e] + rest[r] · other[r, e]`
pub fn apply(x: &Array, other: &Array, share: &Array, rest: &Array) -> Array {
    let rows = share.data.len();
    let sample = x.data.len() / rows;
    let mut y = Array::zeros(x.dims().to_vec());
    for r in 0..rows {
        for e in 0..sample {
            let at = r * sample + e;
            y.data[at] = share.data[r] * x.data[at] + rest.data[r] * other.data[at];
        }
    }
    y
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
