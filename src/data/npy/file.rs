//! One NPY file: a strict reader.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What a header can hold of names is far below this; NumPy itself trusts 10,000 bytes.
const MAX_HEADER: usize = 10_000;
/// Values that are converted in one go.
const PIECE: usize = 1 << 14;

/// An array, its header read and checked against the length of its file.
#[derive(Debug)]
pub(super) struct Array {
    path: PathBuf,
    /// n, then the shape of a sample.
    dims: Vec<usize>,
    element: Element,
    /// Where the values begin, in bytes.
    offset: u64,
    values: Values,
}

/// The values of an array.
#[derive(Debug)]
pub(super) enum Values {
    /// Unsigned bytes.
    Bytes(Vec<u8>),
    /// Everything else, rounded to 32 bits.
    Floats(Vec<f32>),
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Element {
    /// `b` (truth), `u`, `i` or `f`.
    kind: u8,
    /// Bytes.
    size: usize,
    big_endian: bool,
}

const SAVE_AGAIN: &str = "save it again with numpy.save";

impl Array {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// If it is not a whole NPY file of numbers.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let storage = |error| Error::io(path, "read", error);
        let file = File::open(path).map_err(storage)?;
        let size = file.metadata().map_err(storage)?.len();
        let mut begin = Vec::new();
        file.take(MAX_HEADER as u64 + 12)
            .read_to_end(&mut begin)
            .map_err(storage)?;
        Self::header(path, &begin, size)
    }

    /// Checks the header at the beginning of a file of `size` bytes. `path` is for messages.
    pub(super) fn header(path: &Path, begin: &[u8], size: u64) -> Result<Self> {
        let refuse = |what: String| Err(refused(path, what, SAVE_AGAIN));
        let &[
            0x93,
            b'N',
            b'U',
            b'M',
            b'P',
            b'Y',
            version,
            _,
            ref rest @ ..,
        ] = begin
        else {
            return refuse("not an NPY file: it does not begin with \\x93NUMPY".to_owned());
        };
        let (length, rest) = match (version, rest) {
            (1, &[a, b, ref rest @ ..]) => (u32::from(u16::from_le_bytes([a, b])), rest),
            (2 | 3, &[a, b, c, d, ref rest @ ..]) => (u32::from_le_bytes([a, b, c, d]), rest),
            (1..=3, _) => return refuse("truncated: the file ends in its header".to_owned()),
            _ => {
                return refuse(format!(
                    "version {version} of the format at byte 6, expected 1 to 3"
                ));
            }
        };
        let length = length as usize;
        if length > MAX_HEADER {
            return refuse(format!(
                "the header at byte 8 is {length} bytes, more than {MAX_HEADER}"
            ));
        }
        let Some(header) = rest.get(..length) else {
            return refuse("truncated: the file ends in its header".to_owned());
        };
        let Some((element, dims)) = parse(header) else {
            return Err(refused(
                path,
                format!("the header is {:?}", String::from_utf8_lossy(header).trim()),
                "save an array of numbers in C order: numpy.save(\"x.npy\", numpy.ascontiguousarray(x))",
            ));
        };
        if dims.is_empty() || dims.contains(&0) {
            return refuse(format!(
                "an array of shape {dims:?}, expected at least one sample"
            ));
        }
        let offset = (begin.len() - rest.len() + length) as u64;
        let values = dims
            .iter()
            .try_fold(element.size, |product, &dim| product.checked_mul(dim));
        let declared = values.map(|bytes| bytes as u64);
        let found = size - offset.min(size);
        if declared != Some(found) {
            let declared =
                declared.map_or("more than can be counted".to_owned(), |n| n.to_string());
            return refuse(format!(
                "the header declares {dims:?}, {declared} bytes from byte {offset}, but there are {found}"
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            dims,
            element,
            offset,
            values: Values::Bytes(Vec::new()),
        })
    }

    /// Reads the values.
    ///
    /// # Errors
    /// If one is not finite.
    pub(super) fn read(mut self) -> Result<Self> {
        let file = File::open(&self.path).map_err(|e| Error::io(&self.path, "read", e))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        std::io::copy(&mut reader.by_ref().take(self.offset), &mut std::io::sink())
            .map_err(|e| Error::io(&self.path, "read", e))?;
        self.fill(&mut reader)?;
        Ok(self)
    }

    /// Takes the values from a reader that stands at the first.
    pub(super) fn fill(&mut self, reader: &mut impl Read) -> Result<()> {
        // Checked against the length of the file.
        let count: usize = self.dims.iter().product();
        let storage = |error| Error::io(&self.path, "read", error);
        if self.element.kind == b'u' && self.element.size == 1 {
            let mut bytes = vec![0; count];
            reader.read_exact(&mut bytes).map_err(storage)?;
            self.values = Values::Bytes(bytes);
            return Ok(());
        }
        let mut floats = Vec::with_capacity(count);
        let mut piece = vec![0; PIECE * self.element.size];
        while floats.len() < count {
            let now = PIECE.min(count - floats.len());
            let piece = &mut piece[..now * self.element.size];
            reader.read_exact(piece).map_err(storage)?;
            for bytes in piece.chunks(self.element.size) {
                let value = self.element.number(bytes);
                if !value.is_finite() {
                    let place = floats.len();
                    let (sample, byte) = (
                        place / self.width(),
                        self.offset + (place * self.element.size) as u64,
                    );
                    return Err(self.refuse(
                        format_args!(
                            "sample {sample} (byte {byte}) holds {value}, expected a finite number"
                        ),
                        "mend the array, or leave such samples out",
                    ));
                }
                floats.push(value);
            }
        }
        self.values = Values::Floats(floats);
        Ok(())
    }

    /// A file like this one that holds these of its samples, byte for byte.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn of(&self, samples: &[usize]) -> Result<Vec<u8>> {
        let Element {
            kind,
            size,
            big_endian,
        } = self.element;
        let order = match (size, big_endian) {
            (1, _) => '|',
            (_, false) => '<',
            (_, true) => '>',
        };
        let mut dims = self.dims.clone();
        dims[0] = samples.len();
        let dims: Vec<String> = dims.iter().map(|dim| format!("{dim},")).collect();
        let mut header = format!(
            "{{'descr': '{order}{}{size}', 'fortran_order': False, 'shape': ({}), }}",
            char::from(kind),
            dims.join(" ")
        );
        // The values begin at a multiple of 64, behind a line feed.
        let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
        header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
        header.push('\n');
        let length = u16::try_from(length).expect("a header that was read is short");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(header.as_bytes());
        let all = std::fs::read(&self.path).map_err(|e| Error::io(&self.path, "read", e))?;
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let each = self.width() * size;
        for &sample in samples {
            let begin = offset.saturating_add(sample * each);
            // It may have been changed since its header was read.
            let value = all.get(begin..begin.saturating_add(each));
            let value = value.ok_or_else(|| self.refuse("it has become shorter", SAVE_AGAIN))?;
            bytes.extend_from_slice(value);
        }
        Ok(bytes)
    }

    /// Adds the samples of another array behind those of this one.
    ///
    /// # Errors
    /// If its samples have another shape or type.
    pub(super) fn append(&mut self, other: Self) -> Result<()> {
        match (&mut self.values, other.values) {
            (Values::Bytes(mine), Values::Bytes(mut theirs))
                if self.dims[1..] == other.dims[1..] =>
            {
                mine.append(&mut theirs);
            }
            (Values::Floats(mine), Values::Floats(mut theirs))
                if self.dims[1..] == other.dims[1..] =>
            {
                mine.append(&mut theirs);
            }
            _ => {
                return Err(refused(
                    &other.path,
                    format!(
                        "{} of shape {:?}, but {} holds {} of shape {:?}",
                        other.element.name(),
                        &other.dims[1..],
                        self.path.display(),
                        self.element.name(),
                        &self.dims[1..]
                    ),
                    "save the arrays of all parts in one shape and type",
                ));
            }
        }
        self.dims[0] += other.dims[0];
        Ok(())
    }

    /// The number of samples.
    pub(super) fn count(&self) -> usize {
        self.dims[0]
    }

    /// Values of a sample.
    pub(super) fn width(&self) -> usize {
        self.dims[1..].iter().product()
    }

    /// Bytes of the values once they are read.
    pub(super) fn size_in_memory(&self) -> u64 {
        let count: usize = self.dims.iter().product();
        let each = if self.element.size == 1 && self.element.kind == b'u' {
            1
        } else {
            4
        };
        count as u64 * each
    }

    /// Height, width and channels of a sample.
    ///
    /// # Errors
    /// If it has more axes.
    pub(super) fn sample_shape(&self) -> Result<[usize; 3]> {
        match self.dims[1..] {
            [] => Ok([1, 1, 1]),
            [features] => Ok([1, 1, features]),
            [h, w] => Ok([h, w, 1]),
            [h, w, c] => Ok([h, w, c]),
            _ => Err(self.refuse(
                format_args!("samples of shape {:?}", &self.dims[1..]),
                "save samples as (n, features), (n, height, width) or (n, height, width, channels)",
            )),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    pub(super) fn into_values(self) -> Values {
        self.values
    }

    /// An error about this file.
    pub(super) fn refuse(&self, what: impl std::fmt::Display, help: &str) -> Error {
        refused(&self.path, what, help)
    }
}

impl Element {
    fn name(self) -> String {
        let kind = match self.kind {
            b'b' => "truth values",
            b'u' => "unsigned integers",
            b'i' => "integers",
            _ => "floats",
        };
        format!("{kind} of {} bytes", self.size)
    }

    /// A value as the nearest `f32`.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to 32 bits")]
    fn number(self, bytes: &[u8]) -> f32 {
        let mut word = [0; 8];
        let little = |i: usize| {
            if self.big_endian {
                bytes[bytes.len() - 1 - i]
            } else {
                bytes[i]
            }
        };
        for (i, byte) in word.iter_mut().take(bytes.len()).enumerate() {
            *byte = little(i);
        }
        let bits = u64::from_le_bytes(word);
        match (self.kind, self.size) {
            (b'f', 4) => f32::from_bits(bits as u32),
            (b'f', _) => f64::from_bits(bits) as f32,
            (b'i', 1) => f32::from(bits as u8 as i8),
            (b'i', 2) => f32::from(bits as u16 as i16),
            (b'i', 4) => bits as u32 as i32 as f32,
            (b'i', _) => bits as i64 as f32,
            _ => bits as f32,
        }
    }
}

fn refused(path: &Path, what: impl std::fmt::Display, help: &str) -> Error {
    Error::data(format!("{}: {what}", path.display()), help)
}

/// Type and shape of `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`; `None` for anything else.
fn parse(header: &[u8]) -> Option<(Element, Vec<usize>)> {
    let text = std::str::from_utf8(header).ok()?;
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let (mut element, mut order, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, value) = rest.split_once(':')?;
        let value = value.trim_start();
        let (value, after) = match value.as_bytes().first()? {
            b'(' => value.split_at(value.find(')')? + 1),
            _ => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        match key.trim().trim_matches(['\'', '"']) {
            "descr" => element = Some(element_of(value.trim().trim_matches(['\'', '"']))?),
            "fortran_order" => order = Some(value.trim()),
            "shape" => shape = Some(value),
            _ => return None,
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    let dims = shape?
        .strip_prefix('(')?
        .strip_suffix(')')?
        .trim()
        .trim_end_matches(',');
    let dims = match dims {
        "" => Vec::new(),
        _ => dims
            .split(',')
            .map(|dim| dim.trim().parse().ok())
            .collect::<Option<Vec<usize>>>()?,
    };
    // One axis has no order.
    (order? == "False" || dims.len() < 2).then_some((element?, dims))
}

fn element_of(descr: &str) -> Option<Element> {
    let &[order, kind, size] = descr.as_bytes() else {
        return None;
    };
    let size = usize::from(size.checked_sub(b'0')?);
    let fits = match kind {
        b'b' => size == 1,
        b'u' | b'i' => matches!(size, 1 | 2 | 4 | 8),
        b'f' => matches!(size, 4 | 8),
        _ => false,
    };
    let big_endian = match order {
        b'<' | b'|' => false,
        b'>' => true,
        _ => return None,
    };
    fits.then_some(Element {
        kind,
        size,
        big_endian,
    })
}
