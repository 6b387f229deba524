//! Initial values of parameters.

use super::Network;
use crate::rng::{Sequence, Stream};

/// What a parameter is before the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Zero: biases.
    Zeros,
    /// Uniform between minus and plus this bound.
    Uniform(f64),
}

impl Init {
    /// He et al. 2015 for weights before a ReLU (`torch.nn.init.kaiming_uniform_` with its gain √2): ±√(6 / fan_in).
    pub fn kaiming(fan_in: usize) -> Self {
        Self::Uniform((6.0 / fan_in as f64).sqrt())
    }

    /// Glorot and Bengio 2010 for all other weights (`xavier_uniform_`, Keras' default): ±√(6 / (fan_in + fan_out)).
    pub fn xavier(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform((6.0 / (fan_in + fan_out) as f64).sqrt())
    }
}

/// A slab of initial parameters; the padding between tensors is zero.
pub(super) fn slab(network: &Network, seed: u64) -> Vec<f32> {
    let mut slab = vec![0.0; network.slab_elements];
    for (index, parameter) in network.parameters.iter().enumerate() {
        let Init::Uniform(bound) = parameter.init else {
            continue;
        };
        let id = u32::try_from(index).expect("fewer than 2^32 parameters");
        let mut sequence = Sequence::new(seed, Stream::Init, id);
        for value in &mut slab[parameter.offset..][..parameter.shape.elements()] {
            #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
            {
                *value = sequence.uniform_in(-bound, bound) as f32;
            }
        }
    }
    slab
}
