//! The members of a tar archive, one after the other, without writing any of them to disk.
//!
//! The format: <https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06>. Names and lengths in extension
//! headers are not looked at: a member whose name does not fit into 100 bytes has no name here that anyone asks for.

use std::io::{self, Read};

/// Everything stands in blocks of this many bytes.
const BLOCK: usize = 512;

/// An archive that is read from its beginning to its end.
pub(super) struct Tar<R> {
    reader: R,
    /// Bytes of the archive read so far.
    offset: u64,
    /// Bytes of the member under way, and of its padding, that are not read yet.
    rest: u64,
    padding: u64,
}

/// What stands before a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The last part of its name.
    pub(super) name: String,
    /// Its length in bytes.
    pub(super) size: u64,
    /// Whether it is a plain file.
    pub(super) is_file: bool,
}

/// Why an archive is not read on.
#[derive(Debug)]
pub(super) enum Broken {
    /// It is no archive, or a damaged one.
    Archive(String),
    /// It cannot be read, or unpacked.
    Read(io::Error),
}

impl<R: Read> Tar<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            offset: 0,
            rest: 0,
            padding: 0,
        }
    }

    /// The next member; what was not read of the one before is passed over. `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Member>, Broken> {
        let left = self.rest + self.padding;
        let passed = io::copy(&mut self.reader.by_ref().take(left), &mut io::sink());
        let passed = passed.map_err(Broken::Read)?;
        self.offset += passed;
        if passed < left {
            return Err(self.cut());
        }
        let at = self.offset;
        let mut block = Vec::with_capacity(BLOCK);
        let mut reader = self.reader.by_ref().take(BLOCK as u64);
        reader.read_to_end(&mut block).map_err(Broken::Read)?;
        self.offset += block.len() as u64;
        match block.len() {
            0 if at > 0 => return Ok(None),
            BLOCK => {}
            _ => return Err(self.cut()),
        }
        if block.iter().all(|&byte| byte == 0) {
            // What follows the end is of no meaning; that it unpacks is.
            io::copy(&mut self.reader, &mut io::sink()).map_err(Broken::Read)?;
            return Ok(None);
        }
        let sum: u64 = (block.iter().enumerate())
            .map(|(i, &byte)| u64::from(if (148..156).contains(&i) { b' ' } else { byte }))
            .sum();
        if octal(&block[148..156]) != Some(sum) {
            return Err(Broken::Archive(format!(
                "the header at byte {at} is damaged, or this is no tar archive"
            )));
        }
        let Some(size) = octal(&block[124..136]) else {
            return Err(Broken::Archive(format!(
                "the length at byte {} is not octal",
                at + 124
            )));
        };
        let name = &block[..100];
        let name = name.split(|&byte| byte == 0).next().unwrap_or(name);
        let name = String::from_utf8_lossy(name);
        (self.rest, self.padding) = (size, size.next_multiple_of(BLOCK as u64) - size);
        Ok(Some(Member {
            name: name.rsplit('/').next().unwrap_or("").to_owned(),
            size,
            is_file: matches!(block[156], b'0' | 0),
        }))
    }

    fn cut(&self) -> Broken {
        Broken::Archive(format!(
            "truncated: the archive ends at byte {}",
            self.offset
        ))
    }
}

/// The member that [`Tar::next`] told of last.
impl<R: Read> Read for Tar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.by_ref().take(self.rest).read(buffer)?;
        self.rest -= read as u64;
        self.offset += read as u64;
        Ok(read)
    }
}

/// A number of up to eleven octal digits, ended by a space or a zero.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches([' ', '\0']);
    u64::from_str_radix(text, 8).ok()
}
