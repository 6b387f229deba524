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
    findings.extend(copies(&prints, &samples));
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

fn copies(prints: &[Fingerprint], samples: &[Sample]) -> Vec<Finding> {
    let equal = fingerprint::equal_groups(prints.iter().map(|print| print.exact));
    let mut findings = of_groups(&equal, samples, false);
    findings.extend(of_groups(&fingerprint::near_groups(prints), samples, true));
    findings
}

/// Copies among samples in memory; near ones only where samples are pictures.
pub(super) fn of_samples(dataset: &Dataset, samples: &[Sample]) -> Vec<Finding> {
    let sample_len = dataset.sample_len();
    match &dataset.samples {
        Samples::Bytes(bytes) => {
            let picture = |pixels: &[u8]| picture(dataset.sample_shape, pixels);
            let prints: Option<Vec<Fingerprint>> = bytes
                .par_chunks(sample_len)
                .map(|pixels| Some(Fingerprint::of(&picture(pixels)?)))
                .collect();
            match prints {
                Some(prints) => copies(&prints, samples),
                None => {
                    let keys = bytes
                        .chunks(sample_len)
                        .map(|row| fingerprint::exact(&0, row));
                    of_groups(&fingerprint::equal_groups(keys), samples, false)
                }
            }
        }
        Samples::Floats(floats) => {
            let keys = floats.chunks(sample_len).map(|row| {
                let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
                fingerprint::exact(&0, &bytes)
            });
            of_groups(&fingerprint::equal_groups(keys), samples, false)
        }
        // Tables are looked at cell by cell, and the windows of a text overlap as they should.
        Samples::Ids(_) | Samples::Text(_) => Vec::new(),
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
