//! Statistics of the training part.

use super::{Dataset, Samples, Targets};

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
    /// and test samples have no influence. A channel that never changes gets a standard deviation of 1; one-hot channels of a table
    /// stay as they are.
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
        let moments = match &dataset.samples {
            Samples::Bytes(bytes) => (0..channels)
                .map(|channel| byte_moments(&bytes[values.clone()], channels, channel))
                .collect(),
            Samples::Floats(floats) => float_moments(&floats[values], channels),
            Samples::Ids(_) | Samples::Text(_) => unreachable!("tokens are no quantities"),
        };
        let normalised = (dataset.encoding.as_ref()).map(|encoding| encoding.is_normalised());
        let (mean, std) = (moments.into_iter().enumerate())
            .map(|(channel, (mean, std))| {
                if normalised
                    .as_ref()
                    .is_some_and(|normalised| !normalised[channel])
                {
                    return (0.0, 1.0);
                }
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

/// Mean and standard deviation of each channel of floats, in two passes.
fn float_moments(floats: &[f32], channels: usize) -> Vec<(f64, f64)> {
    let n = (floats.len() / channels) as f64;
    let mut means = vec![0.0; channels];
    for row in floats.chunks(channels) {
        for (mean, &value) in means.iter_mut().zip(row) {
            *mean += f64::from(value) / n;
        }
    }
    let mut variances = vec![0.0; channels];
    for row in floats.chunks(channels) {
        for ((variance, mean), &value) in variances.iter_mut().zip(&means).zip(row) {
            *variance += (f64::from(value) - mean).powi(2) / n;
        }
    }
    let pair = |(mean, variance): (f64, f64)| (mean, variance.sqrt());
    means.into_iter().zip(variances).map(pair).collect()
}

/// What brings the numbers of a regression near 0 and 1: `(y - mean[d]) / std` for number d of a sample.
///
/// There is one deviation for all numbers of a sample, so that an error weighs as much as in the units of the file.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// What the numbers are called.
    pub names: Vec<String>,
    /// The mean of each.
    pub mean: Vec<f32>,
    /// The root of the mean variance; never 0.
    pub std: f32,
}

impl Scale {
    /// Fits to the training part; `None` where the targets are classes.
    #[expect(clippy::cast_possible_truncation, reason = "f64 sums are rounded once")]
    pub fn fit(dataset: &Dataset) -> Option<Self> {
        let Targets::Values { values, names } = &dataset.targets else {
            return None;
        };
        let width = names.len();
        let train = &dataset.parts.train;
        let moments = float_moments(&values[train.start * width..train.end * width], width);
        let variance = moments.iter().map(|(_, std)| std.powi(2)).sum::<f64>() / width as f64;
        let std = variance.sqrt() as f32;
        Some(Self {
            names: names.clone(),
            mean: moments.iter().map(|(mean, _)| *mean as f32).collect(),
            std: if std > 0.0 && std.is_finite() {
                std
            } else {
                1.0
            },
        })
    }

    /// Every number as it is.
    pub fn identity(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            mean: vec![0.0; names.len()],
            std: 1.0,
        }
    }

    /// The targets as the network learns them.
    pub fn apply(&self, values: &[f32]) -> Vec<f32> {
        let means = self.mean.iter().cycle();
        values
            .iter()
            .zip(means)
            .map(|(value, mean)| (value - mean) / self.std)
            .collect()
    }

    /// What the network says, in the units of the file.
    pub fn undo(&self, outputs: &[f32]) -> Vec<f32> {
        let means = self.mean.iter().cycle();
        outputs
            .iter()
            .zip(means)
            .map(|(output, mean)| output * self.std + mean)
            .collect()
    }
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
            targets: Targets::Values {
                values: vec![1.0, 5.0, 100.0],
                names: vec!["y".to_owned()],
            },
            weights: None,
            encoding: None,
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

    #[test]
    fn targets_are_scaled_by_their_training_part_and_scaled_back() {
        let dataset = dataset(Samples::Bytes(vec![0; 6]), 1);
        let scale = Scale::fit(&dataset).unwrap();
        assert_eq!((scale.mean.as_slice(), scale.std), ([3.0].as_slice(), 2.0));
        assert_eq!(scale.apply(&[1.0, 5.0, 100.0]), [-1.0, 1.0, 48.5]);
        assert_eq!(scale.undo(&[-1.0, 48.5]), [1.0, 100.0]);
    }
}
