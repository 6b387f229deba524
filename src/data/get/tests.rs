//! A server on loopback that behaves as servers do, well and badly.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use super::transfer::{agent, pour};
use super::*;
use crate::error::Class;

/// What the server does with one request: the first byte that is wanted and the whole file are known to it.
type Answer = fn(begin: Option<usize>, file: &[u8]) -> Vec<u8>;

fn head(status: &str, length: usize, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
        .into_bytes()
}

/// The file, or the rest of it.
fn good(begin: Option<usize>, file: &[u8]) -> Vec<u8> {
    let (mut answer, rest) = match begin {
        Some(begin) if begin >= file.len() => {
            (head("416 Range Not Satisfiable", 0, ""), &file[..0])
        }
        Some(begin) => {
            let range = format!(
                "Content-Range: bytes {begin}-{}/{}\r\n",
                file.len() - 1,
                file.len()
            );
            let rest = &file[begin..];
            (head("206 Partial Content", rest.len(), &range), rest)
        }
        None => (head("200 OK", file.len(), ""), file),
    };
    answer.extend_from_slice(rest);
    answer
}

/// As much as 40,000 bytes at a time, though more is announced.
fn cutting(begin: Option<usize>, file: &[u8]) -> Vec<u8> {
    let mut answer = good(begin, file);
    let header = answer.windows(4).position(|four| four == b"\r\n\r\n");
    answer.truncate(header.unwrap() + 4 + 40_000);
    answer
}

/// Always from the beginning, and whole.
fn without_range(_: Option<usize>, file: &[u8]) -> Vec<u8> {
    good(None, file)
}

/// Always from the beginning, and always cut off at the same place.
fn without_range_and_cutting(_: Option<usize>, file: &[u8]) -> Vec<u8> {
    cutting(None, file)
}

/// A file of the same length.
fn wrong(begin: Option<usize>, file: &[u8]) -> Vec<u8> {
    let other: Vec<u8> = file.iter().map(|byte| !byte).collect();
    good(begin, &other)
}

fn missing(_: Option<usize>, _: &[u8]) -> Vec<u8> {
    head("404 Not Found", 0, "")
}

fn longer(begin: Option<usize>, file: &[u8]) -> Vec<u8> {
    let mut other = file.to_vec();
    other.push(0);
    good(begin, &other)
}

/// Longer, and of no declared length.
fn endless(_: Option<usize>, file: &[u8]) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    answer.extend_from_slice(file);
    answer.resize(answer.len() + 300_000, 7);
    answer
}

/// Another part of the file than was asked for.
fn another_range(_: Option<usize>, file: &[u8]) -> Vec<u8> {
    good(Some(5), file)
}

fn nonsense(_: Option<usize>, _: &[u8]) -> Vec<u8> {
    b"\0\0SSH-2.0\r\n\r\n".to_vec()
}

/// A server with its address, and the first bytes that were asked for so far.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    /// Answers in turn; the last answer stays.
    fn of(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut begin = None;
                for line in BufReader::new(&stream).lines() {
                    let line = line.unwrap_or_default().to_lowercase();
                    if let Some(range) = line.strip_prefix("range: bytes=") {
                        begin = range.trim_end_matches('-').parse().ok();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let mut notes = notes.lock().unwrap();
                let answer = answers[notes.len().min(answers.len() - 1)];
                notes.push(begin);
                drop(notes);
                // Who has seen enough hangs up.
                let _ = stream.write_all(&answer(begin, &content()));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Option<usize>> {
        self.asked.lock().unwrap().clone()
    }
}

/// 100,000 bytes that do not repeat.
fn content() -> Vec<u8> {
    (0..100_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// `sha256sum` of [`content`], and of its complement.
const SUM: &str = "e24ae9cbcc7500392dfa5d018f63f0bf87232dc30ae5996d8ca6b25c2ae4b665";
const WRONG_SUM: &str = "73538718afc9de4a78f1b71e76dfed96ddce5b9bed3adbb8886a508c309b1b31";

fn fetch(mirrors: &[&str], folder: &Path) -> Result<Fetched> {
    let set = Published {
        name: "test",
        about: "",
        source: "idx",
        files: &[File {
            name: "a.gz",
            bytes: 100_000,
            sha256: SUM,
        }],
        mirrors,
    };
    let mut last = 0;
    transfer::get(&agent(false), &set, folder, &mut |done, total| {
        assert!(done <= total && total == 100_000, "{done} of {total}");
        last = done;
        Ok(())
    })
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn begin_with(dir: &TempDir, bytes: &[u8]) {
    std::fs::write(dir.path().join("a.gz.part"), bytes).unwrap();
}

fn assert_whole(dir: &TempDir) {
    assert_eq!(names(dir), ["a.gz"], "nothing else is left");
    let found = std::fs::read(dir.path().join("a.gz")).unwrap();
    assert!(found == content(), "the file is what was published");
}

#[test]
fn a_file_is_fetched_once() {
    let server = Server::of(&[good]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch(&[&server.address], dir.path()).unwrap();
    assert_eq!(
        (fetched.fetched, fetched.there, fetched.bytes),
        (1, 0, 100_000)
    );
    assert_whole(&dir);
    let again = fetch(&[&server.address], dir.path()).unwrap();
    assert_eq!((again.fetched, again.there, again.bytes), (0, 1, 0));
    assert_eq!(server.asked(), [None]);
}

#[test]
fn a_file_with_another_sum_is_removed_and_both_sums_are_told() {
    let server = Server::of(&[wrong]);
    let dir = tempfile::tempdir().unwrap();
    let error = fetch(&[&server.address], dir.path()).unwrap_err();
    assert_eq!(error.class(), Class::Data);
    let text = error.to_string();
    assert!(text.contains(SUM) && text.contains(WRONG_SUM), "{text}");
    assert!(text.contains(&server.address), "{text}");
    assert_eq!(names(&dir), [""; 0]);
}

#[test]
fn what_is_cut_off_goes_on_where_it_stopped() {
    let server = Server::of(&[cutting]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch(&[&server.address], dir.path()).unwrap();
    assert_eq!(fetched.bytes, 100_000, "no byte comes twice");
    assert_whole(&dir);
    assert_eq!(server.asked(), [None, Some(40_000), Some(80_000)]);
}

#[test]
fn a_later_call_goes_on_with_what_an_earlier_one_left() {
    let server = Server::of(&[good]);
    let dir = tempfile::tempdir().unwrap();
    begin_with(&dir, &content()[..70_001]);
    let fetched = fetch(&[&server.address], dir.path()).unwrap();
    assert_eq!(fetched.bytes, 29_999);
    assert_whole(&dir);
    assert_eq!(server.asked(), [Some(70_001)]);
}

#[test]
fn what_was_left_is_not_trusted() {
    for bytes in [&b"from another day"[..], &[0; 100_000], &[0; 123_456]] {
        let server = Server::of(&[good]);
        let dir = tempfile::tempdir().unwrap();
        begin_with(&dir, bytes);
        fetch(&[&server.address], dir.path()).unwrap();
        assert_whole(&dir);
        assert_eq!(server.asked().last(), Some(&None), "from the beginning");
    }
}

#[test]
fn a_server_without_ranges_begins_again() {
    let server = Server::of(&[without_range]);
    let dir = tempfile::tempdir().unwrap();
    begin_with(&dir, &content()[..70_001]);
    let fetched = fetch(&[&server.address], dir.path()).unwrap();
    assert_eq!(fetched.bytes, 100_000);
    assert_whole(&dir);
    assert_eq!(server.asked(), [Some(70_001)]);
}

#[test]
fn a_server_that_never_gets_further_is_left() {
    let stuck = Server::of(&[without_range_and_cutting]);
    let dir = tempfile::tempdir().unwrap();
    let error = fetch(&[&stuck.address], dir.path()).unwrap_err();
    assert_eq!(error.class(), Class::Storage);
    assert!(
        error.to_string().contains("after 40000 of 100000"),
        "{error}"
    );
    assert_eq!(stuck.asked().len(), 2);
    assert_eq!(names(&dir), ["a.gz.part"], "what is there is kept");
    let whole = Server::of(&[good]);
    fetch(&[&stuck.address, &whole.address], dir.path()).unwrap();
    assert_whole(&dir);
    assert_eq!(whole.asked(), [Some(40_000)]);
}

#[test]
fn the_next_mirror_is_asked_where_one_has_nothing_or_something_else() {
    let unreachable = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let refusing: [&[Answer]; 5] = [
        &[missing],
        &[wrong],
        &[longer],
        &[another_range],
        &[nonsense],
    ];
    let servers = refusing.map(Server::of);
    let last = Server::of(&[good]);
    let mut mirrors: Vec<&str> = vec![&unreachable];
    mirrors.extend(servers.iter().map(|server| server.address.as_str()));
    let dir = tempfile::tempdir().unwrap();
    let error = fetch(&mirrors, dir.path()).unwrap_err();
    for mirror in &mirrors {
        assert!(error.to_string().contains(mirror), "{mirror} in {error}");
    }
    for words in [
        "status 404",
        "100001 bytes, expected 100000",
        "range from 5",
    ] {
        assert!(error.to_string().contains(words), "{words} in {error}");
    }
    assert!(error.help().contains("--mirror"), "{}", error.help());
    mirrors.push(&last.address);
    fetch(&mirrors, dir.path()).unwrap();
    assert_whole(&dir);
}

#[test]
fn no_more_is_written_than_the_file_has() {
    let server = Server::of(&[endless]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch(&[&server.address], dir.path()).unwrap();
    assert_eq!(fetched.bytes, 100_000);
    assert_whole(&dir);
}

#[test]
fn another_file_of_the_name_stays_as_it_is() {
    let server = Server::of(&[good]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.gz"), "mine").unwrap();
    let error = fetch(&[&server.address], dir.path()).unwrap_err();
    assert_eq!(error.class(), Class::Data);
    assert!(
        error.to_string().contains("a.gz: it is there already"),
        "{error}"
    );
    assert_eq!(std::fs::read(dir.path().join("a.gz")).unwrap(), b"mine");
    assert_eq!(server.asked(), [], "no one is asked");
}

#[test]
fn a_full_disk_is_told_as_one() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let path = Path::new("mnist/a.gz.part");
    let poured = pour(&mut &b"abc"[..], &mut Full, path, 0..3, &mut |_, _| Ok(()));
    let Err(transfer::Refusal::Here(error)) = poured else {
        panic!("no mirror is to blame");
    };
    assert_eq!(error.class(), Class::Storage);
    assert!(
        error.to_string().contains("mnist/a.gz.part: cannot write"),
        "{error}"
    );
    assert!(error.help().contains("make room"), "{}", error.help());
}

#[test]
fn who_stops_a_transfer_keeps_what_came() {
    let server = Server::of(&[good]);
    let dir = tempfile::tempdir().unwrap();
    let set = Published {
        name: "test",
        about: "",
        source: "idx",
        files: &[File {
            name: "a.gz",
            bytes: 100_000,
            sha256: SUM,
        }],
        mirrors: &[&server.address],
    };
    let stopped = transfer::get(&agent(false), &set, dir.path(), &mut |done, _| {
        if done > 0 {
            return Err(Error::new(Class::Stopped(2), "stopped", ""));
        }
        Ok(())
    });
    assert_eq!(stopped.unwrap_err().class(), Class::Stopped(2));
    let left = std::fs::read(dir.path().join("a.gz.part")).unwrap();
    assert!(
        !left.is_empty() && content().starts_with(&left),
        "a beginning of the file"
    );
}

#[test]
fn what_can_be_fetched_is_described_completely() {
    for set in CATALOG {
        assert!(!set.mirrors.is_empty(), "{}", set.name);
        for mirror in set.mirrors {
            assert!(
                mirror.starts_with("http") && mirror.ends_with('/'),
                "{mirror}"
            );
        }
        for file in set.files {
            let is_sum = file.sha256.len() == 64
                && file
                    .sha256
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            assert!(is_sum && file.bytes > 0, "{}", file.name);
        }
    }
    assert_eq!(published("mnist").unwrap().bytes(), 11_594_722);
    assert!(
        published("imagenet").is_none(),
        "what is not known is not found"
    );
}
