//! The transfer itself: mirrors in their order, continued where it was cut off, checked before it gets its name.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Fetched, File, Published, by_hand, refuse_other};
use crate::data::Progress;
use crate::error::{Class, Error, Result};

/// Bytes between two words of progress.
const PIECE: usize = 64 << 10;
/// A mirror that says nothing for so long is left.
const SILENCE: Duration = Duration::from_secs(30);

/// Who asks. With `proxy`, through the proxy that the environment names.
pub(super) fn agent(proxy: bool) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("anygrad/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE));
    if !proxy {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

pub(super) fn get(
    agent: &ureq::Agent,
    set: &Published<'_>,
    folder: &Path,
    progress: &mut Progress<'_>,
) -> Result<Fetched> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", error))?;
    let total = size(set.bytes());
    let mut before = 0;
    let mut fetched = Fetched::default();
    progress(0, total)?;
    for file in set.files {
        let path = folder.join(file.name);
        if path.exists() {
            let found = sha256(&path)?;
            if found != file.sha256 {
                return Err(refuse_other(&path, &found, file.sha256));
            }
            fetched.there += 1;
        } else {
            let mut whole = |here: u64| progress(before + size(here), total);
            fetched.bytes += from_mirrors(agent, set.mirrors, file, folder, &mut whole)?;
            fetched.fetched += 1;
        }
        before += size(file.bytes);
        progress(before, total)?;
    }
    Ok(fetched)
}

/// A count of bytes for the progress, which never needs to be exact.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Why a mirror gave nothing.
pub(super) enum Refusal {
    /// The next mirror may do better.
    Mirror(String),
    /// It gave another file: its SHA-256.
    Other(String),
    /// No mirror can help.
    Here(Error),
}

/// Tries one mirror after the other; the bytes that came over the network.
fn from_mirrors(
    agent: &ureq::Agent,
    mirrors: &[&str],
    file: &File<'_>,
    folder: &Path,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let path = folder.join(file.name);
    let part = folder.join(format!("{}.part", file.name));
    let mut bytes = 0;
    let mut refusals = Vec::new();
    let mut other = None;
    for mirror in mirrors {
        let address = format!("{mirror}{}", file.name);
        match from_mirror(agent, &address, file, &part, &mut bytes, progress) {
            Ok(()) => {
                fs::rename(&part, &path).map_err(|error| Error::io(&path, "rename", error))?;
                return Ok(bytes);
            }
            Err(Refusal::Here(error)) => return Err(error),
            Err(Refusal::Mirror(why)) => refusals.push(format!("{address}: {why}")),
            Err(Refusal::Other(found)) => {
                refusals.push(format!(
                    "{address}: SHA-256 {found}, expected {}",
                    file.sha256
                ));
                other = Some(());
            }
        }
    }
    // A wrong file is refused data; a mirror that cannot be reached is a file that cannot be read.
    let class = if other.is_some() {
        Class::Data
    } else {
        Class::Storage
    };
    Err(Error::new(
        class,
        format!("{}: cannot be fetched: {}", file.name, refusals.join("; ")),
        by_hand(folder),
    ))
}

/// Fetches from one address into `part`, as long as each attempt gets further than the one before, and checks what is there then. A
/// file that is another one is removed; if its beginning was from an earlier call, once more from its beginning.
fn from_mirror(
    agent: &ureq::Agent,
    address: &str,
    file: &File<'_>,
    part: &Path,
    bytes: &mut u64,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<(), Refusal> {
    let mut continued = length(part)? > 0;
    let mut furthest = None;
    loop {
        let begin = length(part)?;
        if begin < file.bytes {
            let cut = attempt(agent, address, file, part, begin, bytes, progress)?;
            let end = length(part)?;
            if let Some(why) = cut {
                if furthest.is_none_or(|furthest| end > furthest) && end > begin {
                    furthest = Some(end);
                    continue;
                }
                return Err(Refusal::Mirror(format!(
                    "it ended after {end} of {} bytes: {why}",
                    file.bytes
                )));
            }
        }
        let found = sha256(part).map_err(Refusal::Here)?;
        if found == file.sha256 {
            return Ok(());
        }
        fs::remove_file(part).map_err(|error| here(part, "remove", error))?;
        if !std::mem::take(&mut continued) {
            return Err(Refusal::Other(found));
        }
    }
}

/// One request, from byte `begin` on. `Some` of why the transfer was cut off, if it was.
fn attempt(
    agent: &ureq::Agent,
    address: &str,
    file: &File<'_>,
    part: &Path,
    begin: u64,
    bytes: &mut u64,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Option<String>, Refusal> {
    let mut request = agent.get(address).header("Accept-Encoding", "identity");
    if begin > 0 {
        request = request.header("Range", format!("bytes={begin}-"));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => return Err(Refusal::Mirror(error.to_string())),
    };
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let (begin, declared) = match response.status().as_u16() {
        200 => (
            0,
            header("Content-Length").and_then(|text| text.parse().ok()),
        ),
        206 => {
            let range = header("Content-Range");
            let (from, whole) = (range.as_deref()).and_then(content_range).ok_or_else(|| {
                Refusal::Mirror(format!(
                    "it answers with the range {range:?}, asked from {begin}"
                ))
            })?;
            if from != begin {
                return Err(Refusal::Mirror(format!(
                    "it answers with a range from {from}, asked from {begin}"
                )));
            }
            (begin, whole)
        }
        416 => {
            // What is here is not the beginning of what is there.
            if begin == 0 {
                return Err(Refusal::Mirror("status 416".to_owned()));
            }
            fs::remove_file(part).map_err(|error| here(part, "remove", error))?;
            return attempt(agent, address, file, part, 0, bytes, progress);
        }
        status => return Err(Refusal::Mirror(format!("status {status}"))),
    };
    if let Some(declared) = declared.filter(|declared| *declared != file.bytes) {
        return Err(Refusal::Mirror(format!(
            "a file of {declared} bytes, expected {}",
            file.bytes
        )));
    }
    let sink = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(begin == 0)
        .append(begin > 0)
        .open(part);
    let mut sink = sink.map_err(|error| here(part, "create", error))?;
    let mut source = response.body_mut().as_reader();
    let mut count = |here: u64, new: u64| {
        *bytes += new;
        progress(here)
    };
    let cut = pour(&mut source, &mut sink, part, begin..file.bytes, &mut count)?;
    sink.sync_all().map_err(|error| here(part, "sync", error))?;
    Ok(cut)
}

/// Moves the bytes `range` of a file, no more, from `source` to `sink`; `Some` of why it ended early.
pub(super) fn pour(
    source: &mut impl Read,
    sink: &mut impl Write,
    path: &Path,
    range: std::ops::Range<u64>,
    progress: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Option<String>, Refusal> {
    let mut piece = vec![0; PIECE];
    let mut at = range.start;
    while at < range.end {
        let room = size(range.end - at).min(PIECE);
        match source.read(&mut piece[..room]) {
            Ok(0) => return Ok(Some("the connection was closed".to_owned())),
            Ok(read) => {
                sink.write_all(&piece[..read])
                    .map_err(|error| here(path, "write", error))?;
                at += read as u64;
                progress(at, read as u64).map_err(Refusal::Here)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
    Ok(None)
}

fn here(path: &Path, action: &'static str, error: io::Error) -> Refusal {
    Refusal::Here(Error::io(path, action, error))
}

/// First byte and whole length of `bytes 5-9/10`; the length may be unknown.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    let whole = match whole {
        "*" => None,
        whole => Some(whole.parse().ok()?),
    };
    Some((from.parse().ok()?, whole))
}

/// The length of a file; 0 where there is none.
fn length(path: &Path) -> Result<u64, Refusal> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(here(path, "read", error)),
    }
}

/// The SHA-256 of a file, hexadecimal.
fn sha256(path: &Path) -> Result<String> {
    let storage = |error| Error::io(path, "read", error);
    let mut file = fs::File::open(path).map_err(storage)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece).map_err(storage)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
