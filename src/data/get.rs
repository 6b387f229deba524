//! Published data sets, fetched from where they are published.
//!
//! Invariant: under its final name a file is whole and has the SHA-256 that stands here. Until then it is NAME.part, which a later
//! call goes on with.

mod catalog;
#[cfg(feature = "download")]
mod transfer;

#[cfg(test)]
#[cfg(feature = "download")]
mod tests;

use std::path::Path;

use super::Progress;
use crate::error::{Error, Result};

pub use catalog::CATALOG;

/// A data set that anyone may fetch.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// What it is called on the command line, and the folder that it is put into.
    pub name: &'a str,
    /// What it is, in a few words.
    pub about: &'a str,
    /// The `source` under `[data]` that reads it.
    pub source: &'a str,
    /// Its files.
    pub files: &'a [File<'a>],
    /// Addresses that a file's name is put behind, in the order in which they are tried.
    pub mirrors: &'a [&'a str],
}

/// One file of a data set.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, here and behind a mirror's address.
    pub name: &'a str,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: &'a str,
}

/// What a fetching has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fetched {
    /// Files that were fetched.
    pub fetched: usize,
    /// Files that were there already.
    pub there: usize,
    /// Bytes that came over the network.
    pub bytes: u64,
}

impl Published<'_> {
    /// The length of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The data set of this name.
pub fn published(name: &str) -> Option<&'static Published<'static>> {
    CATALOG.iter().find(|set| set.name == name)
}

/// Fetches the files of `set` into `folder`, which is made where it is not there. Files that are there already are checked and not
/// fetched again; one that was cut off is continued. `progress` is told bytes.
///
/// # Errors
/// If no mirror gives a file (each refusal is told), if one gives another file, or if it cannot be written; if `folder` holds another
/// file of the name.
#[cfg(feature = "download")]
pub fn get(set: &Published<'_>, folder: &Path, progress: &mut Progress<'_>) -> Result<Fetched> {
    transfer::get(&transfer::agent(true), set, folder, progress)
}

/// Says that this build cannot fetch, and what else can be done.
///
/// # Errors
/// Always.
#[cfg(not(feature = "download"))]
pub fn get(set: &Published<'_>, folder: &Path, _: &mut Progress<'_>) -> Result<Fetched> {
    let addresses: Vec<String> = (set.files.iter())
        .map(|file| format!("{}{}", set.mirrors[0], file.name))
        .collect();
    Err(Error::usage(
        "this anygrad cannot download: it was built without the feature `download`",
        format!(
            "build it with that feature, or put these files into {} yourself: {}",
            folder.display(),
            addresses.join(" ")
        ),
    ))
}

/// What can be done where a download does not work.
#[cfg(feature = "download")]
fn by_hand(folder: &Path) -> String {
    format!(
        "call it again to go on, name a mirror with --mirror, or put the files into {} yourself",
        folder.display()
    )
}

/// A file of the name is there and is another one.
#[cfg(feature = "download")]
fn refuse_other(path: &Path, found: &str, expected: &str) -> Error {
    Error::data(
        format!(
            "{}: it is there already, and is another file: SHA-256 {found}, expected {expected}",
            path.display()
        ),
        "move it away, or choose another folder with --out: nothing is overwritten",
    )
}
