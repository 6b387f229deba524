//! The cells of a CSV file, as text with the place of each.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A table is at most this large.
const MAX_FILE_BYTES: u64 = 2 << 30;
/// A table has at most so many columns.
const MAX_COLUMNS: usize = 1 << 16;
/// A cell is at most so long: longer is a quote that is never closed.
const MAX_CELL_BYTES: usize = 64 << 10;

/// What stands for a value that is not there, in any case of letters.
const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "?", "-"];

/// A CSV file in memory: every row has as many cells as there are columns.
#[derive(Debug)]
pub(in crate::data) struct Cells {
    path: PathBuf,
    /// The names of the columns; "1", "2", … where the file has none.
    pub(in crate::data) names: Vec<String>,
    /// Whether the file names them.
    pub(in crate::data) has_names: bool,
    /// The text of all cells, one behind the other, trimmed.
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    /// The line of each row, from 1.
    lines: Vec<u32>,
}

impl Cells {
    /// Reads a table. Cells are parted by a comma, a semicolon, a tab or a bar, whichever the first line holds most of; they may be
    /// quoted. If a cell of the first row is neither a number nor empty, the row names the columns.
    ///
    /// # Errors
    /// If the file cannot be read, is empty, is too large or not UTF-8 text, or a row has another number of cells than the first.
    pub(in crate::data) fn read(path: &Path) -> Result<Self> {
        let storage = |error| Error::io(path, "read", error);
        let file = File::open(path).map_err(storage)?;
        if !file.metadata().map_err(storage)?.is_file() {
            return Err(refuse(path, "not a file", "name a CSV file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(storage)?;
        Self::parse(path, bytes)
    }

    /// [`Self::read`] for a file already in memory; `path` is for messages.
    pub(in crate::data) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        const SPLIT: &str = "split the table, or leave columns out";
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(refuse(path, "larger than 2 GiB", SPLIT));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at]
                .iter()
                .filter(|&&b| b == b'\n')
                .count();
            refuse(
                path,
                format_args!("line {line} (byte {at}): not UTF-8 text"),
                "save the table as UTF-8 text, with cells parted by commas",
            )
        })?;
        if let Some(at) = text.find('\0') {
            let what = format!("a zero byte at byte {at}: not a text file");
            return Err(refuse(path, what, "name a CSV file"));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .delimiter(delimiter(text))
            .from_reader(text.as_bytes());
        let mut cells = Self {
            path: path.to_owned(),
            names: Vec::new(),
            has_names: false,
            text: String::with_capacity(text.len()),
            ends: Vec::new(),
            lines: Vec::new(),
        };
        let mut record = csv::StringRecord::new();
        while reader
            .read_record(&mut record)
            .map_err(|error| refuse(path, error, "write the table again as CSV"))?
        {
            let line = record.position().map_or(0, csv::Position::line);
            if cells.names.is_empty() {
                if cells.begin(&record, line)? {
                    continue;
                }
            } else if record.len() != cells.names.len() {
                return Err(cells.refuse_at(
                    line,
                    format_args!("{} cells, expected {} as in the first line", record.len(), cells.names.len()),
                    "every row has a cell for each column; cells that hold the separator are quoted",
                ));
            }
            cells.push(&record, line)?;
        }
        if cells.names.is_empty() {
            return Err(refuse(
                path,
                "an empty file",
                "name a table with at least one row",
            ));
        }
        let last = cells.rows().checked_sub(1);
        if let Some(row) = last.filter(|_| text.bytes().filter(|&b| b == b'"').count() % 2 == 1) {
            let mut row_cells = (0..cells.names.len()).map(|column| cells.cell(row, column));
            if row_cells.any(|cell| cell.contains('\n')) {
                return Err(cells.refuse_at(
                    cells.lines[row].into(),
                    "a quote is opened and not closed",
                    "close it, or double it where it belongs to the text",
                ));
            }
        }
        if cells.lines.is_empty() {
            let what = "only names of columns, no rows";
            return Err(refuse(path, what, "add rows below the first line"));
        }
        Ok(cells)
    }

    /// Looks at the first row; whether it names the columns.
    fn begin(&mut self, first: &csv::StringRecord, line: u64) -> Result<bool> {
        if first.len() > MAX_COLUMNS {
            let what = format!("{} columns, more than {MAX_COLUMNS}", first.len());
            return Err(refuse(&self.path, what, "use a table with fewer columns"));
        }
        let named = first
            .iter()
            .any(|cell| !is_missing(cell) && number(cell).is_none());
        if !named {
            self.names = (1..=first.len()).map(|column| column.to_string()).collect();
            return Ok(false);
        }
        self.has_names = true;
        self.names = first.iter().map(str::to_owned).collect();
        let mut sorted: Vec<&String> = self.names.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = match twice[0].as_str() {
                "" => "two columns have no name".to_owned(),
                name => format!("two columns are called {name:?}"),
            };
            return Err(self.refuse_at(line, what, "give every column a name of its own"));
        }
        Ok(true)
    }

    fn push(&mut self, record: &csv::StringRecord, line: u64) -> Result<()> {
        for (column, cell) in record.iter().enumerate() {
            if cell.len() > MAX_CELL_BYTES {
                return Err(self.refuse_at(
                    line,
                    format_args!("the cell in column {} is longer than 64 KiB", column + 1),
                    "a quote may not be closed: check the quotes of that line",
                ));
            }
            self.text.push_str(cell);
            self.ends.push(self.text.len());
        }
        let line = u32::try_from(line).map_err(|_| {
            refuse(
                &self.path,
                "more than 4,294,967,295 lines",
                "split the table",
            )
        })?;
        self.lines.push(line);
        Ok(())
    }

    /// The number of rows.
    pub(in crate::data) fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The text of a cell.
    pub(in crate::data) fn cell(&self, row: usize, column: usize) -> &str {
        let index = row * self.names.len() + column;
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[index]]
    }

    /// The line of a row, from 1.
    pub(in crate::data) fn line(&self, row: usize) -> u32 {
        self.lines[row]
    }

    /// The place of a column by its name.
    pub(in crate::data) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// A row, as messages name it.
    pub(in crate::data) fn place(&self, row: usize) -> String {
        format!("{}: line {}", self.path.display(), self.lines[row])
    }

    /// A column, as messages name it.
    pub(in crate::data) fn place_of(&self, column: usize) -> String {
        format!("{}: column {:?}", self.path.display(), self.names[column])
    }

    /// An error at a cell.
    pub(in crate::data) fn refuse_cell(
        &self,
        row: usize,
        column: usize,
        what: impl std::fmt::Display,
        help: &str,
    ) -> Error {
        let name = &self.names[column];
        self.refuse_at(
            self.lines[row].into(),
            format_args!("column {name:?}: {what}"),
            help,
        )
    }

    fn refuse_at(&self, line: u64, what: impl std::fmt::Display, help: &str) -> Error {
        refuse(&self.path, format_args!("line {line}: {what}"), help)
    }

    /// An error of the whole file.
    pub(in crate::data) fn refuse(&self, what: impl std::fmt::Display, help: &str) -> Error {
        refuse(&self.path, what, help)
    }
}

fn refuse(path: &Path, what: impl std::fmt::Display, help: &str) -> Error {
    Error::data(format!("{}: {what}", path.display()), help)
}

/// What parts the cells: of four characters the one that the first line, outside of quotes, holds most of.
fn delimiter(text: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => {
                let known = counts.iter_mut().find(|(delimiter, _)| *delimiter == byte);
                if let Some((_, count)) = known {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
    // Of equal counts the first.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let found = counts.iter().find(|(_, count)| *count == most);
    found.map_or(b',', |(delimiter, _)| *delimiter)
}

/// Whether a cell says that there is no value.
pub(in crate::data) fn is_missing(cell: &str) -> bool {
    cell.len() <= 4 && MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// The number that a cell holds, if it is a finite one.
pub(in crate::data) fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}
