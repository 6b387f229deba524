//! Files that are there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use crate::error::{Error, Result};

/// Writes a file so that at no moment, power cuts included, a part of it stands under its name: a temporary file beside it is
/// written, synced and renamed, and the folder is synced.
///
/// # Errors
/// Whatever the system refuses; the temporary file is removed then.
pub(super) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = beside(path);
    // Errors name the file that is wanted: the temporary one is nobody's business.
    let created = disk.create(&temporary, bytes);
    let written = created
        .map_err(|error| Error::io(path, "write", error))
        .and_then(|()| {
            disk.rename(&temporary, path)
                .map_err(|error| Error::io(path, "rename", error))
        });
    if written.is_err() {
        // The first error is the one to tell; what is left over is hidden and has no reader.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    sync_folder(disk, path.parent().unwrap_or(Path::new("")))
}

/// A name in the same folder, of this process alone.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// Makes a rename in a folder last.
pub(super) fn sync_folder(disk: &dyn Disk, folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    disk.sync_folder(folder)
        .map_err(|error| Error::io(folder, "sync", error))
}

#[cfg(test)]
mod tests {
    use super::super::disk::System;
    use super::*;
    use crate::error::Class;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&System, &path, b"a long first text").unwrap();
        write(&System, &path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_state_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"x").unwrap();
        let error = write(&System, &path, b"bytes").unwrap_err();
        assert_eq!(error.class(), Class::Storage);
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_storage_error_naming_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&System, &folder.path().join("no/a.json"), b"x").unwrap_err();
        assert_eq!(error.class(), Class::Storage);
        assert!(error.to_string().contains("no/a.json: "), "{error}");
    }
}
