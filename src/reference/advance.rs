//! The end of a step.

use crate::graph::Array;

/// The new counters (step, epoch, position, ...) and the new ring: entry `step mod ring` becomes the loss, the number correct,
/// the real samples of the batch, 1 if the loss is not finite, the learning rate and the norm of the gradient, which are words 0 and 2
/// of `schedule`; the step goes up by one, the position by `batch`, and at the
/// end of the `count` samples the position begins again and the epoch goes up by one.
pub fn forward(
    counters: &Array,
    ring: &Array,
    loss: &Array,
    correct: &Array,
    schedule: &Array,
    count: usize,
    batch: usize,
) -> Vec<Array> {
    let (mut counters, mut ring) = (counters.clone(), ring.clone());
    let (count, batch) = (count as f64, batch as f64);
    let step = counters.data[0];
    let position = counters.data[2];
    for entry in 0..ring.dims()[0] {
        if entry as f64 == step % ring.dims()[0] as f64 {
            ring.data[entry * 8] = loss.data[0];
            ring.data[entry * 8 + 1] = correct.data[0];
            ring.data[entry * 8 + 2] = batch.min((count - position).max(0.0));
            ring.data[entry * 8 + 3] = if loss.data[0].is_finite() { 0.0 } else { 1.0 };
            ring.data[entry * 8 + 4] = schedule.data[0];
            ring.data[entry * 8 + 5] = schedule.data[2];
            ring.data[entry * 8 + 6] = 0.0;
            ring.data[entry * 8 + 7] = 0.0;
        }
    }
    counters.data[0] = step + 1.0;
    counters.data[2] = position + batch;
    if counters.data[2] >= count {
        counters.data[2] = 0.0;
        counters.data[1] += 1.0;
    }
    vec![counters, ring]
}
