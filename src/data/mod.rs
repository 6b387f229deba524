//! Samples and labels, read and checked on the host before anything reaches the GPU.
//!
//! Nothing that is read is trusted: sizes are compared with what the file really holds before memory is asked for, and every
//! refusal names the file, the place, what was expected, what was found and what to do.

pub mod digits;
pub mod idx;
pub mod image_file;
#[cfg(test)]
mod mutate;
mod noise;
mod normalization;
mod split;

use std::ops::Range;

use crate::error::Result;
use crate::rng::{Sequence, Stream};

pub use noise::noise;
pub use normalization::Normalization;
pub use split::Split;

/// Samples in the order training, validation, test; each part is contiguous, so that the GPU addresses it by its beginning and
/// its length.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// A short name for people: "digits", or the folder's name.
    pub name: String,
    /// Height, width and channels of one sample; channels are last in memory.
    pub sample_shape: [usize; 3],
    /// All samples, one after the other.
    pub samples: Samples,
    /// The class of each sample, below `classes.len()`.
    pub labels: Vec<u32>,
    /// The name of each class.
    pub classes: Vec<String>,
    /// Where the parts are.
    pub parts: Parts,
}

/// The values of all samples: `len` × height × width × channels.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Raw pixels, normalised on the GPU.
    Bytes(Vec<u8>),
    /// Values used as they are.
    Floats(Vec<f32>),
}

/// The parts of a data set, as ranges of sample numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The network learns from these.
    pub train: Range<usize>,
    /// Held out of the training samples, to watch the training.
    pub validation: Range<usize>,
    /// Never seen while training.
    pub test: Range<usize>,
}

impl Dataset {
    /// The number of samples in all parts together.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The number of values in one sample: height × width × channels.
    pub fn sample_len(&self) -> usize {
        self.sample_shape.iter().product()
    }
}

/// Samples with their labels, before they are split.
struct Labelled {
    samples: Vec<u8>,
    labels: Vec<u32>,
}

impl Labelled {
    /// Appends the samples of `from` with the given numbers.
    fn extend(&mut self, from: &Self, numbers: &[usize], sample_len: usize) {
        self.samples.reserve_exact(numbers.len() * sample_len);
        for &number in numbers {
            let begin = number * sample_len;
            self.samples
                .extend_from_slice(&from.samples[begin..begin + sample_len]);
            self.labels.push(from.labels[number]);
        }
    }
}

/// Class names "0", "1", ...
fn numbered_classes(count: u32) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// How the validation part is taken from the training samples.
struct HoldOut {
    fraction: f64,
    split: Split,
    seed: u64,
}

/// Holds out the validation part of `train` and lays the parts one after the other.
fn assemble(
    name: String,
    sample_shape: [usize; 3],
    classes: Vec<String>,
    train: Labelled,
    test: &Labelled,
    validation: &HoldOut,
) -> Result<Dataset> {
    let sample_len = sample_shape.iter().product();
    let mut sequence = Sequence::new(validation.seed, Stream::Split, 0);
    let (kept, held) = split::hold_out(
        &train.labels,
        validation.fraction,
        validation.split,
        &mut sequence,
    )?;
    let parts = Parts {
        train: 0..kept.len(),
        validation: kept.len()..kept.len() + held.len(),
        test: train.labels.len()..train.labels.len() + test.labels.len(),
    };
    let mut all = match validation.split {
        // The order of the file is the order wanted.
        Split::Tail => train,
        Split::Random | Split::Stratified => {
            let mut all = Labelled {
                samples: Vec::with_capacity(train.samples.len() + test.samples.len()),
                labels: Vec::with_capacity(parts.test.end),
            };
            all.extend(&train, &kept, sample_len);
            all.extend(&train, &held, sample_len);
            all
        }
    };
    all.samples.extend_from_slice(&test.samples);
    all.labels.extend_from_slice(&test.labels);
    assert_eq!(
        all.samples.len(),
        all.labels.len() * sample_len,
        "every label has a whole sample"
    );
    Ok(Dataset {
        name,
        sample_shape,
        samples: Samples::Bytes(all.samples),
        labels: all.labels,
        classes,
        parts,
    })
}
