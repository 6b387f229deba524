//! The handwritten digits embedded in the binary: 1,797 grey images of 8 × 8 pixels, 10 classes.
//!
//! E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository, 1998,
//! <https://archive.ics.uci.edu/dataset/80>, CC BY 4.0; see `assets/digits/README.md`.

use image::ImageFormat;

use super::split::{self, Split};
use super::{Dataset, HoldOut, Parts, Pool, Samples, Targets, numbered_classes};
use crate::error::{Error, Result};
use crate::rng::{Sequence, Stream};

const SHEET: &[u8] = include_bytes!("../../assets/digits/digits.png");
const LABELS: &str = include_str!("../../assets/digits/labels.txt");

/// The number of images.
pub const COUNT: usize = 1797;
/// Height, width and channels of an image.
pub const SHAPE: [usize; 3] = [8, 8, 1];
/// The value of a pixel that is all ink; the others are multiples of 15 below it.
pub const MAX_PIXEL: u8 = 240;

/// Tiles in a row of the sheet.
const COLUMNS: usize = 43;
/// The fixed test part, a fifth of each class: the same samples for every seed, so that test results can be compared.
const TEST_FRACTION: f64 = 0.2;
const TEST_SEED: u64 = 1998;

/// The digits, 360 of them as a fixed, stratified test part; the validation part is taken from the other 1,437.
///
/// # Errors
///
/// If `hold_out` leaves training or validation without a sample.
pub fn load(hold_out: &HoldOut) -> Result<Dataset> {
    let (samples, labels) = in_file_order()?;
    let mut sequence = Sequence::new(TEST_SEED, Stream::Holdout, 0);
    let (train, test) = split::hold_out(
        &labels,
        TEST_FRACTION,
        Split::Stratified,
        "test",
        &mut sequence,
    )?;
    let parts = Parts::of([train.len(), 0, test.len()]);
    let order = [train, test].concat();
    let pool = Pool {
        sample_shape: SHAPE,
        samples: Samples::Bytes(super::in_order(samples, &order, SHAPE.iter().product())),
        targets: Targets::Classes {
            labels: super::in_order(labels, &order, 1),
            names: numbered_classes(10),
        },
        parts,
    };
    pool.arrange("digits".to_owned(), hold_out)
}

/// All images (1797 × 8 × 8, values 0 to 240) and their labels (0 to 9), in the order of the original file.
///
/// # Errors
///
/// If the embedded files are damaged.
pub fn in_file_order() -> Result<(Vec<u8>, Vec<u32>)> {
    let damaged = |what: String| {
        Error::data(
            format!("the embedded digits: {what}"),
            "the program is damaged: install it again",
        )
    };
    let sheet = image::load_from_memory_with_format(SHEET, ImageFormat::Png)
        .map_err(|error| damaged(error.to_string()))?
        .into_luma8();
    let [height, width, _] = SHAPE;
    let size = [sheet.width() as usize, sheet.height() as usize];
    if size != [COLUMNS * width, COUNT.div_ceil(COLUMNS) * height] {
        return Err(damaged(format!("the sheet is {} × {}", size[0], size[1])));
    }
    let pixels = sheet.as_raw();
    let mut samples = Vec::with_capacity(COUNT * height * width);
    for number in 0..COUNT {
        let (row, column) = (number / COLUMNS, number % COLUMNS);
        for y in 0..height {
            let begin = (row * height + y) * size[0] + column * width;
            samples.extend_from_slice(&pixels[begin..begin + width]);
        }
    }
    let labels: Vec<u32> = LABELS.chars().filter_map(|c| c.to_digit(10)).collect();
    if labels.len() != COUNT {
        return Err(damaged(format!("{} labels", labels.len())));
    }
    Ok((samples, labels))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn load(validation: f64, split: Split, seed: u64) -> Result<Dataset> {
        super::load(&HoldOut {
            test: 0.0,
            validation,
            split,
            seed,
            fold: None,
        })
    }

    /// FNV-1a, 64 bits.
    fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }

    fn bytes(dataset: &Dataset) -> &[u8] {
        match &dataset.samples {
            Samples::Bytes(bytes) => bytes,
            _ => panic!("the digits are bytes"),
        }
    }

    #[test]
    fn the_sheet_holds_the_original_file() {
        let (samples, labels) = in_file_order().unwrap();
        assert_eq!(samples.len(), COUNT * 64);
        assert_eq!(labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(samples[..8], [0, 0, 75, 195, 135, 15, 0, 0]);
        assert!(
            samples.iter().all(|v| v % 15 == 0 && *v <= MAX_PIXEL),
            "multiples of 15"
        );
        // Computed from the original text file, pixels times 15.
        assert_eq!(fnv(samples), 0x9845_fd59_0831_7049);
        assert_eq!(
            fnv(labels.iter().map(|l| l.to_le_bytes()[0])),
            0x5c66_ed87_5b0a_9785
        );
    }

    #[test]
    fn the_test_part_is_the_same_for_every_seed_and_split() {
        let base = load(0.1, Split::Tail, 1).unwrap();
        assert_eq!(base.parts.test, 1437..1797);
        for (validation, split, seed) in [(0.1, Split::Random, 1), (0.4, Split::Stratified, 77)] {
            let other = load(validation, split, seed).unwrap();
            assert_eq!(other.parts.test, base.parts.test);
            assert_eq!(
                other.targets.labels().unwrap()[1437..],
                base.targets.labels().unwrap()[1437..]
            );
            assert!(
                bytes(&other)[1437 * 64..] == bytes(&base)[1437 * 64..],
                "{split:?}"
            );
        }
        // Printed results refer to these samples: they never change.
        let test = bytes(&base)[1437 * 64..].iter().copied();
        assert_eq!(fnv(test), 0x386b93fcc30c28aa);
    }

    #[test]
    fn the_parts_hold_every_digit_once_and_each_class_in_proportion() {
        let (samples, _) = in_file_order().unwrap();
        let originals: BTreeSet<&[u8]> = samples.chunks(64).collect();
        let dataset = load(0.1, Split::Stratified, 5).unwrap();
        assert_eq!(dataset.parts.train, 0..1293);
        assert_eq!(dataset.parts.validation, 1293..1437);
        assert_eq!(dataset.len(), COUNT);
        let loaded: BTreeSet<&[u8]> = bytes(&dataset).chunks(64).collect();
        assert!(originals == loaded, "the same images");
        assert_eq!(
            dataset.targets.classes(),
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        );
        for (part, low, high) in [
            (dataset.parts.test, 34, 37),
            (dataset.parts.validation, 13, 15),
        ] {
            for class in 0..10 {
                let labels = &dataset.targets.labels().unwrap()[part.clone()];
                let count = labels.iter().filter(|&&label| label == class).count();
                assert!(
                    (low..=high).contains(&count),
                    "{count} of class {class} in {part:?}"
                );
            }
        }
    }
}
