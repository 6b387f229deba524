//! A plain text, character by character, for networks that say which character comes next.
//!
//! The characters that occur, sorted, are the vocabulary; the text is kept once, as the place of each character in it. A sample is
//! the window that begins at one of its characters, and nothing more than its number: the last characters are the test part, those
//! before them the validation part, and no window reaches from one part into another.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use super::{Dataset, HoldOut, MAX_CLASSES, Parts, Samples, Targets, files};
use crate::error::{Error, Result};

/// A text is at most this large, in bytes.
const MAX_TEXT: u64 = 1 << 30;

/// The number of characters there are: a `char` is below.
const CHARS: usize = 0x11_0000;

/// How a text is cut into samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Characters of a window.
    pub context: usize,
    /// Characters from window to window while training. Validation and test always go from window to window.
    pub stride: usize,
    /// All of the text is the test part.
    pub all: bool,
}

/// A text as places in its vocabulary, and where its windows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Every character.
    pub tokens: Tokens,
    /// Where samples begin.
    pub windows: Windows,
}

/// Places in a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Of one with at most 256 entries.
    Bytes(Vec<u8>),
    /// Of a larger one.
    Words(Vec<u32>),
}

impl Tokens {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(tokens) => tokens.len(),
            Self::Words(tokens) => tokens.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the samples of a text begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Tokens of the whole text.
    pub tokens: usize,
    /// Tokens of a window; one more is read, which is predicted last.
    pub context: usize,
    /// The parts training, validation and test.
    pub pieces: [Piece; 3],
}

/// The windows of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Their numbers, as the samples of the data set are counted.
    pub windows: Range<usize>,
    /// The token where the first begins.
    pub first: usize,
    /// Tokens from the beginning of one to that of the next.
    pub stride: usize,
}

impl Windows {
    /// The windows that a part of the data set, or the beginning of one, is among.
    ///
    /// # Panics
    /// If it begins in none of them.
    pub fn of(&self, part: &Range<usize>) -> &Piece {
        let mut pieces = self.pieces.iter();
        let found = pieces.find(|piece| piece.windows.contains(&part.start));
        found.expect("a part of the data set")
    }
}

/// Reads the text at `path`. `known` is the vocabulary of a trained network, in whose places it is read then.
///
/// # Errors
/// If it is no text in UTF-8, too large, or has a part that is shorter than a window; if one of its characters is not `known`.
pub fn load(
    path: &Path,
    options: Options,
    hold_out: &HoldOut,
    known: Option<&[String]>,
) -> Result<Dataset> {
    if hold_out.fold.is_some() {
        return Err(Error::usage(
            format!(
                "--folds: {} is one text, in whose order parts are held back",
                path.display()
            ),
            "leave --folds out, and hold back a part with --set data.validation=0.1",
        ));
    }
    let bytes = read(path)?;
    let text = decode(path, &bytes)?;
    let vocabulary = match known {
        Some(names) => names.to_vec(),
        None => vocabulary(path, text)?,
    };
    let tokens = encode(path, text, &vocabulary)?;
    let windows = cut(path, tokens.len(), options, hold_out)?;
    let parts = Parts::of(windows.pieces.each_ref().map(|piece| piece.windows.len()));
    let count = parts.test.end;
    Ok(Dataset {
        name: files::name_of(path, "text"),
        sample_shape: [1, 1, options.context],
        samples: Samples::Text(Text { tokens, windows }),
        targets: Targets::Next {
            count,
            names: vocabulary,
        },
        weights: None,
        parts,
        encoding: None,
    })
}

/// The bytes of a file that is not too large.
fn read(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Error::data(
            format!("{shown}: a folder, where one text is wanted"),
            "give the file; several become one with `cat *.txt > all.txt`",
        ));
    }
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let failed = |error| Error::io(path, "read", error);
    let too_large = |bytes: u64| {
        Error::data(
            format!("{shown}: {bytes} bytes, more than the {MAX_TEXT} (1 GiB) that are read"),
            "learn from a part of it, as `head -c 100M` cuts one off",
        )
    };
    // The size is only what the system says; what counts is what is read.
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_TEXT {
        return Err(too_large(size));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut reader = file.take(MAX_TEXT + 1);
    reader.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(too_large(bytes.len() as u64));
    }
    if bytes.is_empty() {
        return Err(Error::data(
            format!("{shown}: the file is empty"),
            "give a plain text to learn from",
        ));
    }
    Ok(bytes)
}

/// The text without a byte order mark.
fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    let refuse =
        |what: String, help: &str| Error::data(format!("{}: {what}", path.display()), help);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(refuse(
            "text in UTF-16, where UTF-8 is read".to_owned(),
            "save it as UTF-8; `iconv -f UTF-16 -t UTF-8 OLD > NEW` converts it",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let line = 1 + bytes[..offset].iter().filter(|&&byte| byte == b'\n').count();
        let byte = bytes.get(offset).copied().unwrap_or_default();
        refuse(
            format!("not UTF-8 text: byte {offset} (0x{byte:02x}, in line {line}) begins no character"),
            "save it as UTF-8; `iconv -f LATIN1 -t UTF-8 OLD > NEW` converts the text of older systems",
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The characters that occur, sorted.
fn vocabulary(path: &Path, text: &str) -> Result<Vec<String>> {
    let mut occurs = vec![false; CHARS];
    text.chars().for_each(|c| occurs[c as usize] = true);
    let chars = ('\0'..=char::MAX).filter(|&c| occurs[c as usize]);
    let names: Vec<String> = chars.map(String::from).collect();
    match names.len() {
        0 | 1 => Err(Error::data(
            format!(
                "{}: all of its characters are {:?}: there is nothing to predict",
                path.display(),
                names.first().map_or("", String::as_str)
            ),
            "give a plain text to learn from",
        )),
        count if count > MAX_CLASSES => Err(Error::data(
            format!(
                "{}: {count} different characters, more than the {MAX_CLASSES} that are told apart",
                path.display()
            ),
            "give a text of fewer scripts, or replace rare characters",
        )),
        _ => Ok(names),
    }
}

/// The place of every character in a vocabulary.
pub(super) struct Places {
    /// By character; `u32::MAX` where it has none.
    places: Vec<u32>,
}

impl Places {
    /// Of these characters.
    pub(super) fn of(vocabulary: &[String]) -> Self {
        let mut places = vec![u32::MAX; CHARS];
        for (place, name) in (0_u32..).zip(vocabulary) {
            if let Some(c) = name.chars().next() {
                places[c as usize] = place;
            }
        }
        Self { places }
    }

    /// Of one character, if it has one.
    pub(super) fn get(&self, c: char) -> Option<u32> {
        let place = self.places[c as usize];
        (place != u32::MAX).then_some(place)
    }
}

/// The text as places in a vocabulary.
fn encode(path: &Path, text: &str, vocabulary: &[String]) -> Result<Tokens> {
    let places = Places::of(vocabulary);
    let place =
        |(offset, c): (usize, char)| {
            places.get(c).ok_or_else(|| {
            let line = 1 + text[..offset].matches('\n').count();
            Error::data(
                format!("{}:{line}: the network does not know the character {c:?}", path.display()),
                format!(
                    "use text of the {} characters that it was trained on, or train with this one",
                    vocabulary.len()
                ),
            )
        })
        };
    let count = text.chars().count();
    if vocabulary.len() <= 256 {
        let mut tokens = Vec::with_capacity(count);
        for c in text.char_indices() {
            tokens.push(u8::try_from(place(c)?).expect("at most 256 places"));
        }
        return Ok(Tokens::Bytes(tokens));
    }
    let mut tokens = Vec::with_capacity(count);
    for c in text.char_indices() {
        tokens.push(place(c)?);
    }
    Ok(Tokens::Words(tokens))
}

/// The ids of some characters, or those that a vocabulary does not have, each once, in their order.
pub fn ids(text: &str, vocabulary: &[String]) -> Result<Vec<u32>, Vec<char>> {
    let places = Places::of(vocabulary);
    let mut unknown: Vec<char> = Vec::new();
    let mut found = Vec::new();
    for c in text.chars() {
        match places.get(c) {
            Some(place) => found.push(place),
            None if unknown.contains(&c) => {}
            None => unknown.push(c),
        }
    }
    if unknown.is_empty() {
        Ok(found)
    } else {
        Err(unknown)
    }
}

/// Parts of a text of so many tokens, and the windows of each.
fn cut(path: &Path, tokens: usize, options: Options, hold_out: &HoldOut) -> Result<Windows> {
    let Options {
        context, stride, ..
    } = options;
    let [train, validation] = if options.all {
        [0, 0]
    } else {
        let train = kept(tokens, hold_out.test);
        let learned = kept(train, hold_out.validation);
        [learned, train - learned]
    };
    let test = tokens - train - validation;
    let mut first = 0;
    let mut window = 0;
    let mut pieces = Vec::with_capacity(3);
    for (name, length, stride, may_be_empty) in [
        ("training", train, stride, options.all),
        (
            "validation",
            validation,
            context,
            options.all || hold_out.validation == 0.0,
        ),
        ("test", test, context, !options.all && hold_out.test == 0.0),
    ] {
        // The token behind the last of a window is read as well.
        let fits = length.checked_sub(context + 1);
        let count = match fits {
            Some(room) => room / stride + 1,
            None if length == 0 && may_be_empty => 0,
            None => {
                let parts = [train, validation, test].into_iter();
                let shortest = parts.filter(|&length| length > 0).min().unwrap_or(0);
                let part = match (name, options.all) {
                    (_, true) => "the text".to_owned(),
                    _ => format!("the {name} part"),
                };
                return Err(Error::data(
                    format!(
                        "{}: {part} has {length} characters, but a window of {context} and the one behind it are {}",
                        path.display(),
                        context + 1
                    ),
                    match shortest {
                        0 | 1 => "use a longer text".to_owned(),
                        _ => format!(
                            "use a longer text, or a smaller data.context: --set data.context={} fits",
                            shortest - 1
                        ),
                    },
                ));
            }
        };
        pieces.push(Piece {
            windows: window..window + count,
            first,
            stride,
        });
        window += count;
        first += length;
    }
    let pieces = <[Piece; 3]>::try_from(pieces).expect("three parts");
    Ok(Windows {
        tokens,
        context,
        pieces,
    })
}

/// How many of `n` are not held back, as everywhere: floor(n · (1 − fraction)).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and n"
)]
fn kept(n: usize, fraction: f64) -> usize {
    (n as f64 * (1.0 - fraction)).floor() as usize
}
