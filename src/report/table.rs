//! `metrics.csv` read back: what is drawn and told of a run follows from the rows that are in it, also after a resume.

use std::fs;
use std::path::Path;

use super::METRICS;
use crate::error::{Error, Result};

/// `metrics.csv` is at most this large; 64 MiB are half a million epochs.
const MAX_BYTES: u64 = 64 << 20;

/// The rows of a `metrics.csv`: one per epoch, a number or nothing in each column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Option<f64>>>,
}

impl Table {
    /// Reads the metrics of a run folder.
    ///
    /// # Errors
    /// If the file is not there, too large, or not a table of numbers. A last row without its end is one that is being written,
    /// and left out.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join(METRICS);
        let size = fs::metadata(&path).map_err(|error| Error::io(&path, "read", error))?;
        if size.len() > MAX_BYTES {
            return Err(damaged(&path, "larger than 64 MiB"));
        }
        let bytes = fs::read(&path).map_err(|error| Error::io(&path, "read", error))?;
        Self::parse(&String::from_utf8_lossy(&bytes)).map_err(|why| damaged(&path, &why))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.split_inclusive('\n').zip(1..);
        let (header, _) = lines.next().ok_or("it is empty")?;
        let columns: Vec<String> = header.trim_end().split(',').map(str::to_owned).collect();
        if !["epoch", "step"]
            .iter()
            .all(|name| columns.iter().any(|column| column == name))
        {
            return Err("the first line does not name the columns `epoch` and `step`".to_owned());
        }
        let mut table = Self {
            columns,
            rows: Vec::new(),
        };
        for (line, number) in lines {
            if !line.ends_with('\n') {
                break;
            }
            let row = table
                .row(line)
                .map_err(|why| format!("line {number} {why}"))?;
            table.rows.push(row);
        }
        Ok(table)
    }

    /// Reads a line of the table.
    pub(super) fn row(&self, line: &str) -> Result<Vec<Option<f64>>, String> {
        let cells = line.trim_end().split(',').map(|cell| match cell {
            "" => Ok(None),
            cell => cell.parse().map(Some),
        });
        let row: Vec<Option<f64>> = cells
            .collect::<Result<_, _>>()
            .map_err(|_| "holds what is not a number")?;
        if row.len() != self.columns.len() {
            let (found, wanted) = (row.len(), self.columns.len());
            return Err(format!("has {found} fields, not {wanted}"));
        }
        Ok(row)
    }

    /// Where a column stands.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The numbers of a column against those of `epoch`; rows without one, or with one that is not finite, are left out.
    pub fn points(&self, name: &str) -> Vec<(f64, f64)> {
        let (Some(x), Some(y)) = (self.position("epoch"), self.position(name)) else {
            return Vec::new();
        };
        let rows = self.rows.iter();
        let points = rows.filter_map(|row| Some((row[x]?, row[y]?)));
        points
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect()
    }

    /// The names of what is measured on a part of the data: `loss` of `train_loss`.
    pub fn metrics(&self) -> Vec<&str> {
        let names = self.columns.iter();
        names
            .filter_map(|name| name.strip_prefix("train_"))
            .collect()
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::data(
        format!("{}: damaged: {why}", path.display()),
        "it was changed since it was written; restore it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mutate::mutate;
    use crate::rng::{Sequence, Stream};

    const TEXT: &str = "epoch,step,train_loss,validation_loss\n1,10,0.5,\n2,20,0.25,1e-3\n";

    #[test]
    fn rows_are_numbers_or_nothing() {
        let table = Table::parse(TEXT).unwrap();
        assert_eq!(table.points("train_loss"), [(1.0, 0.5), (2.0, 0.25)]);
        assert_eq!(table.points("validation_loss"), [(2.0, 1e-3)]);
        assert_eq!(table.points("none"), []);
        assert_eq!(table.metrics(), ["loss"]);
    }

    #[test]
    fn a_row_that_is_being_written_is_not_yet_there() {
        let cut = &TEXT[..TEXT.len() - 4];
        assert_eq!(Table::parse(cut).unwrap().rows.len(), 1);
    }

    #[test]
    fn what_is_no_table_of_numbers_is_refused() {
        for text in ["", "a,b\n", "epoch,step\n1\n", "epoch,step\n1,x\n"] {
            assert!(Table::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn damaged_tables_are_read_or_refused_and_nothing_else() {
        let mut sequence = Sequence::new(32, Stream::Test, 0);
        for _ in 0..2000 {
            let mut bytes = TEXT.as_bytes().to_vec();
            mutate(&mut bytes, &mut sequence);
            if let Ok(table) = Table::parse(&String::from_utf8_lossy(&bytes)) {
                assert!(
                    table
                        .rows
                        .iter()
                        .all(|row| row.len() == table.columns.len()),
                    "rows are whole"
                );
            }
        }
    }
}
