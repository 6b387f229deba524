//! Tables: a CSV file whose rows are samples, one of whose columns is what shall be predicted.

mod cells;
mod encoding;
#[cfg(test)]
mod tests;
mod words;

use std::path::{Path, PathBuf};

pub(super) use self::cells::{Cells, is_missing, number};
pub(super) use self::encoding::missing_column;
pub use self::encoding::{Column, Encoding, Kind, MAX_CATEGORIES, MAX_FEATURES};
use self::encoding::{missing_value, shown, some};
pub use self::words::{PAD, TextColumn, UNKNOWN, Unit, Vocabulary};
use super::{
    Dataset, HoldOut, Known, MAX_CLASSES, Parts, Samples, Targets, files, refuse_one_class,
    refuse_too_large, split,
};
use crate::error::{Error, Result};

/// How a table is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The column to be predicted; without one, the last.
    pub target: Option<String>,
    /// Whether the target is a number, else a class.
    pub regression: bool,
    /// A column that says how much each row counts.
    pub weight: Option<String>,
    /// Columns that are not looked at.
    pub ignore: Vec<String>,
    /// Columns whose numbers are names.
    pub categorical: Vec<String>,
    /// Categories become one number each, in their order, instead of a number for every category.
    pub ordinal: bool,
    /// What is done about missing values.
    pub missing: Missing,
    /// A column of texts, which is then the only one that is learned from.
    pub text: Option<TextColumn>,
}

/// What is done about missing values. A row without a target is never learned from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They are refused.
    #[default]
    Refuse,
    /// Rows with one are left out.
    Drop,
    /// The mean of the training part stands in for a number, its most frequent category for a category.
    Fill,
}

/// The files of a table in the order training, validation, test; the latter two may be missing.
const FILES: [(&str, &[&str]); 3] = [
    ("training", &["train.csv", "train.tsv"]),
    (
        "validation",
        &["validation.csv", "valid.csv", "val.csv", "validation.tsv"],
    ),
    ("test", &["test.csv", "test.tsv"]),
];

/// A row of one of the files.
#[derive(Clone, Copy)]
struct Row {
    file: usize,
    row: usize,
}

/// Reads a table: a CSV file, or a folder with `train.csv` and, if there are, `validation.csv` and `test.csv`.
///
/// Where a trained network is `known`, cells become the numbers that it was trained on.
///
/// # Errors
/// With file, line and column: whatever is wrong with a cell; what the columns lack.
pub fn load(
    path: &Path,
    options: &Options,
    hold_out: &HoldOut,
    known: Option<&Known<'_>>,
) -> Result<Dataset> {
    let files = find(path)?;
    let tables = (files.iter().flatten())
        .map(|path| Cells::read(path))
        .collect::<Result<Vec<_>>>()?;
    let first = &tables[0];
    let target = match (known.and_then(|known| known.encoding), &options.target) {
        (Some(encoding), _) => encoding.target.clone(),
        (None, Some(target)) => target.clone(),
        (None, None) => first.names[first.names.len() - 1].clone(),
    };
    let mut encoding = match known.and_then(|known| known.encoding) {
        Some(encoding) => encoding.clone(),
        None => columns(first, &target, options)?,
    };
    let reader = Reader {
        places: (tables.iter())
            .map(|cells| encoding.find(cells))
            .collect::<Result<_>>()?,
        targets: places(&tables, &target)?,
        weights: match &options.weight {
            Some(weight) => Some(places(&tables, weight)?),
            None => None,
        },
        tables: &tables,
    };
    // The rows that are read, in the parts that the files are.
    let mut counts = [0; 3];
    let mut rows = Vec::new();
    let parts = files.iter().enumerate().filter(|(_, path)| path.is_some());
    for (file, (part, _)) in parts.enumerate() {
        let kept = (0..tables[file].rows()).map(|row| Row { file, row });
        let kept: Vec<Row> = match options.missing {
            Missing::Refuse => kept.collect(),
            Missing::Drop => kept.filter(|&row| reader.is_whole(row)).collect(),
            Missing::Fill => kept.filter(|&row| reader.has_target(row)).collect(),
        };
        if kept.is_empty() {
            return Err(tables[file].refuse(
                "every row lacks a value",
                "leave columns out with ignore = […] under [data], or fill cells in",
            ));
        }
        counts[part] = kept.len();
        rows.extend(kept);
    }
    let targets = if options.regression {
        reader.values(&rows, target.clone())?
    } else {
        reader.classes(&rows, known)?
    };
    let (order, parts) = split::arrange(targets.labels(), &Parts::of(counts), hold_out)?;
    let rows: Vec<Row> = order.iter().map(|&number| rows[number]).collect();
    if let (Some(column), None) = (&options.text, known) {
        reader.fit_text(&mut encoding, column, &rows[parts.train.clone()])?;
    } else if options.missing == Missing::Fill && known.is_none() {
        reader.fit_fill(&mut encoding, &rows[parts.train.clone()])?;
    }
    let shown = path.display().to_string();
    refuse_too_large(
        &shown,
        rows.len(),
        encoding.width() * 4,
        "use fewer rows, or leave columns out with ignore = […] under [data]",
    )?;
    Ok(Dataset {
        name: files::name_of(path, "table"),
        sample_shape: [1, 1, encoding.width()],
        samples: reader.samples(&rows, &encoding, options.missing)?,
        targets: match targets {
            Targets::Classes { labels, names } => Targets::Classes {
                labels: super::in_order(labels, &order, 1),
                names,
            },
            Targets::Values { values, names } => Targets::Values {
                values: super::in_order(values, &order, 1),
                names,
            },
            Targets::Next { .. } => unreachable!("rows of a table have classes or numbers"),
        },
        weights: reader.sample_weights(&rows)?,
        parts,
        encoding: Some(encoding),
    })
}

/// The rows of a file as a trained network sees them, and the line of each; the target need not be there.
///
/// # Errors
/// As [`load`].
pub fn rows(path: &Path, encoding: &Encoding) -> Result<(Samples, Vec<u32>)> {
    let cells = Cells::read(path)?;
    let places = encoding.find(&cells)?;
    let count = cells.rows();
    refuse_too_large(
        &path.display().to_string(),
        count,
        encoding.width() * 4,
        "split the file",
    )?;
    let all = (0..count).map(|row| (&cells, row, &places[..]));
    let samples = encoding.samples(all, count, Missing::Refuse)?;
    Ok((samples, (0..count).map(|row| cells.line(row)).collect()))
}

/// The files of training, validation and test; the first is always there.
pub(super) fn find(path: &Path) -> Result<[Option<PathBuf>; 3]> {
    if path.is_file() {
        return Ok([Some(path.to_owned()), None, None]);
    }
    if !path.is_dir() {
        return Err(Error::data(
            format!("{}: no such file or folder", path.display()),
            "name a CSV file, or a folder that holds train.csv, with --data or with `path` under [data]",
        ));
    }
    let found = FILES.map(|(_, names)| {
        let mut paths = names.iter().map(|name| path.join(name));
        paths.find(|path| path.is_file())
    });
    if found[0].is_none() {
        return Err(Error::data(
            format!("{}: it holds no train.csv", path.display()),
            "name the CSV file itself, or put train.csv into the folder and, if there are, validation.csv and test.csv",
        ));
    }
    Ok(found)
}

/// Where a column stands in each file.
fn places(tables: &[Cells], name: &str) -> Result<Vec<usize>> {
    let place = |cells: &Cells| {
        cells
            .column(name)
            .ok_or_else(|| missing_column(cells, name))
    };
    tables.iter().map(place).collect()
}

/// What the columns of a table hold: numbers, or else texts. The training file decides.
fn columns(cells: &Cells, target: &str, options: &Options) -> Result<Encoding> {
    for name in options.ignore.iter().chain(&options.categorical) {
        if cells.column(name).is_none() {
            return Err(missing_column(cells, name));
        }
    }
    if let Some(text) = &options.text {
        return text_alone(cells, target, text, options);
    }
    let mut columns = Vec::new();
    for (place, name) in cells.names.iter().enumerate() {
        if name == target || options.weight.as_ref() == Some(name) || options.ignore.contains(name)
        {
            continue;
        }
        columns.push(Column {
            name: name.clone(),
            kind: kind(cells, place, options)?,
            fill: None,
        });
    }
    let encoding = Encoding {
        columns,
        target: target.to_owned(),
    };
    if encoding.columns.is_empty() {
        return Err(cells.refuse(
            "there is no column to learn from",
            "a table has columns beside its target",
        ));
    }
    if encoding.width() > MAX_FEATURES {
        let what = format!(
            "a row becomes {} numbers, more than {MAX_FEATURES}",
            encoding.width()
        );
        return Err(cells.refuse(what, "leave columns out with ignore = […] under [data]"));
    }
    Ok(encoding)
}

/// The encoding of a column of texts, whose vocabulary is not known yet.
fn text_alone(
    cells: &Cells,
    target: &str,
    text: &TextColumn,
    options: &Options,
) -> Result<Encoding> {
    let name = &text.name;
    if cells.column(name).is_none() {
        return Err(missing_column(cells, name));
    }
    if name == target || options.weight.as_ref() == Some(name) {
        let what =
            format_args!("column {name:?} is the text, and cannot be target or weight as well");
        return Err(cells.refuse(
            what,
            "name the column to be predicted as `target` under [data]",
        ));
    }
    let vocabulary = Vocabulary::fit(text, std::iter::empty());
    Ok(Encoding {
        columns: vec![Column {
            name: name.clone(),
            kind: Kind::Text(vocabulary),
            fill: None,
        }],
        target: target.to_owned(),
    })
}

fn kind(cells: &Cells, place: usize, options: &Options) -> Result<Kind> {
    let name = &cells.names[place];
    let filled = || (0..cells.rows()).filter(|&row| !is_missing(cells.cell(row, place)));
    let declared = options.categorical.contains(name);
    let strange = filled().find(|&row| number(cells.cell(row, place)).is_none());
    let (false, Some(strange)) = (declared, strange) else {
        return if declared {
            categories(cells, place, options)
        } else if filled().next().is_none() {
            Err(cells.refuse(
                format_args!("column {name:?} holds no value"),
                "leave it out with ignore = […] under [data]",
            ))
        } else {
            Ok(Kind::Number)
        };
    };
    // A column of numbers with a slip is no column of texts.
    let numbers = filled()
        .filter(|&row| number(cells.cell(row, place)).is_some())
        .count();
    if 2 * numbers > filled().count() {
        return Err(cells.refuse_cell(
            strange,
            place,
            format_args!(
                "{} is not a finite number, but most cells of the column are",
                shown(cells.cell(strange, place))
            ),
            "mend the cell; if the column holds names, list it under [data] in `categorical`, or in `ignore`",
        ));
    }
    categories(cells, place, options)
}

fn categories(cells: &Cells, place: usize, options: &Options) -> Result<Kind> {
    let mut categories = std::collections::BTreeSet::new();
    for row in 0..cells.rows() {
        let cell = cells.cell(row, place);
        if !is_missing(cell) && !categories.contains(cell) {
            categories.insert(cell);
            if categories.len() > MAX_CATEGORIES {
                return Err(cells.refuse(
                    format_args!(
                        "column {:?} holds more than {MAX_CATEGORIES} different texts",
                        cells.names[place]
                    ),
                    "leave it out with ignore = […] under [data]: it names the rows",
                ));
            }
        }
    }
    let categories = categories.into_iter().map(str::to_owned).collect();
    Ok(if options.ordinal {
        Kind::Ordinal(categories)
    } else {
        Kind::OneHot(categories)
    })
}

/// The files of a table and where in each the columns stand.
struct Reader<'a> {
    tables: &'a [Cells],
    /// Of the encoding's columns, for each file.
    places: Vec<Vec<usize>>,
    targets: Vec<usize>,
    weights: Option<Vec<usize>>,
}

impl Reader<'_> {
    fn target(&self, row: Row) -> &str {
        self.tables[row.file].cell(row.row, self.targets[row.file])
    }

    fn has_target(&self, row: Row) -> bool {
        let weight = self.weights.as_ref().map(|places| places[row.file]);
        let weighs =
            weight.is_none_or(|place| !is_missing(self.tables[row.file].cell(row.row, place)));
        weighs && !is_missing(self.target(row))
    }

    fn is_whole(&self, row: Row) -> bool {
        let cells = &self.tables[row.file];
        let mut places = self.places[row.file].iter();
        self.has_target(row) && places.all(|&place| !is_missing(cells.cell(row.row, place)))
    }

    /// The targets as numbers.
    fn values(&self, rows: &[Row], name: String) -> Result<Targets> {
        let column = Column {
            name: name.clone(),
            kind: Kind::Number,
            fill: None,
        };
        let value = |&Row { file, row }: &Row| {
            let (cells, place) = (&self.tables[file], self.targets[file]);
            match column.value(cells, row, place)? {
                #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
                Some(value) => Ok(value as f32),
                None => Err(missing_value(cells, row, place)),
            }
        };
        Ok(Targets::Values {
            values: rows.iter().map(value).collect::<Result<_>>()?,
            names: vec![name],
        })
    }

    /// The targets as classes: those that are known, or else all texts there are, by number or by letter.
    fn classes(&self, rows: &[Row], known: Option<&Known<'_>>) -> Result<Targets> {
        let missing = rows.iter().find(|&&row| is_missing(self.target(row)));
        if let Some(&Row { file, row }) = missing {
            return Err(missing_value(&self.tables[file], row, self.targets[file]));
        }
        let names = match known {
            Some(known) => known.classes.to_vec(),
            None => {
                let names: std::collections::BTreeSet<&str> =
                    rows.iter().map(|&row| self.target(row)).collect();
                let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                if names.iter().all(|name| number(name).is_some()) {
                    let value = |name: &String| number(name).unwrap_or_default();
                    names.sort_by(|a, b| value(a).total_cmp(&value(b)));
                }
                names
            }
        };
        let cells = &self.tables[0];
        if names.len() > MAX_CLASSES {
            return Err(cells.refuse(
                format_args!("column {:?} has {} classes, more than {MAX_CLASSES}", cells.names[self.targets[0]], names.len()),
                "to predict a number, use the loss mse; the column to be predicted is `target` under [data]",
            ));
        }
        let place = cells.place_of(self.targets[0]);
        refuse_one_class(&place, &names)?;
        let mut sorted: Vec<(&str, u32)> = names.iter().map(String::as_str).zip(0..).collect();
        sorted.sort_unstable();
        let label = |&row: &Row| {
            let text = self.target(row);
            let found = sorted.binary_search_by(|(name, _)| (*name).cmp(text));
            found.map(|place| sorted[place].1).map_err(|_| {
                self.tables[row.file].refuse_cell(
                    row.row,
                    self.targets[row.file],
                    format_args!(
                        "{} is no class the network knows: {}",
                        shown(text),
                        some(&names)
                    ),
                    "evaluate on data with the classes it was trained on",
                )
            })
        };
        Ok(Targets::Classes {
            labels: rows.iter().map(label).collect::<Result<_>>()?,
            names: names.clone(),
        })
    }

    /// How much each row counts, if a column says so.
    fn sample_weights(&self, rows: &[Row]) -> Result<Option<Vec<f32>>> {
        let Some(places) = &self.weights else {
            return Ok(None);
        };
        let weight = |&Row { file, row }: &Row| {
            let (cells, place) = (&self.tables[file], places[file]);
            match number(cells.cell(row, place)) {
                #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
                Some(weight) if (0.0..=1e9).contains(&weight) => Ok(weight as f32),
                _ => Err(cells.refuse_cell(
                    row,
                    place,
                    format_args!(
                        "{} is not a weight from 0 to 1e9",
                        shown(cells.cell(row, place))
                    ),
                    "mend the cell, or leave `weight` out of [data]",
                )),
            }
        };
        rows.iter().map(weight).collect::<Result<_>>().map(Some)
    }

    /// Fits what stands in for missing values to the training part.
    fn fit_fill(&self, encoding: &mut Encoding, train: &[Row]) -> Result<()> {
        for (index, column) in encoding.columns.iter_mut().enumerate() {
            let mut values = Vec::new();
            for &Row { file, row } in train {
                values.extend(column.value(&self.tables[file], row, self.places[file][index])?);
            }
            if values.is_empty() {
                return Err(self.tables[0].refuse(
                    format_args!(
                        "column {:?} holds no value in the training part",
                        column.name
                    ),
                    "leave it out with ignore = […] under [data]",
                ));
            }
            column.fill = Some(match column.kind {
                Kind::Number => values.iter().sum::<f64>() / values.len() as f64,
                Kind::OneHot(_) | Kind::Ordinal(_) => most_frequent(values),
                Kind::Text(_) => unreachable!("a text has a vocabulary"),
            });
        }
        Ok(())
    }

    /// Fits the vocabulary of the one column to the training part.
    fn fit_text(&self, encoding: &mut Encoding, text: &TextColumn, train: &[Row]) -> Result<()> {
        let texts = train
            .iter()
            .map(|&Row { file, row }| self.tables[file].cell(row, self.places[file][0]));
        let vocabulary = Vocabulary::fit(text, texts);
        if vocabulary.tokens.len() == 2 {
            return Err(self.tables[0].refuse(
                format_args!("column {:?} holds no text in the training part", text.name),
                "name the column of texts as `text` under [data]",
            ));
        }
        encoding.columns[0].kind = Kind::Text(vocabulary);
        Ok(())
    }

    fn samples(&self, rows: &[Row], encoding: &Encoding, missing: Missing) -> Result<Samples> {
        let all = rows
            .iter()
            .map(|&Row { file, row }| (&self.tables[file], row, &self.places[file][..]));
        encoding.samples(all, rows.len(), missing)
    }
}

/// Of equally frequent values the smallest.
fn most_frequent(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let runs = values.chunk_by(|a, b| a == b);
    let longest = runs.reduce(|best, run| if run.len() > best.len() { run } else { best });
    longest.map_or(0.0, |run| run[0])
}
