//! A folder of pictures, a folder for each class.
//!
//! ```text
//! train/<class>/*.png   validation/<class>/*.png   test/<class>/*.png      parts that are given
//! <class>/*.png                                                            one set, of which parts are held out
//! ```

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::files::{self, listed};
use super::{
    Dataset, HoldOut, Known, MAX_CLASSES, Parts, Progress, Samples, Targets, image_file,
    refuse_one_class, refuse_too_large, split,
};
use crate::error::{Error, Result};

/// How pictures become samples of one shape.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Height and width; without them the median of the pictures.
    pub size: Option<[usize; 2]>,
    /// 1 (grey), 3 or 4; without it grey if all pictures are, else colours.
    pub channels: Option<usize>,
}

/// Folders of the parts training, validation and test, in any case of letters.
const PARTS: [&[&str]; 3] = [
    &["train", "training"],
    &["validation", "valid", "val"],
    &["test", "testing"],
];
/// So many pictures are looked at for the size and the colours of all.
const LOOKED_AT: usize = 1000;
/// A size that is not told is at most this, on the longer side.
const LONGEST_SIDE: usize = 224;
/// Pictures that are decoded between two words of progress.
const PIECE: usize = 2048;
/// Folders inside of a class are looked into this deep.
const DEPTH: usize = 8;

/// The pictures of a data set, by path.
#[derive(Debug)]
pub(super) struct Listing {
    /// In the order training, validation, test; in each by class and path.
    pub(super) files: Vec<PathBuf>,
    /// The class of each.
    pub(super) labels: Vec<u32>,
    pub(super) classes: Vec<String>,
    pub(super) parts: Parts,
}

/// Reads the pictures in `dir`; `progress` is told how many of them are decoded.
///
/// Classes are the folders by name, in alphabetical order; what has no ending of a picture is passed over. Where a trained network is
/// `known`, its classes, size and channels count.
///
/// # Errors
/// If there are no pictures, a class has none, or one of them is damaged or too large.
pub fn load(
    dir: &Path,
    options: &Options,
    hold_out: &HoldOut,
    known: Option<&Known<'_>>,
    progress: &mut Progress<'_>,
) -> Result<Dataset> {
    let mut listing = list(dir)?;
    if let Some(known) = known {
        listing.rename(dir, known.classes)?;
    } else {
        refuse_one_class(&dir.display().to_string(), &listing.classes)?;
    }
    let (order, parts) = split::arrange(Some(&listing.labels), &listing.parts, hold_out)?;
    let files: Vec<&Path> = order.iter().map(|&i| listing.files[i].as_path()).collect();
    let sample_shape = match known {
        Some(known) => known.sample_shape,
        None => shape(&files[parts.train.clone()], options)?,
    };
    let samples = decode(dir, &files, sample_shape, progress)?;
    Ok(Dataset {
        name: files::name_of(dir, "images"),
        sample_shape,
        samples: Samples::Bytes(samples),
        targets: Targets::Classes {
            labels: super::in_order(listing.labels, &order, 1),
            names: listing.classes,
        },
        weights: None,
        parts,
        encoding: None,
    })
}

/// The pictures as samples, one after the other; of several that are refused the first is told.
fn decode(
    dir: &Path,
    files: &[&Path],
    shape: [usize; 3],
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    let sample_len: usize = shape.iter().product();
    refuse_too_large(
        &dir.display().to_string(),
        files.len(),
        sample_len,
        "choose a smaller size under [data], as in `size = 64`, or use fewer pictures",
    )?;
    let mut samples = vec![0; files.len() * sample_len];
    let pieces = samples
        .chunks_mut(PIECE * sample_len)
        .zip(files.chunks(PIECE));
    let (mut done, total) = (0, files.len());
    for (samples, files) in pieces {
        progress(done, total)?;
        let decoded: Vec<Result<()>> = samples
            .par_chunks_mut(sample_len)
            .zip(files)
            .map(|(sample, file)| {
                sample.copy_from_slice(&image_file::load(file, shape)?);
                Ok(())
            })
            .collect();
        decoded.into_iter().collect::<Result<()>>()?;
        done += files.len();
    }
    progress(total, total)?;
    Ok(samples)
}

/// The shape of all samples: what is told, and else what most pictures have.
fn shape(files: &[&Path], options: &Options) -> Result<[usize; 3]> {
    if let (Some([height, width]), Some(channels)) = (options.size, options.channels) {
        return Ok([height, width, channels]);
    }
    let step = files.len().div_ceil(LOOKED_AT);
    let looks: Vec<Result<image_file::Look>> = files
        .par_iter()
        .step_by(step)
        .map(|file| image_file::look(file))
        .collect();
    let looks = looks.into_iter().collect::<Result<Vec<_>>>()?;
    let [height, width] = options.size.unwrap_or_else(|| {
        let median = |side: fn(&image_file::Look) -> usize| {
            let mut sides: Vec<usize> = looks.iter().map(side).collect();
            sides.sort_unstable();
            sides[sides.len() / 2]
        };
        within([median(|look| look.height), median(|look| look.width)])
    });
    let is_grey = looks.iter().all(|look| look.is_grey);
    let channels = options.channels.unwrap_or(if is_grey { 1 } else { 3 });
    Ok([height, width, channels])
}

/// A size of the same proportions whose longer side is at most [`LONGEST_SIDE`].
fn within([height, width]: [usize; 2]) -> [usize; 2] {
    let longer = height.max(width);
    if longer <= LONGEST_SIDE {
        return [height, width];
    }
    [height, width].map(|side| ((side * LONGEST_SIDE + longer / 2) / longer).max(1))
}

/// All pictures below `dir`, in the parts and classes of their folders.
pub(super) fn list(dir: &Path) -> Result<Listing> {
    if !dir.is_dir() {
        let what = if dir.exists() {
            "a file, not a folder"
        } else {
            "no such folder"
        };
        return Err(Error::data(
            format!("{}: {what}", dir.display()),
            format!("name a folder of pictures with --data, or with `path` under [data]: {WANTED}"),
        ));
    }
    let (folders, others) = entries(dir)?;
    let part = |names: &[&str]| {
        let is_part =
            |(name, _): &&(String, PathBuf)| names.contains(&name.to_lowercase().as_str());
        folders.iter().find(is_part).map(|(_, path)| path.clone())
    };
    let [train, validation, test] = PARTS.map(part);
    let roots = match (train, &validation, &test) {
        (Some(train), _, _) => [Some(train), validation, test],
        (None, None, None) => [Some(dir.to_owned()), None, None],
        (None, _, _) => {
            return Err(Error::data(
                format!(
                    "{}: a folder to test or validate on, but no folder `train`",
                    dir.display()
                ),
                WANTED,
            ));
        }
    };
    let mut by_part: Vec<Vec<(String, Vec<PathBuf>)>> = Vec::new();
    for root in &roots {
        by_part.push(match root {
            Some(root) => classes_in(root)?,
            None => Vec::new(),
        });
    }
    let classes: Vec<String> = by_part[0].iter().map(|(name, _)| name.clone()).collect();
    if classes.is_empty() {
        let root = roots[0].as_deref().unwrap_or(dir);
        let (_, loose) = if root == dir {
            (Vec::new(), others)
        } else {
            entries(root)?
        };
        return Err(Error::data(
            format!(
                "{}: no folders of classes; it holds {}",
                root.display(),
                listed(loose)
            ),
            WANTED,
        ));
    }
    if classes.len() > MAX_CLASSES {
        return Err(Error::data(
            format!(
                "{}: {} folders, more than {MAX_CLASSES} classes",
                dir.display(),
                classes.len()
            ),
            WANTED,
        ));
    }
    let mut listing = Listing {
        files: Vec::new(),
        labels: Vec::new(),
        classes,
        parts: Parts::of([0; 3]),
    };
    let mut counts = [0; 3];
    for (part, (root, found)) in roots.iter().zip(by_part).enumerate() {
        for (name, files) in found {
            let root = root.as_deref().unwrap_or(dir);
            let Some(label) = listing.classes.iter().position(|class| *class == name) else {
                return Err(Error::data(
                    format!(
                        "{}: there is no such class among the samples to train on",
                        root.join(name).display()
                    ),
                    "every class has a folder of its name in the folder to train on",
                ));
            };
            if files.is_empty() {
                return Err(Error::data(
                    format!("{}: no pictures in it", root.join(name).display()),
                    "put PNG, JPEG, BMP or WebP files into it, or remove it",
                ));
            }
            counts[part] += files.len();
            let label = u32::try_from(label).expect("at most 65,536 classes");
            listing
                .labels
                .extend(std::iter::repeat_n(label, files.len()));
            listing.files.extend(files);
        }
    }
    listing.parts = Parts::of(counts);
    Ok(listing)
}

const WANTED: &str = "a folder for each class, or train/ and test/ with a folder for each class";

impl Listing {
    /// Brings the classes into the order of those that a network knows.
    fn rename(&mut self, dir: &Path, known: &[String]) -> Result<()> {
        let places = self.classes.iter().map(|class| {
            let place = known.iter().position(|name| name == class);
            let place = place.and_then(|place| u32::try_from(place).ok());
            place.ok_or_else(|| {
                Error::data(
                    format!(
                        "{}: class {class:?} is not one that the network was trained on: {}",
                        dir.display(),
                        listed(known.to_vec())
                    ),
                    "evaluate on data with the classes it was trained on",
                )
            })
        });
        let places = places.collect::<Result<Vec<u32>>>()?;
        for label in &mut self.labels {
            *label = places[*label as usize];
        }
        self.classes = known.to_vec();
        Ok(())
    }
}

/// A folder with its name.
type Named = (String, PathBuf);

/// The folders and the names of the other things in a folder, sorted; what is hidden is passed over.
fn entries(dir: &Path) -> Result<(Vec<Named>, Vec<String>)> {
    let (mut folders, mut others) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(|e| Error::io(dir, "read", e))? {
        let path = entry.map_err(|e| Error::io(dir, "read", e))?.path();
        let name = path.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            folders.push((name, path));
        } else {
            others.push(name);
        }
    }
    folders.sort();
    others.sort();
    Ok((folders, others))
}

/// The classes below a folder, and the pictures of each.
fn classes_in(root: &Path) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let (folders, _) = entries(root)?;
    let classes = folders.into_iter().map(|(name, path)| {
        let mut files = Vec::new();
        pictures(&path, DEPTH, &mut files)?;
        files.sort();
        Ok((name, files))
    });
    classes.collect()
}

/// The files below a folder whose ending is that of a picture.
fn pictures(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|e| Error::io(dir, "read", e))? {
        let entry = entry.map_err(|e| Error::io(dir, "read", e))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // Of links only those to files are followed: folders could lead in circles.
        let kind = entry.file_type().map_err(|e| Error::io(dir, "read", e))?;
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            pictures(&path, depth - 1, files)?;
        } else if !kind.is_dir() && is_picture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a name has the ending of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    ["png", "jpg", "jpeg", "bmp", "webp"].contains(&ending.as_str())
}
