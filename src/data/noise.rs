//! Random samples, for timing a training without data.

use super::{Dataset, Parts, Samples, Targets, numbered_classes};
use crate::rng::{Sequence, Stream};

/// So many training samples of random bytes with random labels.
///
/// # Panics
/// If there are no classes.
pub fn noise(samples: usize, sample_shape: [usize; 3], classes: usize, seed: u64) -> Dataset {
    let mut sequence = Sequence::new(seed, Stream::Test, 0);
    let below = u32::try_from(classes).expect("classes are counted in 32 bits");
    let bytes = samples * sample_shape.iter().product::<usize>();
    let words = std::iter::repeat_with(|| sequence.next_u32().to_le_bytes());
    let values = words.flatten().take(bytes).collect();
    Dataset {
        name: "random bytes".to_owned(),
        sample_shape,
        samples: Samples::Bytes(values),
        targets: Targets::Classes {
            labels: (0..samples).map(|_| sequence.below(below)).collect(),
            names: numbered_classes(classes),
        },
        weights: None,
        encoding: None,
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
        let Targets::Classes { labels, .. } = &data.targets else {
            panic!("noise has classes")
        };
        assert!((0..4).all(|class| labels.contains(&class)));
        assert_eq!(data.parts.train, 0..50);
    }
}
