//! Statistics of the training part.

use super::{Dataset, Samples};

/// What turns a raw value x of channel c into what the network sees: `(x / divide_by - mean[c]) / std[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// 255 for bytes that should lie between 0 and 1.
    pub divide_by: f32,
    /// One mean per channel, after the division.
    pub mean: Vec<f32>,
    /// One standard deviation per channel, after the division; never 0.
    pub std: Vec<f32>,
}

impl Normalization {
    /// The mean and the standard deviation (of the population) of each channel over all pixels of the training part; validation
    /// and test samples have no influence. A channel that never changes gets a standard deviation of 1.
    ///
    /// # Panics
    ///
    /// If the training part is empty or `divide_by` is not a positive number.
    #[expect(clippy::cast_possible_truncation, reason = "f64 sums are rounded once")]
    pub fn fit(dataset: &Dataset, divide_by: f32) -> Self {
        assert!(
            divide_by > 0.0 && divide_by.is_finite(),
            "values are divided by a positive number, not by {divide_by}"
        );
        let channels = dataset.sample_shape[2];
        let train = &dataset.parts.train;
        let values = train.start * dataset.sample_len()..train.end * dataset.sample_len();
        assert!(!values.is_empty(), "statistics need training samples");
        let moments = |channel| match &dataset.samples {
            Samples::Bytes(bytes) => byte_moments(&bytes[values.clone()], channels, channel),
            Samples::Floats(floats) => float_moments(&floats[values.clone()], channels, channel),
        };
        let (mean, std) = (0..channels)
            .map(|channel| {
                let (mean, std) = moments(channel);
                let std = (std / f64::from(divide_by)) as f32;
                let mean = (mean / f64::from(divide_by)) as f32;
                (mean, if std > 0.0 { std } else { 1.0 })
            })
            .unzip();
        Self {
            divide_by,
            mean,
            std,
        }
    }
}

/// Mean and standard deviation of one channel of bytes, from a histogram: the sums are exact.
fn byte_moments(bytes: &[u8], channels: usize, channel: usize) -> (f64, f64) {
    let mut histogram = [0_u64; 256];
    for &byte in bytes.iter().skip(channel).step_by(channels) {
        histogram[usize::from(byte)] += 1;
    }
    let n = histogram.iter().sum::<u64>() as f64;
    let moment = |f: &dyn Fn(f64) -> f64| {
        let terms = histogram.iter().zip(0_u8..=255);
        terms
            .map(|(&count, v)| count as f64 * f(f64::from(v)))
            .sum::<f64>()
            / n
    };
    let mean = moment(&|v| v);
    (mean, moment(&|v| (v - mean).powi(2)).sqrt())
}

/// Mean and standard deviation of one channel of floats, in two passes.
fn float_moments(floats: &[f32], channels: usize, channel: usize) -> (f64, f64) {
    let values = || {
        floats
            .iter()
            .skip(channel)
            .step_by(channels)
            .map(|&v| f64::from(v))
    };
    let n = values().count() as f64;
    let mean = values().sum::<f64>() / n;
    (
        mean,
        (values().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Parts;

    fn dataset(samples: Samples, channels: usize) -> Dataset {
        Dataset {
            name: "test".to_owned(),
            sample_shape: [1, 2, channels],
            samples,
            labels: vec![0; 3],
            classes: vec!["0".to_owned()],
            parts: Parts {
                train: 0..2,
                validation: 2..3,
                test: 3..3,
            },
        }
    }

    #[test]
    fn statistics_are_per_channel_and_only_of_the_training_part() {
        // Two channels; the first counts 0, 10, 20, 30 in training, the second is constant.
        let bytes = vec![0, 7, 10, 7, 20, 7, 30, 7, 255, 255, 255, 255];
        let floats = bytes.iter().map(|&b| f32::from(b)).collect();
        for samples in [Samples::Bytes(bytes), Samples::Floats(floats)] {
            let fitted = Normalization::fit(&dataset(samples, 2), 10.0);
            assert_eq!(fitted.divide_by, 10.0);
            assert_eq!(fitted.mean, [1.5, 0.7]);
            assert_eq!(fitted.std, [1.25_f32.sqrt(), 1.0]);
        }
    }
}
