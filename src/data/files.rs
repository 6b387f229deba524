//! Names of files and folders, as messages and data sets bear them.

use std::path::Path;

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
