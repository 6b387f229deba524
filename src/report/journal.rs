//! What grows beside `metrics.csv` while a run lasts: the same rows as JSON lines, and as scalars for TensorBoard.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::table::Table;
use super::tensorboard;
use crate::error::{Error, Result};

/// An object a line, with the names of the columns.
pub(super) const LINES: &str = "metrics.jsonl";
/// TensorBoard reads files with `tfevents` in their name.
pub(super) const EVENTS: &str = "events.out.tfevents.0.anygrad";

/// The files beside `metrics.csv`, which follow it row by row.
#[derive(Debug)]
pub(super) struct Journal {
    run: PathBuf,
    open: Option<Open>,
}

/// The files once there are rows in them.
#[derive(Debug)]
struct Open {
    /// A table without rows: the columns.
    table: Table,
    /// Lines, events.
    files: [File; 2],
}

impl Journal {
    /// Follows the metrics of a run from their first row on; nothing is written before a row is there.
    pub(super) fn new(run: &Path) -> Self {
        Self {
            run: run.to_owned(),
            open: None,
        }
    }

    /// Adds the newest row of `metrics.csv`, just written. The first time all of them are: they may be those of a run that goes
    /// on.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub(super) fn follow(&mut self, newest: &str) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0.0, |time| time.as_secs_f64());
        let Some(Open { table, files }) = &mut self.open else {
            self.open = Some(self.begin(now)?);
            return Ok(());
        };
        let row = table
            .row(newest)
            .expect("a row that was just written is one");
        let bytes = [line(table, &row), event(table, &row, now)];
        for ((file, bytes), name) in files.iter_mut().zip(bytes).zip([LINES, EVENTS]) {
            let written = file.write_all(&bytes);
            written.map_err(|error| Error::io(&self.run.join(name), "write", error))?;
        }
        Ok(())
    }

    /// Writes all rows there are.
    fn begin(&self, now: f64) -> Result<Open> {
        let mut table = Table::read(&self.run)?;
        let seconds = |row: &[Option<f64>]| table.position("seconds").and_then(|i| row[i]);
        let last = table
            .rows
            .last()
            .and_then(|row| seconds(row))
            .unwrap_or(0.0);
        let mut bytes = [Vec::new(), tensorboard::version(now)];
        for row in &table.rows {
            bytes[0].extend(line(&table, row));
            // Rows of the past happened as long ago as the seconds between them say.
            let ago = last - seconds(row).unwrap_or(last);
            bytes[1].extend(event(&table, row, now - ago));
        }
        table.rows.clear();
        let write = |name, bytes: &[u8]| {
            let path = self.run.join(name);
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path);
            file.and_then(|mut file| file.write_all(bytes).map(|()| file))
                .map_err(|error| Error::io(&path, "write", error))
        };
        let files = [write(LINES, &bytes[0])?, write(EVENTS, &bytes[1])?];
        Ok(Open { table, files })
    }
}

/// A row as an object; a cell without a number, or with one that JSON does not know, is `null`.
fn line(table: &Table, row: &[Option<f64>]) -> Vec<u8> {
    let cells = table.columns.iter().zip(row);
    let cells = cells.map(|(name, cell)| {
        let number = match cell {
            // Epochs and steps are whole; 1 and 1.0 are the same to JSON but not to every reader.
            Some(x) if x.fract() == 0.0 && x.abs() < 1e15 => format!("{x:.0}"),
            Some(x) if x.is_finite() => x.to_string(),
            Some(_) | None => "null".to_owned(),
        };
        format!("{}:{number}", serde_json::Value::from(name.as_str()))
    });
    let cells: Vec<String> = cells.collect();
    format!("{{{}}}\n", cells.join(",")).into_bytes()
}

/// A row as scalars. `train_loss` and `validation_loss` share a chart: their tags are `loss/train` and `loss/validation`.
fn event(table: &Table, row: &[Option<f64>], wall_time: f64) -> Vec<u8> {
    let step = table.position("step").and_then(|i| row[i]).unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of steps, saturating"
    )]
    let step = step as u64;
    let cells = table.columns.iter().zip(row);
    let tagged: Vec<(String, f64)> = cells
        .filter(|(name, _)| *name != "step")
        .filter_map(|(name, cell)| Some((tag(name), (*cell)?)))
        .collect();
    let values = tagged.iter().map(|(tag, value)| (tag.as_str(), *value));
    tensorboard::scalars(wall_time, step, values)
}

fn tag(column: &str) -> String {
    for part in ["train", "validation"] {
        if let Some(metric) = column
            .strip_prefix(part)
            .and_then(|rest| rest.strip_prefix('_'))
        {
            return format!("{metric}/{part}");
        }
    }
    column.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::METRICS;
    use super::*;
    use std::fs;

    #[test]
    fn rows_follow_the_metrics_whether_they_are_new_or_those_of_a_run_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let text = "epoch,step,train_loss,validation_loss,seconds\n1,10,0.5,,1.5\n";
        fs::write(run.join(METRICS), text).unwrap();
        let mut journal = Journal::new(run);
        journal.follow("1,10,0.5,,1.5\n").unwrap();
        let second = "2,20,0.25,NaN,3\n";
        fs::write(run.join(METRICS), format!("{text}{second}")).unwrap();
        journal.follow(second).unwrap();
        let lines = || fs::read_to_string(run.join(LINES)).unwrap();
        let both = "{\"epoch\":1,\"step\":10,\"train_loss\":0.5,\"validation_loss\":null,\"seconds\":1.5}\n\
                    {\"epoch\":2,\"step\":20,\"train_loss\":0.25,\"validation_loss\":null,\"seconds\":3}\n";
        assert_eq!(lines(), both);
        let events = fs::read(run.join(EVENTS)).unwrap().len();
        // Another process goes on with the run: the files are those of all rows again.
        Journal::new(run).follow(second).unwrap();
        assert_eq!(lines(), both);
        assert_eq!(fs::read(run.join(EVENTS)).unwrap().len(), events);
    }

    #[test]
    fn the_parts_of_a_metric_share_a_chart() {
        assert_eq!(tag("train_loss"), "loss/train");
        assert_eq!(tag("validation_accuracy"), "accuracy/validation");
        assert_eq!(tag("training"), "training");
    }
}
