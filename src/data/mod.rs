//! Samples and labels, read and checked on the host before anything reaches the GPU.
//!
//! Nothing that is read is trusted: sizes are compared with what the file really holds before memory is asked for, and every
//! refusal names the file, the place, what was expected, what was found and what to do.

pub mod audit;
pub mod cifar10;
pub mod digits;
mod files;
pub mod get;
pub mod idx;
pub mod image_file;
pub mod image_folder;
#[cfg(test)]
pub(crate) mod mutate;
mod noise;
mod normalization;
pub mod npy;
mod split;
pub mod table;
mod tar;
pub mod text;

use std::ops::Range;

use crate::error::{Error, Result};

pub use noise::noise;
pub use normalization::{Normalization, Scale};
pub use split::{Fold, HoldOut, Split};
pub use text::{Text, Tokens, Windows};

/// The samples of a data set together may take this many bytes.
const MAX_BYTES: u64 = (4 << 30) - (1 << 20);
/// More classes than any classification data set in use has; a label beyond is damage, and would ask for that many outputs.
const MAX_CLASSES: usize = 1 << 16;

/// Samples in the order training, validation, test; each part is contiguous, so that the GPU addresses it by its beginning and
/// its length.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// A short name for people: "digits", or the folder's name.
    pub name: String,
    /// Height, width and channels of one sample; channels are last in memory. A row of a table is 1 × 1 × features, a window of a text
    /// 1 × 1 × tokens.
    pub sample_shape: [usize; 3],
    /// All samples, one after the other.
    pub samples: Samples,
    /// What the network shall say of each sample.
    pub targets: Targets,
    /// How much each sample counts in the loss, if they do not count the same.
    pub weights: Option<Vec<f32>>,
    /// Where the parts are.
    pub parts: Parts,
    /// How the cells of a table became numbers.
    pub encoding: Option<table::Encoding>,
}

/// The values of all samples: `len` × height × width × channels.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Raw pixels, normalised on the GPU.
    Bytes(Vec<u8>),
    /// Numbers, normalised on the GPU where the channels are few, else on the way there.
    Floats(Vec<f32>),
    /// The places of tokens in a vocabulary.
    Ids(Vec<u32>),
    /// Windows of a text, of which only the text is there.
    Text(Text),
}

/// What the network shall say of each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One of a few classes.
    Classes {
        /// The class of each sample, below `names.len()`.
        labels: Vec<u32>,
        /// The name of each class.
        names: Vec<String>,
    },
    /// One or more numbers: a regression.
    Values {
        /// `len` × `names.len()` numbers, in the units of the file.
        values: Vec<f32>,
        /// What the numbers are called.
        names: Vec<String>,
    },
    /// Of each token of a window the one behind it, which the text holds: a language model.
    Next {
        /// Windows.
        count: usize,
        /// The vocabulary: the token of each place.
        names: Vec<String>,
    },
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

/// What a trained network knows of its data, which other data must fit.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The classes in the order of the outputs; none for a regression.
    pub classes: &'a [String],
    /// Height, width and channels.
    pub sample_shape: [usize; 3],
    /// How the cells of a table become numbers.
    pub encoding: Option<&'a table::Encoding>,
}

/// Told while samples are read: how many of how many are there. An error ends the reading.
pub type Progress<'a> = dyn FnMut(usize, usize) -> Result<()> + 'a;

impl Dataset {
    /// The number of samples in all parts together.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of values in one sample: height × width × channels.
    pub fn sample_len(&self) -> usize {
        self.sample_shape.iter().product()
    }
}

impl Targets {
    /// The number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Values { values, names } => values.len() / names.len().max(1),
            Self::Next { count, .. } => *count,
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Classes, or numbers of a regression: what the network gives for a sample, or for each token of one.
    pub fn outputs(&self) -> usize {
        self.names().len()
    }

    /// The names of the classes, of the numbers of a regression or of the tokens.
    pub fn names(&self) -> &[String] {
        let (Self::Classes { names, .. } | Self::Values { names, .. } | Self::Next { names, .. }) =
            self;
        names
    }

    /// The class of each sample, if it has one.
    pub fn labels(&self) -> Option<&[u32]> {
        match self {
            Self::Classes { labels, .. } => Some(labels),
            Self::Values { .. } | Self::Next { .. } => None,
        }
    }

    /// The names of the classes, which are tokens for a language model; none for a regression.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } | Self::Next { names, .. } => names,
            Self::Values { .. } => &[],
        }
    }
}

impl Parts {
    /// Parts of these sizes, one after the other.
    pub fn of([train, validation, test]: [usize; 3]) -> Self {
        Self {
            train: 0..train,
            validation: train..train + validation,
            test: train + validation..train + validation + test,
        }
    }
}

/// Samples as a source gives them, in the parts that it brings.
struct Pool {
    sample_shape: [usize; 3],
    samples: Samples,
    targets: Targets,
    parts: Parts,
}

impl Pool {
    /// Holds out the parts that the source does not bring, and lays the parts one after the other.
    fn arrange(self, name: String, hold_out: &HoldOut) -> Result<Dataset> {
        let (order, parts) = split::arrange(self.targets.labels(), &self.parts, hold_out)?;
        let sample_len = self.sample_shape.iter().product();
        Ok(Dataset {
            name,
            sample_shape: self.sample_shape,
            samples: match self.samples {
                Samples::Bytes(bytes) => Samples::Bytes(in_order(bytes, &order, sample_len)),
                Samples::Floats(floats) => Samples::Floats(in_order(floats, &order, sample_len)),
                Samples::Ids(_) | Samples::Text(_) => {
                    unreachable!("texts are cut where their parts are")
                }
            },
            targets: match self.targets {
                Targets::Classes { labels, names } => Targets::Classes {
                    labels: in_order(labels, &order, 1),
                    names,
                },
                Targets::Values { values, names } => Targets::Values {
                    values: in_order(values, &order, names.len()),
                    names,
                },
                Targets::Next { .. } => unreachable!("a text is cut where its parts are"),
            },
            weights: None,
            parts,
            encoding: None,
        })
    }
}

/// The rows of `len` values each, in another order; what is in order already is not copied.
fn in_order<T: Copy>(rows: Vec<T>, order: &[usize], len: usize) -> Vec<T> {
    assert_eq!(rows.len(), order.len() * len, "every sample is whole");
    if order.is_sorted() {
        return rows;
    }
    let mut ordered = Vec::with_capacity(rows.len());
    for &number in order {
        ordered.extend_from_slice(&rows[number * len..][..len]);
    }
    ordered
}

/// Class names "0", "1", ...
fn numbered_classes(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// Classes of a whole data set: there must be at least two.
fn refuse_one_class(place: &str, classes: &[String]) -> Result<()> {
    match classes {
        [] | [_] => Err(Error::data(
            format!(
                "{place}: all samples are of one class, {:?}, but telling classes apart takes two",
                classes.first().map_or("", String::as_str)
            ),
            "use data with at least two classes",
        )),
        _ => Ok(()),
    }
}

/// Refuses samples beyond [`MAX_BYTES`].
fn refuse_too_large(place: &str, samples: usize, bytes_each: usize, help: &str) -> Result<()> {
    let bytes = (samples as u64).saturating_mul(bytes_each as u64);
    if bytes <= MAX_BYTES && u32::try_from(samples).is_ok() {
        return Ok(());
    }
    Err(Error::data(
        format!(
            "{place}: {samples} samples of {bytes_each} bytes are more than the {} samples or {MAX_BYTES} bytes (4 GiB) that are \
             read",
            u32::MAX
        ),
        help,
    ))
}
