//! Random samples, for timing a training without data.

use super::{Dataset, Parts, Samples, numbered_classes};
use crate::rng::{Sequence, Stream};

/// So many training samples of random bytes with random labels.
///
/// # Panics
/// If there are no classes.
pub fn noise(samples: usize, sample_shape: [usize; 3], classes: u32, seed: u64) -> Dataset {
    let mut sequence = Sequence::new(seed, Stream::Test, 0);
    let bytes = samples * sample_shape.iter().product::<usize>();
    let words = std::iter::repeat_with(|| sequence.next_u32().to_le_bytes());
    let values = words.flatten().take(bytes).collect();
    Dataset {
        name: "random bytes".to_owned(),
        sample_shape,
        samples: Samples::Bytes(values),
        labels: (0..samples).map(|_| sequence.below(classes)).collect(),
        classes: numbered_classes(classes),
        parts: Parts {
            train: 0..samples,
            validation: samples..samples,
            test: samples..samples,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_shape_asked_for_and_every_class() {
        let data = noise(50, [3, 5, 2], 4, 9);
        assert_eq!((data.len(), data.sample_len()), (50, 30));
        let Samples::Bytes(bytes) = &data.samples else {
            panic!("noise is bytes")
        };
        assert_eq!(bytes.len(), 1500);
        assert!(
            bytes
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len()
                > 200
        );
        assert!((0..4).all(|class| data.labels.contains(&class)));
        assert_eq!(data.parts.train, 0..50);
    }
}
