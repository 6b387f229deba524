//! The samples that a network is most wrong about, as pictures.

use std::ops::Range;

use super::{Evaluation, Measured};
use crate::data::{Dataset, Samples};
use crate::metrics::Predictions;

/// A sample that is taken for another class.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// Its place in the part of the data.
    pub sample: usize,
    /// The true class, by its place in the list.
    pub label: usize,
    /// The class it is taken for.
    pub guess: usize,
    /// The probability of the guess.
    pub confidence: f32,
    /// The sample as bytes (height, width, channels) from dark to light.
    pub pixels: Vec<u8>,
}

/// So many of the most confident mistakes are kept.
const KEPT: usize = 24;

/// The most confident mistakes of an evaluation, if it is one of classes.
pub(super) fn of(
    evaluation: Option<&Evaluation>,
    dataset: &Dataset,
    part: &Range<usize>,
) -> Vec<Mistake> {
    match evaluation.map(|evaluation| &evaluation.measured) {
        Some(Measured::Classes(classes)) => worst(dataset, part, &classes.predictions, KEPT),
        _ => Vec::new(),
    }
}

/// The `count` wrong guesses of the highest confidence among the samples of a part.
fn worst(
    dataset: &Dataset,
    part: &Range<usize>,
    predictions: &Predictions,
    count: usize,
) -> Vec<Mistake> {
    let confidence = |i: usize| predictions.probabilities(i)[predictions.guess(i)];
    let is_wrong = |i: &usize| predictions.guess(*i) != predictions.label(*i);
    let mut wrong: Vec<usize> = (0..predictions.samples()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)).then(a.cmp(&b)));
    wrong.truncate(count);
    let mistake = |sample| Mistake {
        sample,
        label: predictions.label(sample),
        guess: predictions.guess(sample),
        confidence: confidence(sample),
        pixels: pixels(dataset, part.start + sample),
    };
    wrong.into_iter().map(mistake).collect()
}

/// A sample as bytes: pixels as they are; other numbers from their smallest to their largest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes a byte, saturating"
)]
fn pixels(dataset: &Dataset, sample: usize) -> Vec<u8> {
    let length = dataset.sample_len();
    let values = sample * length..(sample + 1) * length;
    match &dataset.samples {
        Samples::Bytes(bytes) => bytes[values].to_vec(),
        Samples::Floats(floats) => {
            let floats = &floats[values];
            let low = floats.iter().copied().fold(f32::INFINITY, f32::min);
            let high = floats.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let scale = 255.0 / (high - low).max(f32::MIN_POSITIVE);
            floats
                .iter()
                .map(|x| ((x - low) * scale).round() as u8)
                .collect()
        }
        Samples::Ids(_) | Samples::Text(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Parts, Targets};

    #[test]
    fn the_most_confident_mistakes_come_first_with_their_pixels() {
        let dataset = Dataset {
            name: String::new(),
            sample_shape: [1, 2, 1],
            samples: Samples::Floats(vec![9.0, 9.0, 0.0, 1.0, -1.0, 1.0, 2.0, 2.0]),
            targets: Targets::Classes {
                labels: vec![0; 4],
                names: vec!["a".to_owned(), "b".to_owned()],
            },
            weights: None,
            parts: Parts {
                train: 0..1,
                validation: 1..1,
                test: 1..4,
            },
            encoding: None,
        };
        let predictions = Predictions::new(2, vec![0.4, 0.6, 0.1, 0.9, 0.8, 0.2], vec![0, 0, 0]);
        let found = worst(&dataset, &dataset.parts.test, &predictions, 5);
        let told: Vec<_> = found
            .iter()
            .map(|m| (m.sample, m.label, m.guess, &m.pixels[..]))
            .collect();
        assert_eq!(told, [(1, 0, 1, &[0, 255][..]), (0, 0, 1, &[0, 255])]);
        assert_eq!(
            worst(&dataset, &dataset.parts.test, &predictions, 1).len(),
            1
        );
    }
}
