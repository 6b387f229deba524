//! Initial values of parameters.

use super::Network;
use crate::rng::{Sequence, Stream};

/// A slab of initial parameters, every one uniform in ±1/√fan_in: what PyTorch's `Linear` and `Conv2d` do by default
/// (`kaiming_uniform_` with `a = √5` for weights, the same bound for biases). The padding between tensors is zero.
pub(super) fn slab(network: &Network, seed: u64) -> Vec<f32> {
    let mut slab = vec![0.0; network.slab_elements];
    for (index, parameter) in network.parameters.iter().enumerate() {
        let id = u32::try_from(index).expect("fewer than 2^32 parameters");
        let mut sequence = Sequence::new(seed, Stream::Init, id);
        let bound = 1.0 / (parameter.fan_in as f64).sqrt();
        for value in &mut slab[parameter.offset..][..parameter.shape.elements()] {
            #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
            {
                *value = sequence.uniform_in(-bound, bound) as f32;
            }
        }
    }
    slab
}
