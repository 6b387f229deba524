//! A folder of IDX files, the format of MNIST and its relatives (Fashion-MNIST, KMNIST, QMNIST, EMNIST, ...).
//!
//! The format is described at the end of <http://yann.lecun.com/exdb/mnist/>: a header of big-endian numbers, then the values.

#[cfg(test)]
mod attacks;
mod file;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use self::file::{Content, IdxFile};
use super::files::{self, listed};
use super::{Dataset, HoldOut, MAX_BYTES, Parts, Pool, Samples, Targets, numbered_classes};
use crate::error::{Error, Result};

/// A label is below this.
const MAX_CLASSES: u32 = 1 << 16;

/// The four files of a data set: which part, what it holds, what people call it, the name it has in MNIST.
const FILES: [(&str, Content, &str, &str); 4] = [
    (
        "train",
        Content::Images,
        "training images",
        "train-images-idx3-ubyte.gz",
    ),
    (
        "train",
        Content::Labels,
        "training labels",
        "train-labels-idx1-ubyte.gz",
    ),
    (
        "test",
        Content::Images,
        "test images",
        "t10k-images-idx3-ubyte.gz",
    ),
    (
        "test",
        Content::Labels,
        "test labels",
        "t10k-labels-idx1-ubyte.gz",
    ),
];

/// Reads the data set in the folder `dir`: training images and labels, test images and labels, each gzipped or not.
///
/// A file is known by its name: it contains "train" or else "t10k" or "test", "images" or "labels", and "idx". Images are unsigned
/// bytes (n, h, w) or (n, h, w, c) with 1 to 4 channels; labels are unsigned bytes or 32-bit integers. There are as many classes as
/// the largest label of the training file says. The validation part is taken from the training file.
///
/// # Errors
///
/// If the folder or one of the files is missing, or a file is not exactly what its header and the other files say; if `hold_out`
/// leaves training or validation without a sample.
pub fn load(dir: &Path, hold_out: &HoldOut) -> Result<Dataset> {
    let [train_images, train_labels, test_images, test_labels] = find(dir)?;
    // All headers are checked, alone and against each other, before the first sample is read.
    let mut train_images = IdxFile::open(&train_images, Content::Images)?;
    let mut train_labels = IdxFile::open(&train_labels, Content::Labels)?;
    let mut test_images = IdxFile::open(&test_images, Content::Images)?;
    let mut test_labels = IdxFile::open(&test_labels, Content::Labels)?;
    check_counts(&train_images, &train_labels)?;
    check_counts(&test_images, &test_labels)?;
    let shape = train_images.sample_shape();
    if test_images.sample_shape() != shape {
        let [h, w, c] = shape;
        let [test_h, test_w, test_c] = test_images.sample_shape();
        return Err(Error::data(
            format!(
                "{}: test images of {test_h} × {test_w} × {test_c}, but the training images of {} are {h} × {w} × {c}",
                test_images.path.display(),
                train_images.path.display()
            ),
            "use the training and test files of one data set",
        ));
    }
    check_total(
        dir,
        [&train_images, &train_labels, &test_images, &test_labels],
    )?;

    let mut samples = train_images.read()?;
    let mut labels = train_labels.read_labels(MAX_CLASSES)?;
    let classes = labels.iter().max().map_or(0, |&label| label + 1);
    if classes < 2 {
        return Err(Error::data(
            format!(
                "{}: every label is 0, but telling classes apart takes two",
                train_labels.path.display()
            ),
            "use labels 0 to n-1 with at least two classes",
        ));
    }
    samples.append(&mut test_images.read()?);
    labels.append(&mut test_labels.read_labels(classes)?);
    let pool = Pool {
        sample_shape: shape,
        samples: Samples::Bytes(samples),
        targets: Targets::Classes {
            labels,
            names: numbered_classes(classes as usize),
        },
        parts: Parts::of([train_images.count(), 0, test_images.count()]),
    };
    pool.arrange(files::name_of(dir, "idx"), hold_out)
}

/// Writes the data set in `dir` to the new folder `out`: the same files, each gzipped if it was, with the samples that `keeps`, numbered
/// as [`load`] numbers them, the training part first.
///
/// # Errors
/// As [`load`]; if a part has no sample left, or `out` cannot be written.
pub(super) fn copy(dir: &Path, out: &Path, keeps: impl Fn(usize) -> bool) -> Result<()> {
    let paths = find(dir)?;
    let mut first = 0;
    let mut files = Vec::new();
    for (part, pair) in paths.chunks(2).enumerate() {
        let mut images = IdxFile::open(&pair[0], Content::Images)?;
        let mut labels = IdxFile::open(&pair[1], Content::Labels)?;
        check_counts(&images, &labels)?;
        let kept: Vec<usize> = (0..images.count())
            .filter(|sample| keeps(first + sample))
            .collect();
        if kept.is_empty() {
            return Err(files::nothing_left(dir, ["training", "test"][part]));
        }
        first += images.count();
        for file in [&mut images, &mut labels] {
            let name = file.path.file_name().unwrap_or_default().to_owned();
            files.push((out.join(name), file.of(&kept)?));
        }
    }
    files::write_all(out, &files)
}

fn check_counts(images: &IdxFile<'_>, labels: &IdxFile<'_>) -> Result<()> {
    if images.count() == labels.count() {
        return Ok(());
    }
    Err(Error::data(
        format!(
            "{}: {} labels for the {} images of {}",
            labels.path.display(),
            labels.count(),
            images.count(),
            images.path.display()
        ),
        "use images and labels of one data set",
    ))
}

fn check_total(dir: &Path, files: [&IdxFile<'_>; 4]) -> Result<()> {
    let bytes = files
        .iter()
        .fold(0_u64, |sum, file| sum.saturating_add(file.size()));
    let samples = files[0].count() as u64 + files[2].count() as u64;
    if bytes <= MAX_BYTES && samples <= u64::from(u32::MAX) {
        return Ok(());
    }
    Err(Error::data(
        format!(
            "{}: the headers declare {samples} samples and {bytes} bytes, more than the {} samples or {MAX_BYTES} bytes (4 GiB) \
             that are read",
            dir.display(),
            u32::MAX
        ),
        "use fewer or smaller samples; if the data set is not that large, a header is damaged: download the files again",
    ))
}

/// The paths of [`FILES`] in `dir`.
fn find(dir: &Path) -> Result<[PathBuf; 4]> {
    if !dir.is_dir() {
        let what = if dir.exists() {
            "a file, not a folder"
        } else {
            "no such folder"
        };
        return Err(Error::data(
            format!("{}: {what}", dir.display()),
            format!(
                "name the folder that holds the IDX files with --data, or with `path` under [data]: {}",
                wanted_names()
            ),
        ));
    }
    let mut found = [const { Vec::new() }; 4];
    let mut others = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| Error::io(dir, "read", e))? {
        let path = entry.map_err(|e| Error::io(dir, "read", e))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let role = role(&name).filter(|_| path.is_file());
        match role {
            Some(role) => found[role].push((name, path)),
            None if path.is_dir() => others.push(format!("{name}/")),
            None => others.push(name),
        }
    }
    if found.iter().all(Vec::is_empty) {
        return Err(Error::data(
            format!(
                "{}: no IDX files; it holds {}",
                dir.display(),
                listed(others)
            ),
            format!("put the files of the data set there: {}", wanted_names()),
        ));
    }
    let mut paths: [PathBuf; 4] = Default::default();
    for (role, mut candidates) in found.clone().into_iter().enumerate() {
        let (part, _, called, usual) = FILES[role];
        candidates.sort();
        // An unpacked file beside its packed twin is read.
        if let [(plain, _), (packed, _)] = &candidates[..]
            && *packed == format!("{plain}.gz")
        {
            candidates.pop();
        }
        paths[role] = match &mut candidates[..] {
            [(_, path)] => std::mem::take(path),
            [] => {
                let names = found
                    .iter()
                    .flatten()
                    .map(|(name, _)| name.clone())
                    .chain(others);
                let reason = if part == "test" {
                    "; a network is measured on samples it has never seen"
                } else {
                    ""
                };
                return Err(Error::data(
                    format!(
                        "{}: no {called}; it holds {}",
                        dir.display(),
                        listed(names.collect())
                    ),
                    format!("add a file named like `{usual}`{reason}"),
                ));
            }
            several => {
                let names = several.iter().map(|(name, _)| name.clone()).collect();
                return Err(Error::data(
                    format!(
                        "{}: several files could be the {called}: {}",
                        dir.display(),
                        listed(names)
                    ),
                    "keep one data set in a folder",
                ));
            }
        };
    }
    Ok(paths)
}

/// Which of [`FILES`] a file of this name is.
fn role(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    // Hidden files, such as the `._train-...` that macOS leaves beside each file.
    if name.starts_with('.') || !name.contains("idx") {
        return None;
    }
    let part = if name.contains("train") {
        "train"
    } else if name.contains("t10k") || name.contains("test") {
        "test"
    } else {
        return None;
    };
    let content = match (name.contains("images"), name.contains("labels")) {
        (true, false) => Content::Images,
        (false, true) => Content::Labels,
        _ => return None,
    };
    FILES
        .iter()
        .position(|file| (file.0, file.1) == (part, content))
}

fn wanted_names() -> String {
    FILES.map(|file| format!("`{}`", file.3)).join(", ") + " (gzipped or not)"
}
