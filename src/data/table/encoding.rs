//! From the cells of a row to the numbers that a network sees, and what must be remembered for it.

use serde::{Deserialize, Serialize};

use super::Missing;
use super::cells::{Cells, is_missing, number};
use super::words::Vocabulary;
use crate::data::Samples;
use crate::error::{Error, Result};

/// A column with more different texts than this names its rows; it does not sort them.
pub const MAX_CATEGORIES: usize = 1000;
/// A row of a table becomes at most so many numbers.
pub const MAX_FEATURES: usize = 1 << 16;

/// How the rows of a table become samples; part of a trained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// The columns that are read, in the order of the features.
    pub columns: Vec<Column>,
    /// The column with what is to be predicted.
    pub target: String,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name in the first line, or its number.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What stands in for a missing value: the mean of the training part, or the place of its most frequent category. Without it, a
    /// missing value is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f64>,
}

/// What a column holds, and the numbers it becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Numbers, as they are.
    Number,
    /// One of these texts: a number each, of which one is 1 and the others 0.
    OneHot(Vec<String>),
    /// One of these texts, in their order: 0, 1, 2, …
    Ordinal(Vec<String>),
    /// Texts, which become rows of tokens; the only column.
    Text(Vocabulary),
}

impl Column {
    /// How many numbers it becomes.
    pub fn width(&self) -> usize {
        match &self.kind {
            Kind::OneHot(categories) => categories.len(),
            Kind::Number | Kind::Ordinal(_) => 1,
            Kind::Text(vocabulary) => vocabulary.length,
        }
    }

    /// The number of a cell, or the place of its category; `None` where the value is missing.
    pub(super) fn value(&self, cells: &Cells, row: usize, column: usize) -> Result<Option<f64>> {
        const MAX: f64 = f32::MAX as f64;
        let cell = cells.cell(row, column);
        if is_missing(cell) {
            return Ok(None);
        }
        match &self.kind {
            Kind::Number => match number(cell) {
                Some(number) if number.abs() <= MAX => Ok(Some(number)),
                _ => Err(cells.refuse_cell(
                    row,
                    column,
                    format_args!("{} is not a number below 3.4e38", shown(cell)),
                    "mend the cell; a column of texts is named under [data] in `categorical`, one to be left out in `ignore`",
                )),
            },
            Kind::Text(_) => unreachable!("a text has tokens, no value"),
            Kind::OneHot(categories) | Kind::Ordinal(categories) => {
                // They are sorted.
                match categories.binary_search_by(|known| known.as_str().cmp(cell)) {
                    Ok(place) => Ok(Some(place as f64)),
                    Err(_) => Err(cells.refuse_cell(
                        row,
                        column,
                        format_args!("{} is none of the categories that were trained on: {}", shown(cell), some(categories)),
                        "mend or drop the row, or train again with such rows",
                    )),
                }
            }
        }
    }

    /// Appends the numbers of a value.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded once to f32; a place among the categories"
    )]
    fn push(&self, value: f64, features: &mut Vec<f32>) {
        match &self.kind {
            Kind::Number | Kind::Ordinal(_) => features.push(value as f32),
            Kind::OneHot(categories) => {
                let begin = features.len();
                features.resize(begin + categories.len(), 0.0);
                features[begin + value as usize] = 1.0;
            }
            Kind::Text(_) => unreachable!("a text has tokens, no value"),
        }
    }
}

impl Encoding {
    /// How many numbers a row becomes.
    pub fn width(&self) -> usize {
        self.columns.iter().map(Column::width).sum()
    }

    /// The tokens of the column of texts, where samples are texts.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.columns.iter().find_map(|column| match &column.kind {
            Kind::Text(vocabulary) => Some(vocabulary),
            _ => None,
        })
    }

    /// Whether each of the numbers of a row is to be normalised: one-hot ones are not.
    pub fn is_normalised(&self) -> Vec<bool> {
        let of = |column: &Column| {
            let one_hot = matches!(column.kind, Kind::OneHot(_));
            std::iter::repeat_n(!one_hot, column.width())
        };
        self.columns.iter().flat_map(of).collect()
    }

    /// Where the columns stand in a file.
    ///
    /// # Errors
    /// If one is not there.
    pub(super) fn find(&self, cells: &Cells) -> Result<Vec<usize>> {
        let columns = self.columns.iter().map(|column| {
            cells
                .column(&column.name)
                .ok_or_else(|| missing_column(cells, &column.name))
        });
        columns.collect()
    }

    /// Appends the numbers of a row; `places` is what [`Self::find`] gave.
    ///
    /// # Errors
    /// If a cell is not what its column holds, or is missing and nothing stands in for it.
    pub(super) fn encode(
        &self,
        cells: &Cells,
        row: usize,
        places: &[usize],
        features: &mut Vec<f32>,
    ) -> Result<()> {
        for (column, &place) in self.columns.iter().zip(places) {
            let value = column.value(cells, row, place)?.or(column.fill);
            let Some(value) = value else {
                return Err(missing_value(cells, row, place));
            };
            column.push(value, features);
        }
        Ok(())
    }

    /// The samples that `count` rows become, each with its table and what [`Self::find`] gave for it.
    ///
    /// # Errors
    /// As [`Self::encode`]. A text that is missing is one without tokens, unless missing values are to be refused.
    pub(super) fn samples<'a>(
        &self,
        rows: impl Iterator<Item = (&'a Cells, usize, &'a [usize])>,
        count: usize,
        missing: Missing,
    ) -> Result<Samples> {
        let Some(vocabulary) = self.vocabulary() else {
            let mut features = Vec::with_capacity(count * self.width());
            for (cells, row, places) in rows {
                self.encode(cells, row, places, &mut features)?;
            }
            return Ok(Samples::Floats(features));
        };
        let numbers = vocabulary.numbers();
        let mut ids = Vec::with_capacity(count * vocabulary.length);
        for (cells, row, places) in rows {
            let text = cells.cell(row, places[0]);
            if missing == Missing::Refuse && is_missing(text) {
                return Err(missing_value(cells, row, places[0]));
            }
            vocabulary.push(text, &numbers, &mut ids);
        }
        Ok(Samples::Ids(ids))
    }

    /// Whether the numbers can be an encoding's, which may come from a file.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn check(&self) -> Result<(), String> {
        if self.columns.is_empty() || self.width() > MAX_FEATURES {
            return Err(format!("a row of a table has {} numbers", self.width()));
        }
        if let (Some(_), [_, _, ..]) = (self.vocabulary(), &self.columns[..]) {
            return Err("there are columns beside one of texts".to_owned());
        }
        for column in &self.columns {
            let bound = match &column.kind {
                Kind::Text(vocabulary) => {
                    vocabulary.check()?;
                    continue;
                }
                Kind::Number => f64::from(f32::MAX),
                Kind::OneHot(categories) | Kind::Ordinal(categories) => {
                    if categories.is_empty() || !categories.is_sorted_by(|a, b| a < b) {
                        return Err(format!(
                            "the categories of {:?} are not sorted",
                            column.name
                        ));
                    }
                    (categories.len() - 1) as f64
                }
            };
            let low = if column.kind == Kind::Number {
                -bound
            } else {
                0.0
            };
            if column
                .fill
                .is_some_and(|fill| !(low..=bound).contains(&fill))
            {
                return Err(format!("`fill` of {:?} is no value of it", column.name));
            }
        }
        Ok(())
    }
}

/// A value is missing and may not be.
pub(super) fn missing_value(cells: &Cells, row: usize, column: usize) -> Error {
    cells.refuse_cell(
        row,
        column,
        "the value is missing",
        "fill the cell in, or choose under [data]: missing = \"drop\" leaves such rows out, missing = \"fill\" takes the mean or \
         the most frequent category; ignore = […] leaves columns out",
    )
}

pub(in crate::data) fn missing_column(cells: &Cells, name: &str) -> Error {
    cells.refuse(
        format_args!("there is no column {name:?}; the columns are {}", some(&cells.names)),
        "name the columns as in the first line of the table; without such a line they are \"1\", \"2\", …",
    )
}

/// A text from a file, cut and with control characters escaped.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}

/// A few of these texts.
pub(super) fn some(texts: &[String]) -> String {
    const SHOWN: usize = 8;
    let first: Vec<String> = texts.iter().take(SHOWN).map(|text| shown(text)).collect();
    match texts.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
