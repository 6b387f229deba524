//! `anygrad init`: a configuration to begin with.

use std::path::PathBuf;

use super::format;
use super::output::Out;
use crate::config;
use crate::error::{Error, Result};
use crate::report;

/// Write a commented configuration to begin with
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad init                        digits.toml: handwritten digits inside the program
  anygrad init images --out cats.toml a folder of pictures, a folder inside for each class
  anygrad init csv                    csv.toml: a table whose last column is predicted
  anygrad init text                   text.toml: a small language model of characters")]
pub(super) struct Options {
    /// What is learned from: digits, images, csv, idx or text
    #[arg(value_name = "DATA", default_value = "digits", value_parser = starter, hide_default_value = true)]
    data: Starter,
    /// Where to write; without it DATA.toml
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
}

/// A configuration to begin with, by its name.
#[derive(Clone, Copy, Debug)]
struct Starter {
    name: &'static str,
    text: &'static str,
}

fn starter(name: &str) -> Result<Starter, String> {
    let found = config::STARTERS.iter().find(|(known, _)| *known == name);
    found
        .map(|&(name, text)| Starter { name, text })
        .ok_or_else(|| {
            let names = config::STARTERS.map(|(name, _)| name);
            format!("it must be one of {}", names.join(", "))
        })
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let Starter { name, text } = options.data;
    let path = options.out.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(format!("{name}.toml")));
    if path.exists() {
        return Err(Error::usage(
            format!(
                "{}: it is there already, and is left as it is",
                path.display()
            ),
            "choose another name with --out",
        ));
    }
    report::write_file(&path, text.as_bytes())?;
    out.object(&serde_json::json!({ "config": path }))?;
    let shown = format::clean(path.display());
    out.line(format!("{shown}: written; every line says what it is for"))?;
    out.talk("");
    out.hint(
        "next:",
        &format!("anygrad train {}", format::shell(path.display())),
    );
    Ok(())
}
