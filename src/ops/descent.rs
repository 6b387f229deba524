//! What the tests of optimisers share.

use crate::graph::{Array, Op};

/// Runs the reference of an optimiser on the parabolas ½ a (p − c)² with learning rate 0.1 and asserts where it is after some
/// steps. `moments` slabs stand between the gradients and the groups, and begin as zeros.
pub(super) fn assert_descends(
    op: &dyn Op,
    moments: usize,
    places: &[(usize, [f64; 4])],
    tolerance: f64,
) {
    let a = [1.0, 0.5, 2.0, -0.3];
    let c = [0.3, -1.0, 0.05, 2.0];
    let mut state = vec![Array::new([4], vec![1.0, -2.0, 0.5, 3.0])];
    state.extend(vec![Array::zeros([4]); moments]);
    let last = places.iter().map(|&(step, _)| step).max().unwrap_or(0);
    for step in 0..last {
        let gradients = (0..4).map(|i| a[i] * (state[0].data[i] - c[i])).collect();
        let mut inputs = vec![state[0].clone(), Array::new([4], gradients)];
        inputs.extend_from_slice(&state[1..]);
        inputs.push(Array::new([1, 2], vec![1.0, 1.0]));
        inputs.push(Array::new([4], vec![0.1, 0.0, 0.0, 0.0]));
        let mut counters = Array::zeros([8]);
        counters.data[0] = step as f64;
        inputs.push(counters);
        state = op.reference(&inputs);
        for (_, place) in places.iter().filter(|&&(steps, _)| steps == step + 1) {
            for (p, expected) in state[0].data.iter().zip(place) {
                assert!(
                    (p - expected).abs() < tolerance,
                    "{op:?} after {} steps: {:?}, not {place:?}",
                    step + 1,
                    state[0].data
                );
            }
        }
    }
}
