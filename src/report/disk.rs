//! Where a run is written to: the file system, step by step, so that every step can fail in a test.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// The steps of which every save is made.
pub(super) trait Disk: std::fmt::Debug + Send {
    /// Makes a folder in one that is there.
    ///
    /// # Errors
    /// Whatever the system refuses.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes a new file with these bytes; they are on the medium when this returns.
    ///
    /// # Errors
    /// Whatever the system refuses. Then a part of the file may be there.
    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file or folder another name.
    ///
    /// # Errors
    /// Whatever the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes what was created and renamed in a folder last. Windows has no such call: there it lasts with the file system's journal.
    ///
    /// # Errors
    /// Whatever the system refuses.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// Whatever the system refuses.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug)]
pub(super) struct System;

impl Disk for System {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = new_file(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if cfg!(unix) {
            File::open(path)?.sync_all()?;
        }
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The disk of this process: the system's, and in a debug build the one that `ANYGRAD_FAULT` describes.
pub(super) fn of_process() -> Box<dyn Disk> {
    #[cfg(debug_assertions)]
    if let Some(faulty) = faulty::Faulty::of_environment() {
        return Box::new(faulty);
    }
    Box::new(System)
}

/// A disk that fails on purpose: for tests, and absent from the program that users have.
#[cfg(debug_assertions)]
pub(super) mod faulty {
    use std::cell::Cell;

    use super::*;

    /// What goes wrong.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::report) enum Fault {
        /// One step fails, as of a broken medium.
        Broken,
        /// From this step on there is no room for new files, folders or bytes.
        Full,
        /// The process is killed, as by `kill -9`.
        Kill,
    }

    /// The file system, until a step of this number.
    #[derive(Debug)]
    pub(in crate::report) struct Faulty {
        fault: Fault,
        at: u64,
        steps: Cell<u64>,
    }

    impl Faulty {
        /// A disk on which the step `at`, counted from 1, goes wrong.
        pub(in crate::report) fn new(fault: Fault, at: u64) -> Self {
            Self {
                fault,
                at,
                steps: Cell::new(0),
            }
        }

        /// `ANYGRAD_FAULT=kill:17`, `full:17`, `broken:17`.
        pub(super) fn of_environment() -> Option<Self> {
            let text = std::env::var("ANYGRAD_FAULT").ok()?;
            let (fault, at) = text.split_once(':')?;
            let fault = match fault {
                "broken" => Fault::Broken,
                "full" => Fault::Full,
                "kill" => Fault::Kill,
                _ => return None,
            };
            Some(Self::new(fault, at.parse().ok()?))
        }

        /// Whether the fault has come.
        #[cfg(test)]
        pub(in crate::report) fn has_struck(&self) -> bool {
            self.steps.get() >= self.at
        }

        /// A step; `needs_room` if it can fail for want of room.
        fn step(&self, needs_room: bool) -> io::Result<()> {
            let step = self.steps.get() + 1;
            self.steps.set(step);
            match self.fault {
                Fault::Broken if step == self.at => {
                    Err(io::Error::other("the medium is broken on purpose"))
                }
                Fault::Full if step >= self.at && needs_room => {
                    Err(io::ErrorKind::StorageFull.into())
                }
                Fault::Kill if step == self.at => die(),
                _ => Ok(()),
            }
        }
    }

    /// Ends the process without a chance to tidy up.
    fn die() -> io::Result<()> {
        #[cfg(unix)]
        signal_hook::low_level::raise(9)?;
        std::process::abort()
    }

    impl Disk for Faulty {
        fn create_dir(&self, path: &Path) -> io::Result<()> {
            self.step(true)?;
            System.create_dir(path)
        }

        fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
            self.step(true)?;
            let mut file = new_file(path)?;
            let (first, second) = bytes.split_at(bytes.len() / 2);
            file.write_all(first)?;
            self.step(true)?;
            file.write_all(second)?;
            self.step(true)?;
            file.sync_all()
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.step(false)?;
            System.rename(from, to)
        }

        fn sync_folder(&self, path: &Path) -> io::Result<()> {
            self.step(false)?;
            System.sync_folder(path)
        }

        fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
            self.step(false)?;
            System.remove_dir_all(path)
        }
    }
}
