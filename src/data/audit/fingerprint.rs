//! Fingerprints of pictures: one that only equal pictures share, and one that similar pictures nearly share.
//!
//! The second is a difference hash (dHash): the picture is scaled to 9 × 9 greys, and each is compared with its right and with its
//! lower neighbour. What it suggests is confirmed on a thumbnail.

use std::hash::{DefaultHasher, Hash, Hasher};

use image::imageops::{FilterType, resize};
use image::{DynamicImage, GrayImage};
use rayon::prelude::*;

/// Fingerprints of likely copies differ in at most so many of 128 bits.
const DISTANCE: u32 = 8;
/// A neighbour counts as brighter from this difference on, so that the noise of a coder in even areas decides nothing.
const STEP: i16 = 3;
/// Height and width of a thumbnail.
const SIDE: u32 = 32;
/// The least correlation of the thumbnails of copies: of the 70,000 digits of MNIST no two different ones reach 0.995, while a
/// picture that was scaled or saved again as JPEG stays above 0.999.
const CORRELATION: f64 = 0.997;
/// The greatest mean difference of the greys, and of the mean colours, of copies.
const DIFFERENCE: f64 = 8.0;
/// A thumbnail with a smaller deviation than this shows nothing that could be compared.
const EVEN: f64 = 4.0;
/// A picture of a smaller side has too few pixels to be told from others like it.
const SMALLEST: u32 = 16;
/// Every picture is compared with every other: beyond this many, only equal ones are looked for.
pub(super) const MOST_COMPARED: usize = 300_000;

/// What is kept of a picture.
#[derive(Clone, Debug)]
pub(super) struct Fingerprint {
    /// Equal for equal pixels.
    pub(super) exact: [u64; 2],
    similar: u128,
    thumbnail: Vec<u8>,
    mean: f64,
    /// 0 where it shows nothing that could be compared.
    deviation: f64,
    /// The mean of each channel.
    color: [f64; 3],
}

impl Fingerprint {
    /// Of a picture as it was decoded.
    pub(super) fn of(image: &DynamicImage) -> Self {
        let rgba = image.to_rgba8();
        let exact = exact(&[rgba.width(), rgba.height()], rgba.as_raw());
        let rgb = image.to_rgb8();
        let mut color = [0.0; 3];
        for pixel in rgb.pixels() {
            for (sum, &value) in color.iter_mut().zip(&pixel.0) {
                *sum += f64::from(value);
            }
        }
        let pixels = f64::from(rgb.width()) * f64::from(rgb.height());
        Self::with(exact, &image.to_luma8(), color.map(|sum| sum / pixels))
    }

    fn with(exact: [u64; 2], grey: &GrayImage, color: [f64; 3]) -> Self {
        let thumbnail = resize(grey, SIDE, SIDE, FilterType::Triangle).into_raw();
        let n = thumbnail.len() as f64;
        let mean = thumbnail.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let squares: f64 = thumbnail
            .iter()
            .map(|&v| (f64::from(v) - mean).powi(2))
            .sum();
        Self {
            exact,
            similar: similar(grey),
            thumbnail,
            mean,
            deviation: if grey.width().min(grey.height()) < SMALLEST {
                0.0
            } else {
                (squares / n).sqrt()
            },
            color,
        }
    }

    /// Whether two pictures are copies of each other, saved or scaled differently.
    fn is_copy(&self, other: &Self) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= DIFFERENCE;
        if (self.similar ^ other.similar).count_ones() > DISTANCE
            || self.deviation.min(other.deviation) < EVEN
            || !close(self.mean, other.mean)
            || !close(self.deviation, other.deviation)
            || !self
                .color
                .iter()
                .zip(&other.color)
                .all(|(&a, &b)| close(a, b))
        {
            return false;
        }
        let pairs = self.thumbnail.iter().zip(&other.thumbnail);
        let (mut product, mut difference) = (0.0, 0.0);
        for (&a, &b) in pairs {
            let (a, b) = (f64::from(a), f64::from(b));
            product += (a - self.mean) * (b - other.mean);
            difference += (a - b).abs();
        }
        let n = self.thumbnail.len() as f64;
        let correlation = product / n / (self.deviation * other.deviation);
        correlation >= CORRELATION && difference / n <= DIFFERENCE
    }
}

/// 128 bits of a shape and what is in it.
pub(super) fn exact(shape: &impl Hash, bytes: &[u8]) -> [u64; 2] {
    [1_u8, 2].map(|salt| {
        let mut hasher = DefaultHasher::new();
        (salt, shape, bytes).hash(&mut hasher);
        hasher.finish()
    })
}

fn similar(grey: &GrayImage) -> u128 {
    let small = resize(grey, 9, 9, FilterType::Triangle);
    let at = |x: u32, y: u32| i16::from(small.get_pixel(x, y).0[0]);
    let mut bits = 0;
    for y in 0..8 {
        for x in 0..8 {
            for brighter in [
                at(x + 1, y) - at(x, y) >= STEP,
                at(x, y + 1) - at(x, y) >= STEP,
            ] {
                bits = bits << 1 | u128::from(brighter);
            }
        }
    }
    bits
}

/// Groups of two and more that share a key, by their first member.
pub(super) fn equal_groups<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<Vec<usize>> {
    let mut keyed: Vec<(K, usize)> = keys.zip(0..).collect();
    keyed.sort();
    let runs = keyed.chunk_by(|a, b| a.0 == b.0);
    let mut groups: Vec<Vec<usize>> = runs
        .filter(|run| run.len() > 1)
        .map(|run| run.iter().map(|(_, number)| *number).collect())
        .collect();
    groups.sort();
    groups
}

/// Groups of pictures that are copies of each other and not equal; of equal ones the first stands for all.
pub(super) fn near_groups(prints: &[Fingerprint]) -> Vec<Vec<usize>> {
    let mut first: Vec<usize> = (0..prints.len()).collect();
    first.sort_by_key(|&number| (prints[number].exact, number));
    first.dedup_by_key(|number| prints[*number].exact);
    first.sort_unstable();
    if first.len() > MOST_COMPARED {
        return Vec::new();
    }
    // Hashes lie together, apart from what is only looked at for likely copies.
    let hashes: Vec<u128> = first.iter().map(|&number| prints[number].similar).collect();
    let pairs: Vec<(usize, usize)> = (0..first.len())
        .into_par_iter()
        .flat_map_iter(|i| {
            let (hashes, first) = (&hashes, &first);
            let likely = (i + 1..hashes.len())
                .filter(move |&j| (hashes[i] ^ hashes[j]).count_ones() <= DISTANCE);
            likely
                .map(move |j| (first[i], first[j]))
                .filter(|&(a, b)| prints[a].is_copy(&prints[b]))
        })
        .collect();
    // A copy of a copy belongs to the group.
    let mut root: Vec<usize> = (0..prints.len()).collect();
    fn find(root: &[usize], mut number: usize) -> usize {
        while root[number] != number {
            number = root[number];
        }
        number
    }
    for (a, b) in pairs {
        let (a, b) = (find(&root, a), find(&root, b));
        root[a.max(b)] = a.min(b);
    }
    let roots: Vec<usize> = (0..prints.len())
        .map(|number| find(&root, number))
        .collect();
    equal_groups(roots.into_iter())
}
