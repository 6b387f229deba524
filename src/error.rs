//! One error type for the whole crate.
//!
//! Every error a user can cause or meet has a [`Class`], and the class decides the exit code of the process. The text begins
//! with the thing that is wrong; `help` says what to do about it. Bugs of the project itself are assertions, not errors.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong: one exit code each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A check or threshold was not met.
    Check,
    /// The command line or the configuration is wrong.
    Usage,
    /// Input data or a model file was refused.
    Data,
    /// No adapter, device lost, or a network beyond the adapter's limits.
    Device,
    /// A file could not be read or written.
    Storage,
    /// A signal of this number ended the work, and what there was of it is kept.
    Stopped(u8),
}

impl Class {
    /// The exit code of a process that ends with this class of error.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Check => 1,
            Self::Usage => 2,
            Self::Data => 3,
            Self::Device => 4,
            Self::Storage => 5,
            // As shells have it.
            Self::Stopped(signal) => 128u8.saturating_add(signal),
        }
    }
}

/// One mistake in a text file, with the place it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, beginning with the thing itself: "unknown key `epoch`".
    pub message: String,
    /// The bytes of the source text it is about.
    pub span: Range<usize>,
    /// A few words drawn under the place: "did you mean `epochs`?".
    pub label: String,
    /// What to do, as one sentence; empty when the label says it all.
    pub help: String,
}

/// All mistakes found in one text, together with the text, so that they can be shown in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceErrors {
    /// The name shown before line and column: a path, or `--set`.
    pub name: String,
    /// The whole source text the spans point into.
    pub text: String,
    /// The mistakes in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl SourceErrors {
    /// Line and column (both from 1, columns in characters) of a byte offset.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for SourceErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let (line, column) = self.line_column(diagnostic.span.start);
            write!(f, "{}:{line}:{column}: {}", self.name, diagnostic.message)?;
            for extra in [&diagnostic.label, &diagnostic.help] {
                if !extra.is_empty() {
                    write!(f, "; {extra}")?;
                }
            }
        }
        Ok(())
    }
}

/// Everything that can go wrong for a user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is wrong and one sentence says what; the class decides the exit code.
    #[error("{what}")]
    Plain {
        /// The class of the error.
        class: Class,
        /// What is wrong, beginning with the thing itself.
        what: String,
        /// What to do about it; may be empty.
        help: String,
    },
    /// Mistakes in a text, each with its place.
    #[error("{0}")]
    Source(Box<SourceErrors>),
    /// A file operation failed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb: "read", "create", "rename".
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// An error of `class`: what is wrong and what to do.
    pub fn new(class: Class, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Plain {
            class,
            what: what.into(),
            help: help.into(),
        }
    }

    /// The command line or the configuration is wrong (exit code 2).
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Class::Usage, what, help)
    }

    /// Input data or a model file is refused (exit code 3).
    pub fn data(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Class::Data, what, help)
    }

    /// Adapter or device trouble (exit code 4).
    pub fn device(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Class::Device, what, help)
    }

    /// A check or threshold was not met (exit code 1).
    pub fn check(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Class::Check, what, help)
    }

    /// A file operation failed. A file that is not there is the caller's mistake and becomes [`Class::Data`]; the rest is
    /// [`Class::Storage`].
    pub fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    /// The class, which decides the exit code.
    pub fn class(&self) -> Class {
        match self {
            Self::Plain { class, .. } => *class,
            Self::Source(_) => Class::Usage,
            Self::Io {
                action: "read" | "open",
                source,
                ..
            } if source.kind() == ErrorKind::NotFound => Class::Data,
            Self::Io { .. } => Class::Storage,
        }
    }

    /// What to do about it; may be empty.
    pub fn help(&self) -> &str {
        match self {
            Self::Plain { help, .. } => help,
            Self::Source(_) => "",
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::NotFound => "check how the path is written",
                ErrorKind::PermissionDenied => {
                    "check who may read and write there, or choose another place"
                }
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    "make room there, or choose another place"
                }
                ErrorKind::ReadOnlyFilesystem => "choose another place",
                _ => "",
            },
        }
    }
}
