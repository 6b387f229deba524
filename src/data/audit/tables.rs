//! Tables: rows that are there twice, cells that are not there, columns that say nothing.

use std::collections::BTreeSet;
use std::path::Path;

use super::fingerprint::{equal_groups, exact};
use super::{Finding, Kind, Report, Sample, agree, imbalance};
use crate::data::table::{self, Cells, is_missing, number};
use crate::error::{Error, Result};

/// A target of numbers with at most so many different values is taken for classes.
const FEW: usize = 20;
/// So many lines of missing values are named.
const LINES: usize = 5;

/// A table with what is found in its rows.
pub(super) struct Rows {
    pub(super) samples: Vec<Sample>,
    /// The table and the row of each sample.
    pub(super) of: Vec<(usize, usize)>,
    /// Samples that are the same but for their target.
    pub(super) groups: Vec<Vec<usize>>,
}

pub(super) fn check(path: &Path, target: Option<&str>) -> Result<Report> {
    let mut findings = Vec::new();
    let mut tables = Vec::new();
    let mut parts = Vec::new();
    for (part, file) in table::find(path)?.into_iter().enumerate() {
        let Some(file) = file else { continue };
        match Cells::read(&file) {
            Ok(cells) => {
                tables.push(cells);
                parts.push(part);
            }
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => findings.push(Finding {
                kind: Kind::Damaged,
                what: error.to_string(),
                places: vec![file.display().to_string()],
            }),
        }
    }
    let mut report = Report {
        samples: tables.iter().map(Cells::rows).sum(),
        classes: 0,
        findings,
    };
    if tables.is_empty() {
        return Ok(report);
    }
    let target = target_of(&tables[0], target)?;
    for cells in &tables {
        report.findings.extend(columns(cells));
    }
    let mut rows = rows(&tables, &parts, &target)?;
    let train = || rows.samples.iter().filter(|sample| sample.part == 0);
    let labels: BTreeSet<&str> = train().map(|sample| sample.label.as_str()).collect();
    let is_numbers = labels.iter().all(|label| number(label).is_some());
    if is_numbers && labels.len() > FEW {
        let samples = &rows.samples;
        rows.groups.retain(|group| agree(group, samples));
    } else {
        let classes: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        report.classes = classes.len();
        let labels = train().map(|sample| sample.label.as_str());
        report.findings.extend(imbalance(labels, &classes));
    }
    let groups = super::of_groups(&rows.groups, &rows.samples, false);
    report.findings.extend(groups);
    Ok(report)
}

/// The column that is predicted: the one that is told, or else the last.
pub(super) fn target_of(cells: &Cells, target: Option<&str>) -> Result<String> {
    match target {
        None => Ok(cells.names[cells.names.len() - 1].clone()),
        Some(target) if cells.column(target).is_some() => Ok(target.to_owned()),
        Some(target) => Err(table::missing_column(cells, target)),
    }
}

/// Missing values and columns that never change.
fn columns(cells: &Cells) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (column, name) in cells.names.iter().enumerate() {
        let is_gap = |row: &usize| is_missing(cells.cell(*row, column));
        let gaps: Vec<usize> = (0..cells.rows()).filter(is_gap).collect();
        if !gaps.is_empty() {
            findings.push(Finding {
                kind: Kind::Missing,
                what: format!(
                    "column {name:?} lacks {} of {} values",
                    gaps.len(),
                    cells.rows()
                ),
                places: gaps
                    .iter()
                    .take(LINES)
                    .map(|&row| cells.place(row))
                    .collect(),
            });
        }
        let mut filled = (0..cells.rows())
            .filter(|row| !is_gap(row))
            .map(|row| cells.cell(row, column));
        if let Some(first) = filled.next()
            && cells.rows() > 1
            && filled.all(|cell| cell == first)
        {
            findings.push(Finding {
                kind: Kind::Constant,
                what: format!("column {name:?} is {first:?} in every row"),
                places: Vec::new(),
            });
        }
        findings.extend(slip(cells, column));
    }
    findings
}

/// A text in a column of numbers.
fn slip(cells: &Cells, column: usize) -> Option<Finding> {
    let filled = (0..cells.rows()).filter(|&row| !is_missing(cells.cell(row, column)));
    let (numbers, texts): (Vec<usize>, Vec<usize>) =
        filled.partition(|&row| number(cells.cell(row, column)).is_some());
    (!texts.is_empty() && numbers.len() > texts.len()).then(|| Finding {
        kind: Kind::Damaged,
        what: format!(
            "column {:?} holds numbers, but {} texts as well",
            cells.names[column],
            texts.len()
        ),
        places: texts
            .iter()
            .take(LINES)
            .map(|&row| cells.place(row))
            .collect(),
    })
}

/// Names of columns that number the rows and say nothing of what is in them.
fn is_number_of_row(name: &str) -> bool {
    let name = name.to_lowercase();
    matches!(name.as_str(), "id" | "index" | "row" | "no" | "nr" | "#") || name.ends_with("_id")
}

/// The rows of all tables, and those that are the same but for target and numbering.
pub(super) fn rows(tables: &[Cells], parts: &[usize], target: &str) -> Result<Rows> {
    let names: Vec<&String> = (tables[0].names.iter())
        .filter(|name| *name != target && !is_number_of_row(name))
        .collect();
    let mut rows = Rows {
        samples: Vec::new(),
        of: Vec::new(),
        groups: Vec::new(),
    };
    let mut keys = Vec::new();
    for (table, (cells, &part)) in tables.iter().zip(parts).enumerate() {
        let place = |name: &str| {
            cells
                .column(name)
                .ok_or_else(|| table::missing_column(cells, name))
        };
        let places = names
            .iter()
            .map(|name| place(name))
            .collect::<Result<Vec<_>>>()?;
        let target = place(target)?;
        for row in 0..cells.rows() {
            // Numbers are the same however they are written.
            let key: Vec<String> = (places.iter())
                .map(|&place| cells.cell(row, place))
                .map(|cell| {
                    number(cell).map_or_else(|| cell.to_owned(), |number| number.to_string())
                })
                .collect();
            keys.push(exact(&key, &[]));
            rows.of.push((table, row));
            rows.samples.push(Sample {
                place: cells.place(row),
                part,
                label: cells.cell(row, target).to_owned(),
            });
        }
    }
    if !names.is_empty() {
        rows.groups = equal_groups(keys.into_iter());
    }
    Ok(rows)
}
