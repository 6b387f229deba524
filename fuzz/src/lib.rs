//! What the fuzz targets share: a folder of small files that are right, of which one is replaced by what the fuzzer thinks of.
//!
//! A target holds its reader to two promises: it never panics, and what it refuses is refused as data, not as a bug or a failing disk.

use std::fs;
use std::path::{Path, PathBuf};

use anygrad::data::{HoldOut, Split};
use anygrad::error::{Class, Error};
use tempfile::TempDir;

/// Files by name, one of them wrong at a time.
pub struct Folder {
    dir: TempDir,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Folder {
    /// A new folder with these files.
    pub fn with(files: Vec<(&'static str, Vec<u8>)>) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the files");
        let folder = Self { dir, files };
        (0..folder.files.len()).for_each(|number| folder.restore(number));
        folder
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `read` while the file `which` (modulo their number) holds `bytes`.
    pub fn while_one_is(&self, which: u8, bytes: &[u8], read: impl FnOnce(&Path)) {
        let number = usize::from(which) % self.files.len();
        fs::write(self.place(number), bytes).expect("the file can be written");
        read(self.path());
        self.restore(number);
    }

    fn place(&self, number: usize) -> PathBuf {
        self.path().join(self.files[number].0)
    }

    fn restore(&self, number: usize) {
        fs::write(self.place(number), &self.files[number].1).expect("the file can be written");
    }
}

/// What was read, or refused, is in order.
pub fn hold<T>(read: Result<T, Error>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            assert!(
                matches!(error.class(), Class::Data | Class::Usage),
                "{error}"
            );
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

/// Nothing is held out.
pub const WHOLE: HoldOut = HoldOut {
    test: 0.2,
    validation: 0.0,
    split: Split::Tail,
    seed: 0,
    fold: None,
};

/// An IDX file of bytes.
pub fn idx(dims: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(dims.len()).expect("a small rank")];
    dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.extend(body);
    bytes
}

/// An NPY file of 32-bit floats.
pub fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("a short header");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
