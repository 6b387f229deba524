//! Several runs side by side.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::axis;
use super::svg::{self, COLORS, FIGURE_STYLE, SERIES, Series, escape};
use super::table::Table;
use super::{CONFIG, SUMMARY, load};
use crate::error::{Error, Result};

/// `summary.json` is at most this large.
const MAX_SUMMARY_BYTES: u64 = 1 << 20;

/// Runs, to be compared.
#[derive(Debug)]
pub struct Comparison {
    runs: Vec<Compared>,
}

/// One of the runs.
#[derive(Debug)]
struct Compared {
    path: PathBuf,
    summary: Value,
    table: Table,
    /// Every setting by its dotted name, in the order of the file.
    settings: Vec<(String, String)>,
}

impl Comparison {
    /// Reads the folders of runs. A run that is not finished takes part with what there is of it.
    ///
    /// # Errors
    /// If one is no run, or a file of it is damaged.
    pub fn of(paths: &[PathBuf]) -> Result<Self> {
        let runs = paths.iter().map(|path| Compared::read(path));
        Ok(Self {
            runs: runs.collect::<Result<_>>()?,
        })
    }

    /// The paths of the runs, as they were given.
    pub fn names(&self) -> Vec<String> {
        let names = self.runs.iter().map(|run| run.path.display().to_string());
        names.collect()
    }

    /// A number of each run's summary, by its place in it: `["test", "loss"]`.
    pub fn numbers(&self, place: &[&str]) -> Vec<Option<f64>> {
        let number = |run: &Compared| {
            let found = place.iter().fold(&run.summary, |value, key| &value[key]);
            found.as_f64()
        };
        self.runs.iter().map(number).collect()
    }

    /// What is measured on a part of the data in any of the runs: the keys of `train`, `validation` or `test`.
    pub fn metrics(&self, part: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for run in &self.runs {
            for (name, value) in run.summary[part].as_object().into_iter().flatten() {
                if value.is_number() && !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// The settings in which the runs differ, with what each run has; a dash where it has none.
    pub fn differences(&self) -> Vec<(String, Vec<String>)> {
        let mut names: Vec<&String> = Vec::new();
        for (name, _) in self.runs.iter().flat_map(|run| &run.settings) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let values = |name: &String| {
            let runs = self.runs.iter();
            let values = runs.map(|run| run.setting(name).unwrap_or("–").to_owned());
            values.collect::<Vec<_>>()
        };
        names
            .into_iter()
            .map(|name| (name.clone(), values(name)))
            .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
            .collect()
    }

    /// The curves of all runs over each other, a figure per metric, as one SVG file.
    pub fn svg(&self) -> Option<String> {
        self.figures()
            .first()
            .map(|(_, figure)| figure.standalone())
    }

    /// A page with the curves and `rows` as a table, the first row its head.
    pub fn html(&self, rows: &[Vec<String>]) -> String {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>runs compared · anygrad</title>\
             <style>{COLORS}{}{FIGURE_STYLE}</style></head>\n<body><main><header><p class=\"kicker\">runs compared</p><h1>{} runs</h1></header>\n",
            super::page::STYLE,
            self.runs.len()
        );
        page.push_str("<p class=\"legend\">");
        for (i, run) in self.runs.iter().enumerate() {
            let _ = write!(
                page,
                "<span><i style=\"background:var(--s{})\"></i>{}</span> ",
                i % SERIES,
                escape(&run.path.display().to_string())
            );
        }
        page.push_str("</p><div class=\"two\">");
        for (_, figure) in self.figures() {
            let _ = write!(page, "<div class=\"card\">{}</div>", figure.inline());
        }
        page.push_str(
            "</div>\n<h2>Numbers and settings that differ</h2><div class=\"card scroll\"><table>",
        );
        for (i, row) in rows.iter().enumerate() {
            let cell = if i == 0 { "th" } else { "td" };
            page.push_str("<tr>");
            for text in row {
                let _ = write!(page, "<{cell}>{}</{cell}>", escape(text));
            }
            page.push_str("</tr>");
        }
        page.push_str("</table></div></main></body></html>\n");
        page
    }

    /// The curves of each column that says something of training or validation.
    fn figures(&self) -> Vec<(String, svg::Figure)> {
        let mut figures = Vec::new();
        let mut metrics: Vec<&str> = Vec::new();
        for metric in self.runs.iter().flat_map(|run| run.table.metrics()) {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        for metric in metrics {
            for part in ["train", "validation"] {
                let column = format!("{part}_{metric}");
                let series: Vec<Series> = self
                    .runs
                    .iter()
                    .map(|run| Series {
                        name: run
                            .path
                            .file_name()
                            .unwrap_or_default()
                            .to_string_lossy()
                            .into_owned(),
                        points: run.table.points(&column),
                    })
                    .collect();
                let title = format!("{metric}, {part}");
                if let Some(figure) = svg::curves(&title, axis(metric), &series) {
                    figures.push((column, figure));
                }
            }
        }
        figures
    }
}

impl Compared {
    fn read(path: &Path) -> Result<Self> {
        let config = path.join(CONFIG);
        if !config.is_file() {
            return Err(Error::data(
                format!(
                    "{}: not the folder of a run: {CONFIG} is missing",
                    path.display()
                ),
                "give folders that `anygrad train` has made: runs/NAME",
            ));
        }
        let settings = load::config_of(path)?;
        let settings: toml::Table =
            toml::from_str(&settings.to_toml()).expect("what is written can be read");
        let mut named = Vec::new();
        flatten(&toml::Value::Table(settings), "", &mut named);
        Ok(Self {
            path: path.to_owned(),
            summary: summary(&path.join(SUMMARY))?,
            table: Table::read(path)?,
            settings: named,
        })
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The summary of a finished run; nothing of one that is not.
fn summary(path: &Path) -> Result<Value> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Value::Null),
        file => file.map_err(|error| Error::io(path, "open", error))?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_SUMMARY_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path, "read", error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::data(
            format!("{}: damaged: {error}", path.display()),
            "it was changed since it was written; restore it",
        )
    })
}

/// Every value under its dotted name; layers go by theirs.
fn flatten(value: &toml::Value, name: &str, all: &mut Vec<(String, String)>) {
    let inside = |key: &str| match name {
        "" => key.to_owned(),
        _ => format!("{name}.{key}"),
    };
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                flatten(value, &inside(key), all);
            }
        }
        toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => {
            for (i, item) in items.iter().enumerate() {
                let own = item.get("name").and_then(toml::Value::as_str);
                flatten(item, &inside(own.unwrap_or(&i.to_string())), all);
            }
        }
        toml::Value::String(text) => all.push((name.to_owned(), text.clone())),
        other => all.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RunFolder;
    use super::super::fabricated::{epoch, outcome, shipped, start};
    use super::*;
    use crate::error::Class;
    use crate::train::{Metric, Scores, Tuning};

    fn runs(folder: &Path) -> Vec<PathBuf> {
        let mut config = shipped();
        let mut paths = Vec::new();
        for batch in [32, 64] {
            config.train.batch = batch;
            let mut run =
                RunFolder::create(folder, "digits", &config, None, &Tuning::default()).unwrap();
            let scores = Scores {
                loss: 0.25,
                metric: Metric::Accuracy(0.5),
            };
            run.epoch(&epoch(1, Some(scores))).unwrap();
            run.epoch(&epoch(2, None)).unwrap();
            run.finish(&start(), &outcome()).unwrap();
            paths.push(run.path().to_owned());
        }
        paths
    }

    #[test]
    fn runs_are_told_by_their_results_and_by_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let compared = Comparison::of(&runs(folder.path())).unwrap();
        assert_eq!(compared.numbers(&["test", "loss"]), [Some(0.0625); 2]);
        assert_eq!(compared.metrics("test"), ["accuracy", "loss"]);
        let batch = (
            "train.batch".to_owned(),
            vec!["32".to_owned(), "64".to_owned()],
        );
        assert_eq!(compared.differences(), [batch]);
        let page = compared.html(&[vec!["a".to_owned()], vec!["<b>".to_owned()]]);
        assert_eq!(page.matches("<svg ").count(), 4, "{page}");
        assert!(page.contains("<td>&lt;b&gt;</td>"), "{page}");
        assert!(compared.svg().unwrap().starts_with("<svg xmlns="), "a file");
    }

    #[test]
    fn an_unfinished_run_takes_part_and_what_is_no_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let paths = runs(folder.path());
        fs::remove_file(paths[1].join(SUMMARY)).unwrap();
        let compared = Comparison::of(&paths).unwrap();
        assert_eq!(compared.numbers(&["test", "loss"]), [Some(0.0625), None]);
        let error = Comparison::of(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(error.class(), Class::Data);
        fs::write(paths[0].join(SUMMARY), "{").unwrap();
        assert!(
            Comparison::of(&paths)
                .unwrap_err()
                .to_string()
                .contains(SUMMARY),
            "damaged"
        );
    }
}
