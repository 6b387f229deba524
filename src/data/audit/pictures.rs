//! Folders of pictures, and samples of arrays that are pictures.

use std::path::Path;

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use rayon::prelude::*;

use super::fingerprint::{self, Fingerprint};
use super::{Finding, Kind, Report, Sample, imbalance, listing, of_groups};
use crate::data::image_file;
use crate::data::{Dataset, Progress, Samples};
use crate::error::Result;

/// Pictures that are decoded between two words of progress.
const PIECE: usize = 1024;

/// A picture of a folder, decoded or not.
pub(super) struct Picture {
    pub(super) print: Result<Fingerprint, String>,
}

/// Decodes all pictures; of each remains a fingerprint, or why it cannot be decoded.
pub(super) fn fingerprints(
    files: &[std::path::PathBuf],
    progress: &mut Progress<'_>,
) -> Result<Vec<Picture>> {
    let mut pictures = Vec::with_capacity(files.len());
    for piece in files.chunks(PIECE) {
        progress(pictures.len(), files.len())?;
        let decoded = piece.par_iter().map(|path| {
            let image =
                image_file::read(path).and_then(|bytes| image_file::decode_whole(path, &bytes));
            Picture {
                print: image
                    .map(|image| Fingerprint::of(&image))
                    .map_err(|error| error.to_string()),
            }
        });
        pictures.par_extend(decoded);
    }
    progress(files.len(), files.len())?;
    Ok(pictures)
}

pub(super) fn check(dir: &Path, progress: &mut Progress<'_>) -> Result<Report> {
    let listing = listing(dir)?;
    let pictures = fingerprints(&listing.files, progress)?;
    let mut findings = Vec::new();
    let (mut samples, mut prints) = (Vec::new(), Vec::new());
    let parts = [
        &listing.parts.train,
        &listing.parts.validation,
        &listing.parts.test,
    ];
    for (number, picture) in pictures.into_iter().enumerate() {
        let place = shown(dir, &listing.files[number]);
        match picture.print {
            Ok(print) => {
                prints.push(print);
                samples.push(Sample {
                    place,
                    part: parts
                        .iter()
                        .position(|part| part.contains(&number))
                        .unwrap_or(0),
                    label: listing.classes[listing.labels[number] as usize].clone(),
                });
            }
            Err(what) => findings.push(Finding {
                kind: Kind::Damaged,
                what,
                places: vec![place],
            }),
        }
    }
    let prints = Prints::Pictures(prints);
    findings.extend(copies(&prints, &prints.equal(), &samples));
    let train = samples.iter().filter(|sample| sample.part == 0);
    let labels = train.map(|sample| sample.label.as_str());
    findings.extend(imbalance(labels, &listing.classes));
    Ok(Report {
        samples: listing.files.len(),
        classes: listing.classes.len(),
        findings,
    })
}

/// A path as it stands below the folder.
pub(super) fn shown(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

/// Findings about samples that are `equal`, and about those that nearly are.
pub(super) fn copies(prints: &Prints, equal: &[Vec<usize>], samples: &[Sample]) -> Vec<Finding> {
    let mut findings = of_groups(equal, samples, false);
    let all: Vec<usize> = (0..samples.len()).collect();
    findings.extend(of_groups(&prints.near(&all), samples, true));
    findings
}

/// What tells copies among samples in memory.
pub(super) enum Prints {
    /// Samples that are pictures have near copies, too.
    Pictures(Vec<Fingerprint>),
    /// Others are the same or not.
    Exact(Vec<[u64; 2]>),
}

impl Prints {
    /// Of every sample.
    pub(super) fn of(dataset: &Dataset) -> Self {
        let sample_len = dataset.sample_len();
        match &dataset.samples {
            Samples::Bytes(bytes) => {
                let picture = |pixels: &[u8]| picture(dataset.sample_shape, pixels);
                let prints: Option<Vec<Fingerprint>> = bytes
                    .par_chunks(sample_len)
                    .map(|pixels| Some(Fingerprint::of(&picture(pixels)?)))
                    .collect();
                let exact = || {
                    let rows = bytes.chunks(sample_len);
                    rows.map(|row| fingerprint::exact(&0, row)).collect()
                };
                prints.map_or_else(|| Self::Exact(exact()), Self::Pictures)
            }
            Samples::Floats(floats) => {
                let key = |row: &[f32]| {
                    let bytes: Vec<u8> =
                        row.iter().flat_map(|number| number.to_le_bytes()).collect();
                    fingerprint::exact(&0, &bytes)
                };
                Self::Exact(floats.chunks(sample_len).map(key).collect())
            }
            // Tables are looked at cell by cell, and the windows of a text overlap as they should.
            Samples::Ids(_) | Samples::Text(_) => Self::Exact(Vec::new()),
        }
    }

    /// Groups of samples that are the same.
    pub(super) fn equal(&self) -> Vec<Vec<usize>> {
        match self {
            Self::Pictures(prints) => {
                fingerprint::equal_groups(prints.iter().map(|print| print.exact))
            }
            Self::Exact(keys) => fingerprint::equal_groups(keys.iter()),
        }
    }

    /// Groups of those of these samples that are nearly the same.
    pub(super) fn near(&self, among: &[usize]) -> Vec<Vec<usize>> {
        let Self::Pictures(prints) = self else {
            return Vec::new();
        };
        let prints: Vec<Fingerprint> = among.iter().map(|&i| prints[i].clone()).collect();
        let groups = fingerprint::near_groups(&prints).into_iter();
        groups
            .map(|group| group.into_iter().map(|i| among[i]).collect())
            .collect()
    }
}

/// Pixels in memory as a picture, if they can be one.
fn picture([height, width, channels]: [usize; 3], pixels: &[u8]) -> Option<DynamicImage> {
    let (height, width) = (u32::try_from(height).ok()?, u32::try_from(width).ok()?);
    let pixels = pixels.to_vec();
    if height < 4 || width < 4 {
        return None;
    }
    Some(match channels {
        1 => GrayImage::from_raw(width, height, pixels)?.into(),
        3 => RgbImage::from_raw(width, height, pixels)?.into(),
        4 => RgbaImage::from_raw(width, height, pixels)?.into(),
        _ => return None,
    })
}
