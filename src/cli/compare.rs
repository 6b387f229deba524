//! `anygrad compare`: several runs side by side.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::format::{self, Align};
use super::output::Out;
use crate::error::{Error, Result};
use crate::report::{self, Comparison};

/// Compare runs: results, times and the settings that differ, and their curves over each other
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad compare runs/digits runs/digits-2
  anygrad compare runs/* --out compared.html   the curves, too, as a page
  anygrad compare runs/* --out loss.svg        the loss alone, as a picture")]
pub(super) struct Options {
    /// The folders of the runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Write the curves: a page (.html) or a picture (.svg)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A number of a run's summary: what it is called, its place there, how it is written.
struct Fact {
    name: &'static str,
    key: &'static str,
    words: fn(f64) -> String,
}

/// What is told of each run beside its scores.
const CIRCUMSTANCES: [Fact; 4] = [
    fact("parameters", "parameters", whole),
    fact("steps", "steps", whole),
    fact("seconds", "seconds", format::seconds),
    fact("memory", "planned_bytes", memory),
];

const fn fact(name: &'static str, key: &'static str, words: fn(f64) -> String) -> Fact {
    Fact { name, key, words }
}

fn whole(number: f64) -> String {
    format::count(format!("{number:.0}"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes, saturating"
)]
fn memory(number: f64) -> String {
    format::bytes(number as u64)
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let ending = options
        .out
        .as_ref()
        .map(|path| path.extension().and_then(|e| e.to_str()));
    if let (Some(path), Some(ending)) = (&options.out, ending)
        && !matches!(ending, Some("html" | "svg"))
    {
        return Err(Error::usage(
            format!("{}: neither a page nor a picture", path.display()),
            "end its name with .html or .svg",
        ));
    }
    let compared = Comparison::of(&options.runs)?;
    let rows = rows(&compared);
    out.object(&object(&compared))?;
    let mut aligns = vec![Align::Right; rows[0].len()];
    aligns[0] = Align::Left;
    out.lines(&format::table(&aligns, &rows))?;
    if let Some(path) = &options.out {
        let text = match ending.flatten() {
            Some("svg") => compared.svg().ok_or_else(|| {
                Error::data(
                    "none of the runs has an epoch yet",
                    "wait for one, or leave --out",
                )
            })?,
            _ => compared.html(&rows),
        };
        report::write_file(path, text.as_bytes())?;
        let shown = format::clean(path.display());
        out.talk(format!("\nthe curves are in {shown}"));
    }
    Ok(())
}

/// A row per fact, a column per run: they are few, and their names long.
fn rows(compared: &Comparison) -> Vec<Vec<String>> {
    let row = |name: &str, cells: Vec<String>| [vec![name.to_owned()], cells].concat();
    let cells = |place: &[&str], words: &dyn Fn(f64) -> String| {
        let numbers = compared.numbers(place).into_iter();
        let cells = numbers.map(|number| number.map_or("–".to_owned(), words));
        cells.collect::<Vec<_>>()
    };
    let names = compared.names().into_iter().map(format::clean).collect();
    let mut rows = vec![row("", names)];
    for part in ["test", "validation", "train"] {
        for metric in compared.metrics(part) {
            let words: &dyn Fn(f64) -> String = match metric.as_str() {
                "accuracy" => &format::percent,
                _ => &format::loss,
            };
            let name = format!("{part} {metric}");
            rows.push(row(&format::clean(&name), cells(&[part, &metric], words)));
        }
    }
    for Fact { name, key, words } in CIRCUMSTANCES {
        rows.push(row(name, cells(&[key], &words)));
    }
    for (name, values) in compared.differences() {
        let values = values.into_iter().map(format::clean).collect();
        rows.push(row(&format::clean(name), values));
    }
    rows
}

/// All of it for machines: a run's name, its numbers, the settings that differ.
fn object(compared: &Comparison) -> Value {
    let differences = compared.differences();
    let runs = compared.names().into_iter().enumerate().map(|(i, name)| {
        let mut object = Map::new();
        object.insert("run".to_owned(), json!(name));
        for part in ["test", "validation", "train"] {
            let metrics = compared.metrics(part).into_iter();
            let scores = metrics.map(|metric| {
                let number = compared.numbers(&[part, &metric])[i];
                (metric, json!(number))
            });
            object.insert(part.to_owned(), Value::Object(scores.collect()));
        }
        for Fact { key, .. } in CIRCUMSTANCES {
            object.insert(key.to_owned(), json!(compared.numbers(&[key])[i]));
        }
        let settings = differences.iter();
        let settings = settings.map(|(name, values)| (name.clone(), json!(values[i])));
        object.insert("settings".to_owned(), Value::Object(settings.collect()));
        Value::Object(object)
    });
    json!({ "runs": runs.collect::<Vec<_>>() })
}
