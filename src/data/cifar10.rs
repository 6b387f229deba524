//! CIFAR-10 in its binary version: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, in a folder or still in
//! `cifar-10-binary.tar.gz`.
//!
//! A file is a row of records: a byte with the class, then 32 × 32 bytes each of red, green and blue. Described at
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::files::{self, listed};
use super::tar::{Broken, Tar};
use super::{Dataset, HoldOut, Parts, Pool, Samples, Targets};
use crate::error::{Error, Result};

/// Height and width.
const SIDE: usize = 32;
/// Values of one color.
const PLANE: usize = SIDE * SIDE;
/// Bytes of a record.
const RECORD: usize = 1 + 3 * PLANE;
/// The published files have 10,000 records; a longer one is not what it says.
const MAX_RECORDS: u64 = 1_000_000;

/// The files, the one to test on last.
const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// The folder inside the archive, and what unpacking it leaves.
const FOLDER: &str = "cifar-10-batches-bin";
/// What is downloaded.
const ARCHIVE: &str = "cifar-10-binary.tar.gz";

const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

const GET: &str = "`anygrad data get cifar10` fetches the binary version; the ones for Python and Matlab are other formats";

/// The records of one file.
#[derive(Default)]
struct Batch {
    labels: Vec<u32>,
    /// Color last.
    pixels: Vec<u8>,
}

/// Reads the data set at `path`: the folder of the six files, or of the archive, or the archive itself.
///
/// # Errors
/// If one of the files is missing or is not a whole number of records; if `hold_out` leaves training or validation without a sample.
pub fn load(path: &Path, hold_out: &HoldOut) -> Result<Dataset> {
    let batches = match find(path)? {
        Found::Folder(dir) => from_folder(&dir)?,
        Found::Archive(archive) => {
            let storage = |error| Error::io(&archive, "read", error);
            let file = File::open(&archive).map_err(storage)?;
            let size = file.metadata().map_err(storage)?.len();
            from_archive(&archive, BufReader::new(file), size)?
        }
    };
    let counts = batches.each_ref().map(|batch| batch.labels.len());
    let (mut labels, mut pixels) = (Vec::new(), Vec::new());
    for mut batch in batches {
        labels.append(&mut batch.labels);
        pixels.append(&mut batch.pixels);
    }
    let pool = Pool {
        sample_shape: [SIDE, SIDE, 3],
        samples: Samples::Bytes(pixels),
        targets: Targets::Classes {
            labels,
            names: CLASSES.map(str::to_owned).to_vec(),
        },
        parts: Parts::of([counts[..5].iter().sum(), 0, counts[5]]),
    };
    pool.arrange(files::name_of(path, "cifar10"), hold_out)
}

/// Whether the data set is at `path`, by the names that are there.
pub(super) fn is_at(path: &Path) -> bool {
    find(path).is_ok()
}

enum Found {
    Folder(PathBuf),
    Archive(PathBuf),
}

fn find(path: &Path) -> Result<Found> {
    if path.is_file() {
        return Ok(Found::Archive(path.to_owned()));
    }
    for folder in [path.to_owned(), path.join(FOLDER)] {
        if FILES.iter().any(|name| folder.join(name).is_file()) {
            return Ok(Found::Folder(folder));
        }
    }
    if path.join(ARCHIVE).is_file() {
        return Ok(Found::Archive(path.join(ARCHIVE)));
    }
    if !path.is_dir() {
        return Err(Error::data(
            format!("{}: no such folder", path.display()),
            GET,
        ));
    }
    let entries = fs::read_dir(path).map_err(|error| Error::io(path, "read", error))?;
    let names =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    Err(Error::data(
        format!(
            "{}: neither {ARCHIVE} nor {}; it holds {}",
            path.display(),
            FILES[0],
            listed(names.collect())
        ),
        GET,
    ))
}

fn from_folder(dir: &Path) -> Result<[Batch; 6]> {
    let mut batches: [Batch; 6] = Default::default();
    for (batch, name) in batches.iter_mut().zip(FILES) {
        let path = dir.join(name);
        if !path.is_file() {
            return Err(missing(dir, &[name]));
        }
        let storage = |error| Error::io(&path, "read", error);
        let file = File::open(&path).map_err(storage)?;
        let size = file.metadata().map_err(storage)?.len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        *batch = Batch::read(&path, &mut reader, size, size)?;
    }
    Ok(batches)
}

fn missing(place: &Path, names: &[&str]) -> Error {
    Error::data(
        format!("{}: no {}", place.display(), names.join(", ")),
        format!("it takes all of {}; {GET}", FILES.join(", ")),
    )
}

/// Reads the six files of an archive of `size` bytes, gzipped or not. `path` is for messages.
fn from_archive(path: &Path, mut source: impl BufRead, size: u64) -> Result<[Batch; 6]> {
    let begin = source
        .fill_buf()
        .map_err(|error| Error::io(path, "read", error))?;
    if begin.starts_with(&[0x1f, 0x8b]) {
        members(
            path,
            MultiGzDecoder::new(source),
            size.saturating_mul(files::DEFLATE_RATIO),
        )
    } else {
        members(path, source, size)
    }
}

/// `most` is how many bytes the archive can hold.
fn members(path: &Path, reader: impl Read, most: u64) -> Result<[Batch; 6]> {
    let mut batches: [Batch; 6] = Default::default();
    let mut tar = Tar::new(reader);
    while let Some(member) = tar.next().map_err(|broken| refuse(path, broken))? {
        let wanted = FILES.iter().position(|name| *name == member.name);
        let Some(number) = wanted.filter(|_| member.is_file) else {
            continue;
        };
        let place = path.join(&member.name);
        if !batches[number].labels.is_empty() {
            return Err(Error::data(
                format!("{}: it is in the archive twice", place.display()),
                GET,
            ));
        }
        batches[number] = Batch::read(&place, &mut tar, member.size, most)?;
    }
    let lacking: Vec<&str> = (batches.iter().zip(FILES))
        .filter(|(batch, _)| batch.labels.is_empty())
        .map(|(_, name)| name)
        .collect();
    if lacking.is_empty() {
        Ok(batches)
    } else {
        Err(missing(path, &lacking))
    }
}

fn refuse(path: &Path, broken: Broken) -> Error {
    let what = match broken {
        Broken::Archive(what) => what,
        Broken::Read(error) if is_of_gzip(&error) => format!("the gzip stream is broken: {error}"),
        Broken::Read(error) => return Error::io(path, "read", error),
    };
    Error::data(format!("{}: {what}", path.display()), GET)
}

fn is_of_gzip(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
    )
}

impl Batch {
    /// Reads a file that declares `size` bytes and can hold `most`. `path` is for messages.
    fn read(path: &Path, reader: &mut impl Read, size: u64, most: u64) -> Result<Self> {
        let refuse = |what: String| Error::data(format!("{}: {what}", path.display()), GET);
        let count = size / RECORD as u64;
        if size == 0 || !size.is_multiple_of(RECORD as u64) || count > MAX_RECORDS || size > most {
            return Err(refuse(format!(
                "{size} bytes, expected a whole number of records of {RECORD}, at most {MAX_RECORDS}"
            )));
        }
        let count = usize::try_from(count).unwrap_or_default();
        let mut batch = Self {
            labels: Vec::with_capacity(count),
            pixels: Vec::with_capacity(count * 3 * PLANE),
        };
        let mut record = vec![0; RECORD];
        for number in 0..count {
            let at = number * RECORD;
            match reader.read_exact(&mut record) {
                Ok(()) => {}
                Err(error) if is_of_gzip(&error) => {
                    return Err(refuse(format!(
                        "truncated or damaged: record {number} at byte {at} of {size} cannot be read ({error})"
                    )));
                }
                Err(error) => return Err(Error::io(path, "read", error)),
            }
            let label = record[0];
            if usize::from(label) >= CLASSES.len() {
                return Err(refuse(format!(
                    "record {number} (byte {at}) has class {label}, expected 0 to {}",
                    CLASSES.len() - 1
                )));
            }
            batch.labels.push(u32::from(label));
            let planes = &record[1..];
            for pixel in 0..PLANE {
                batch
                    .pixels
                    .extend([0, 1, 2].map(|color| planes[color * PLANE + pixel]));
            }
        }
        Ok(batch)
    }
}
