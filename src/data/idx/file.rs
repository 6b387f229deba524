//! One IDX file: a strict reader.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::data::files::DEFLATE_RATIO;
use crate::error::{Error, Result};

const DOWNLOAD_AGAIN: &str = "the file is damaged or incomplete: download it again";

/// What an IDX file is expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Unsigned bytes (n, h, w) or (n, h, w, c).
    Images,
    /// Unsigned bytes or 32-bit integers (n).
    Labels,
}

impl Content {
    /// The word for messages.
    fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    U8,
    I32,
}

impl Element {
    fn size(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::I32 => 4,
        }
    }
}

/// An opened IDX file, its header read and checked.
pub(super) struct IdxFile<'a> {
    pub(super) path: PathBuf,
    reader: Box<dyn Read + 'a>,
    packed: bool,
    /// The length of the file itself, in bytes.
    file_size: u64,
    element: Element,
    /// n, then the shape of a sample; none is 0, and the product in bytes is an `u64`.
    dims: Vec<usize>,
    /// Bytes read (and unpacked) so far.
    offset: u64,
}

impl IdxFile<'static> {
    /// Opens the file and checks its header.
    pub(super) fn open(path: &Path, content: Content) -> Result<Self> {
        let storage = |error| Error::io(path, "read", error);
        let file = File::open(path).map_err(storage)?;
        let file_size = file.metadata().map_err(storage)?.len();
        Self::from_reader(path, BufReader::new(file), file_size, content)
    }
}

impl<'a> IdxFile<'a> {
    /// Checks the header of what `source` gives; `file_size` is its length in bytes. `path` is for messages.
    pub(super) fn from_reader(
        path: &Path,
        mut source: impl BufRead + 'a,
        file_size: u64,
        content: Content,
    ) -> Result<Self> {
        // By what the file begins with, not by its name.
        let begin = source
            .fill_buf()
            .map_err(|error| Error::io(path, "read", error))?;
        let packed = begin.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read + 'a> = if packed {
            Box::new(MultiGzDecoder::new(source))
        } else {
            Box::new(source)
        };
        let mut file = Self {
            path: path.to_owned(),
            reader,
            packed,
            file_size,
            element: Element::U8,
            dims: Vec::new(),
            offset: 0,
        };
        file.read_header(content)?;
        Ok(file)
    }

    /// The number of samples.
    pub(super) fn count(&self) -> usize {
        self.dims[0]
    }

    /// Height, width and channels of a sample.
    pub(super) fn sample_shape(&self) -> [usize; 3] {
        match self.dims[1..] {
            [h, w] => [h, w, 1],
            [h, w, c] => [h, w, c],
            _ => [1, 1, 1],
        }
    }

    /// A file like this one, packed as it is, that holds these of its samples.
    ///
    /// # Errors
    /// As [`IdxFile::read`].
    pub(super) fn of(&mut self, samples: &[usize]) -> Result<Vec<u8>> {
        let body = self.read()?;
        let element = match self.element {
            Element::U8 => 0x08,
            Element::I32 => 0x0c,
        };
        // As many dimensions, each as large, as a header had.
        let rank = u8::try_from(self.dims.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![0, 0, element, rank];
        for dim in std::iter::once(samples.len()).chain(self.dims[1..].iter().copied()) {
            bytes.extend(u32::try_from(dim).unwrap_or(u32::MAX).to_be_bytes());
        }
        let each = body.len() / self.count();
        for &sample in samples {
            bytes.extend_from_slice(&body[sample * each..][..each]);
        }
        if !self.packed {
            return Ok(bytes);
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        let packed = packer.write_all(&bytes).and_then(|()| packer.finish());
        packed.map_err(|error| Error::io(&self.path, "pack", error))
    }

    /// The bytes after the header, as it declares them.
    pub(super) fn size(&self) -> u64 {
        // Checked when the header was read.
        self.dims.iter().map(|&dim| dim as u64).product::<u64>() * self.element.size()
    }

    /// The labels, all below `classes`.
    pub(super) fn read_labels(&mut self, classes: u32) -> Result<Vec<u32>> {
        let begin = self.offset;
        let body = self.read()?;
        let label = |sample: usize| {
            let value = match self.element {
                Element::U8 => i64::from(body[sample]),
                Element::I32 => i64::from(i32::from_be_bytes(body.as_chunks().0[sample])),
            };
            let label = u32::try_from(value).ok().filter(|&label| label < classes);
            label.ok_or_else(|| {
                let at = begin + sample as u64 * self.element.size();
                let last = classes - 1;
                self.refuse(
                    format!("sample {sample} (byte {at}) has label {value}, expected 0 to {last}"),
                    "labels count from 0, and every class of the test file occurs in the training file: use files of one \
                     data set",
                )
            })
        };
        (0..self.count()).map(label).collect()
    }

    fn refuse(&self, what: impl std::fmt::Display, help: &str) -> Error {
        Error::data(format!("{}: {what}", self.path.display()), help)
    }

    fn read_header(&mut self, content: Content) -> Result<()> {
        const NOT_IDX: &str =
            "use an IDX file, such as those of MNIST; other formats are not read here";
        let magic = self.take(4, 4)?;
        let &[zero0, zero1, element, rank] = &magic[..] else {
            let found = magic.len();
            return Err(self.refuse(
                format!("truncated: an IDX header is at least 8 bytes, found {found}"),
                DOWNLOAD_AGAIN,
            ));
        };
        if [zero0, zero1] != [0, 0] {
            return Err(self.refuse(
                format!(
                    "not an IDX file: bytes 0 to 3 are {zero0:02x} {zero1:02x} {element:02x} {rank:02x}, expected 00 00, a type \
                     and a rank"
                ),
                NOT_IDX,
            ));
        }
        self.element = match (content, element) {
            (_, 0x08) => Element::U8,
            (Content::Labels, 0x0c) => Element::I32,
            _ => {
                let name = match element {
                    0x09 => "signed byte",
                    0x0b => "16-bit integer",
                    0x0c => "32-bit integer",
                    0x0d => "32-bit float",
                    0x0e => "64-bit float",
                    _ => "unknown",
                };
                let expected = match content {
                    Content::Images => "0x08 (unsigned byte)",
                    Content::Labels => "0x08 (unsigned byte) or 0x0c (32-bit integer)",
                };
                return Err(self.refuse(
                    format!(
                        "the type at byte 2 is {element:#04x} ({name}), expected {expected} for {}",
                        content.name()
                    ),
                    "convert the file",
                ));
            }
        };
        let (fits, expected) = match content {
            Content::Images => (matches!(rank, 3 | 4), "3 (n, h, w) or 4 (n, h, w, c)"),
            Content::Labels => (rank == 1, "1 (n)"),
        };
        if !fits {
            return Err(self.refuse(
                format!(
                    "the rank at byte 3 is {rank}, expected {expected} for {}",
                    content.name()
                ),
                "use the file of that kind; images and labels may be exchanged",
            ));
        }
        let length = 4 * u64::from(rank);
        let dims = self.take(length, length)?;
        if dims.len() as u64 != length {
            let (found, expected) = (4 + dims.len(), 4 + length);
            return Err(self.refuse(
                format!("truncated: the header is {expected} bytes, found {found}"),
                DOWNLOAD_AGAIN,
            ));
        }
        self.check_dims(dims.as_chunks::<4>().0, content)
    }

    fn check_dims(&mut self, dims: &[[u8; 4]], content: Content) -> Result<()> {
        let mut size = Some(self.element.size());
        for (axis, &bytes) in dims.iter().enumerate() {
            let dim = u32::from_be_bytes(bytes);
            let at = 4 + 4 * axis;
            if dim == 0 {
                return Err(self.refuse(
                    format!("dimension {axis} at byte {at} is 0, expected at least 1"),
                    DOWNLOAD_AGAIN,
                ));
            }
            if axis == 3 && dim > 4 {
                return Err(self.refuse(
                    format!("{dim} channels at byte {at}, expected 1 to 4 (n, h, w, c)"),
                    "store the channels last",
                ));
            }
            size = size.and_then(|size| size.checked_mul(u64::from(dim)));
            // A dimension that does not fit a small machine's word is refused like one that overflows.
            match usize::try_from(dim) {
                Ok(dim) => self.dims.push(dim),
                Err(_) => size = None,
            }
        }
        if size.is_some_and(|size| usize::try_from(size).is_ok()) {
            return Ok(());
        }
        let dims: Vec<String> = (dims.iter())
            .map(|&bytes| u32::from_be_bytes(bytes).to_string())
            .collect();
        Err(self.refuse(
            format!(
                "the dimensions at byte 4 declare {} {}, more bytes than can be counted",
                dims.join(" × "),
                content.name()
            ),
            DOWNLOAD_AGAIN,
        ))
    }

    /// The values, exactly as many bytes as the header declares.
    pub(super) fn read(&mut self) -> Result<Vec<u8>> {
        let (header, declared) = (self.offset, self.size());
        // One byte more than declared, to see that there is no more; the memory follows what the file can hold at most.
        let ratio = if self.packed { DEFLATE_RATIO } else { 1 };
        let reserve = declared.min(self.file_size.saturating_mul(ratio)) + 1;
        let body = self.take(declared + 1, reserve)?;
        let found = body.len() as u64;
        let unpacked = if self.packed { " after unpacking" } else { "" };
        if found < declared {
            return Err(self.refuse(
                format!(
                    "truncated: the header declares {declared} bytes from byte {header}, found {found}{unpacked}"
                ),
                DOWNLOAD_AGAIN,
            ));
        }
        if found > declared {
            let end = header + declared;
            return Err(self.refuse(
                format!(
                    "trailing bytes: the header declares an end at byte {end}{unpacked}, found more behind it"
                ),
                DOWNLOAD_AGAIN,
            ));
        }
        Ok(body)
    }

    /// The next `count` bytes, or fewer where the file ends; memory for `reserve` bytes is asked for at once.
    fn take(&mut self, count: u64, reserve: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let reserved = usize::try_from(reserve).is_ok_and(|n| bytes.try_reserve_exact(n).is_ok());
        if !reserved {
            return Err(self.refuse(
                format!("no memory for its {reserve} bytes"),
                "close other programs, or use fewer samples",
            ));
        }
        let result = self.reader.by_ref().take(count).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match result {
            Ok(_) => Ok(bytes),
            Err(error)
                if self.packed
                    && matches!(
                        error.kind(),
                        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
                    ) =>
            {
                let offset = self.offset;
                Err(self.refuse(
                    format!("the gzip stream is broken behind {offset} unpacked bytes: {error}"),
                    DOWNLOAD_AGAIN,
                ))
            }
            Err(error) => Err(Error::io(&self.path, "read", error)),
        }
    }
}
