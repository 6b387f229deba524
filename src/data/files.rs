//! Names of files and folders, as messages and data sets bear them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Deflate never packs better than this, so a header that declares more than a file can hold reserves no memory.
pub(super) const DEFLATE_RATIO: u64 = 1032;

/// What a data set at `path` is called: the last part of its name, or `otherwise`.
pub(super) fn name_of(path: &Path, otherwise: &str) -> String {
    let real = path.canonicalize().ok();
    let name = real.as_deref().and_then(Path::file_name);
    name.map_or_else(
        || otherwise.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A few of the names, sorted, control characters escaped.
pub(super) fn listed(mut names: Vec<String>) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let shown: Vec<String> = (names.iter())
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Writes files into a new folder.
pub(super) fn write_all(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", error))?;
    for (path, bytes) in files {
        fs::write(path, bytes).map_err(|error| Error::io(path, "write", error))?;
    }
    Ok(())
}

/// A cleaning that would leave a part without samples.
pub(super) fn nothing_left(dir: &Path, part: &str) -> Error {
    Error::data(
        format!("{}: no {part} sample is left", dir.display()),
        "`anygrad data check` tells what is wrong with them",
    )
}
