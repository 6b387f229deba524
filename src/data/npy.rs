//! Arrays as NumPy's `save` writes them: `x_train.npy`, `y_train.npy`, `x_test.npy`, `y_test.npy`, or `x.npy` and `y.npy`.
//!
//! The format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

mod file;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::file::{Array, Values};
use super::files::{self, listed};
use super::{
    Dataset, HoldOut, Known, MAX_BYTES, MAX_CLASSES, Parts, Pool, Samples, Targets,
    numbered_classes,
};
use crate::error::{Error, Result};

/// The files of the parts training, validation and test: samples and targets.
const FILES: [[&str; 2]; 3] = [
    ["x_train.npy", "y_train.npy"],
    ["x_validation.npy", "y_validation.npy"],
    ["x_test.npy", "y_test.npy"],
];
/// The files of a set that comes without parts.
const WHOLE: [&str; 2] = ["x.npy", "y.npy"];

const WANTED: &str = "put x.npy and y.npy into the folder, or x_train.npy and y_train.npy, x_test.npy and y_test.npy";

/// Reads the arrays in the folder `dir`.
///
/// Samples are (n, features), (n, h, w) or (n, h, w, c) of unsigned bytes, integers or floats. Targets are (n) or (n, 1) classes,
/// counted from 0, or for a `regression` (n) or (n, d) numbers.
///
/// # Errors
/// If a file is missing, or not exactly what its header and the other files say.
pub fn load(
    dir: &Path,
    regression: bool,
    hold_out: &HoldOut,
    known: Option<&Known<'_>>,
) -> Result<Dataset> {
    let mut counts = [0; 3];
    let mut pool: Option<(Array, Array)> = None;
    let mut bytes = 0_u64;
    for (part, files) in find(dir)?.into_iter().enumerate() {
        let Some([x, y]) = files else { continue };
        let (x, y) = (Array::open(&x)?, Array::open(&y)?);
        if x.count() != y.count() {
            return Err(y.refuse(
                format_args!(
                    "{} targets for the {} samples of {}",
                    y.count(),
                    x.count(),
                    x.path().display()
                ),
                "use samples and targets of one data set",
            ));
        }
        bytes = bytes
            .saturating_add(x.size_in_memory())
            .saturating_add(y.size_in_memory());
        if bytes > MAX_BYTES {
            return Err(x.refuse(
                format_args!("with it the arrays take {bytes} bytes, more than the {MAX_BYTES} (4 GiB) that are read"),
                "use fewer or smaller samples",
            ));
        }
        counts[part] = x.count();
        let (x, y) = (x.read()?, y.read()?);
        pool = Some(match pool.take() {
            None => (x, y),
            Some((mut samples, mut targets)) => {
                samples.append(x)?;
                targets.append(y)?;
                (samples, targets)
            }
        });
    }
    let (x, y) = pool.expect("the first part is always there");
    let sample_shape = x.sample_shape()?;
    let targets = if regression {
        values(y)?
    } else {
        classes(&y, known)?
    };
    let samples = match x.into_values() {
        Values::Bytes(bytes) => Samples::Bytes(bytes),
        Values::Floats(floats) => Samples::Floats(floats),
    };
    let pool = Pool {
        sample_shape,
        samples,
        targets,
        parts: Parts::of(counts),
    };
    pool.arrange(files::name_of(dir, "arrays"), hold_out)
}

/// Writes the arrays in `dir` to the new folder `out`: the same files with the samples that `keeps`, numbered as [`load`] numbers them,
/// training, validation, test.
///
/// # Errors
/// As [`load`]; if a part has no sample left, or `out` cannot be written.
pub(super) fn copy(dir: &Path, out: &Path, keeps: impl Fn(usize) -> bool) -> Result<()> {
    let mut first = 0;
    let mut files = Vec::new();
    for (part, pair) in find(dir)?.into_iter().enumerate() {
        let Some(paths) = pair else { continue };
        let arrays = [Array::open(&paths[0])?, Array::open(&paths[1])?];
        let count = arrays[0].count();
        let kept: Vec<usize> = (0..count).filter(|sample| keeps(first + sample)).collect();
        if kept.is_empty() {
            let part = ["training", "validation", "test"][part];
            return Err(files::nothing_left(dir, part));
        }
        first += count;
        for array in arrays {
            let name = array.path().file_name().unwrap_or_default().to_owned();
            files.push((out.join(name), array.of(&kept)?));
        }
    }
    files::write_all(out, &files)
}

/// The samples of one array, and how many there are; each must be of `shape`.
///
/// # Errors
/// If the file is not a whole array of such samples.
pub fn samples(path: &Path, shape: [usize; 3]) -> Result<(Samples, usize)> {
    let x = Array::open(path)?;
    if x.sample_shape()? != shape {
        return Err(x.refuse(
            format_args!(
                "samples of shape {:?}, the network was trained on {shape:?}",
                x.sample_shape()?
            ),
            "ask about samples of the same shape",
        ));
    }
    if x.size_in_memory() > MAX_BYTES {
        return Err(x.refuse("more than 4 GiB", "split the file"));
    }
    let count = x.count();
    let samples = match x.read()?.into_values() {
        Values::Bytes(bytes) => Samples::Bytes(bytes),
        Values::Floats(floats) => Samples::Floats(floats),
    };
    Ok((samples, count))
}

/// The paths of samples and targets of each part.
fn find(dir: &Path) -> Result<[Option<[PathBuf; 2]>; 3]> {
    if !dir.is_dir() {
        let what = if dir.exists() {
            "a file, not a folder"
        } else {
            "no such folder"
        };
        return Err(Error::data(format!("{}: {what}", dir.display()), WANTED));
    }
    let pair = |names: [&str; 2]| -> Result<Option<[PathBuf; 2]>> {
        let paths = names.map(|name| dir.join(name));
        match [paths[0].is_file(), paths[1].is_file()] {
            [true, true] => Ok(Some(paths)),
            [false, false] => Ok(None),
            [there, _] => Err(Error::data(
                format!(
                    "{}: {} without {}",
                    dir.display(),
                    names[usize::from(!there)],
                    names[usize::from(there)]
                ),
                WANTED,
            )),
        }
    };
    let [train, validation, test] = [pair(FILES[0])?, pair(FILES[1])?, pair(FILES[2])?];
    if let Some(train) = train {
        return Ok([Some(train), validation, test]);
    }
    if let Some(whole) = pair(WHOLE)? {
        return Ok([Some(whole), None, None]);
    }
    let entries = std::fs::read_dir(dir).map_err(|e| Error::io(dir, "read", e))?;
    let names =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    Err(Error::data(
        format!(
            "{}: no arrays to train on; it holds {}",
            dir.display(),
            listed(names.collect())
        ),
        WANTED,
    ))
}

/// The targets of a regression.
fn values(y: Array) -> Result<Targets> {
    let width = y.width();
    if width == 0 || width > MAX_CLASSES {
        return Err(y.refuse(
            format_args!("{width} targets for a sample"),
            "use at least one number for a sample, and at most 65,536",
        ));
    }
    let names = match width {
        1 => vec!["y".to_owned()],
        _ => (0..width).map(|i| format!("y{i}")).collect(),
    };
    let values = match y.into_values() {
        Values::Floats(floats) => floats,
        Values::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
    };
    Ok(Targets::Values { values, names })
}

/// The targets as classes, counted from 0.
fn classes(y: &Array, known: Option<&Known<'_>>) -> Result<Targets> {
    const HELP: &str = "classes are counted from 0; to predict numbers, use the loss mse";
    if y.width() != 1 {
        return Err(y.refuse(
            format_args!("{} numbers for a sample, expected its class", y.width()),
            HELP,
        ));
    }
    let most = known.map_or(MAX_CLASSES, |known| known.classes.len());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number below the number of classes"
    )]
    let label = |(sample, value): (usize, f32)| {
        if value >= 0.0 && value.fract() == 0.0 && value < most as f32 {
            Ok(value as u32)
        } else {
            Err(y.refuse(
                format_args!(
                    "sample {sample} has class {value}, expected a whole number from 0 to {}",
                    most - 1
                ),
                HELP,
            ))
        }
    };
    let floats: Vec<f32> = match y.values() {
        Values::Floats(floats) => floats.clone(),
        Values::Bytes(bytes) => bytes.iter().copied().map(f32::from).collect(),
    };
    let labels = floats
        .into_iter()
        .enumerate()
        .map(label)
        .collect::<Result<Vec<u32>>>()?;
    let count = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let names = match known {
        Some(known) => known.classes.to_vec(),
        None => numbered_classes(count),
    };
    if names.len() < 2 {
        return Err(y.refuse(
            "every class is 0, but telling classes apart takes two",
            HELP,
        ));
    }
    Ok(Targets::Classes { labels, names })
}
