//! `anygrad data get`: published data sets.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use crate::cli::format;
use crate::cli::output::Out;
use crate::data::get::{self, CATALOG, Published};
use crate::error::Result;

/// Fetch a published data set: mnist, fashion-mnist or cifar10
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every file is held against the SHA-256 inside the program before it gets its name.
What was cut off goes on where it stopped when the command is given again. This is
the only command that uses the network.

Examples:
  anygrad data get mnist
  anygrad data get fashion-mnist --out clothes/")]
pub(super) struct Get {
    /// The data set
    #[arg(value_name = "NAME", value_parser = names())]
    name: String,
    /// The folder; without it, one of the data set's name
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// An address that the files stand under, instead of the known ones
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// What stands on standard output with `--json`.
#[derive(serde::Serialize)]
struct Object<'a> {
    name: &'a str,
    folder: &'a Path,
    source: &'a str,
    #[serde(flatten)]
    fetched: get::Fetched,
}

fn names() -> PossibleValuesParser {
    CATALOG
        .iter()
        .map(|set| clap::builder::PossibleValue::new(set.name).help(set.about))
        .collect::<Vec<_>>()
        .into()
}

pub(super) fn run(options: &Get, out: &Out) -> Result<()> {
    let set = get::published(&options.name).expect("the command line takes known names only");
    let folder = options.out.clone().unwrap_or_else(|| set.name.into());
    let mirror = options.mirror.as_ref().map(|mirror| match mirror {
        mirror if mirror.ends_with('/') => mirror.clone(),
        mirror => format!("{mirror}/"),
    });
    let own: Vec<&str> = mirror.iter().map(String::as_str).collect();
    let set = &Published {
        mirrors: if own.is_empty() { set.mirrors } else { &own },
        ..*set
    };
    out.begin_bar(set.bytes());
    let fetched = get::get(set, &folder, &mut |done, total| {
        let parts = [format!(
            "{}/{}",
            format::bytes(done as u64),
            format::bytes(total as u64)
        )];
        out.bar(set.name.to_owned(), done as u64, &parts);
        Ok(())
    })?;
    out.end_bar();
    out.object(&Object {
        name: set.name,
        folder: &folder,
        source: set.source,
        fetched,
    })?;
    let there = match fetched.there {
        0 => String::new(),
        there => format!(", {there} there already"),
    };
    let shown = format::clean(folder.display());
    out.line(format!(
        "{shown}: {} fetched ({}){there}; {}",
        format::plural(fetched.fetched, "file"),
        format::bytes(fetched.bytes),
        set.about
    ))?;
    let path = format::shell(folder.display());
    out.hint(
        "next:",
        &match set.source {
            "idx" => format!("`anygrad train mnist-cnn --data {path}`"),
            source => format!("under [data], source = \"{source}\" and path = {shown:?}"),
        },
    );
    Ok(())
}
