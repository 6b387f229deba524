//! `anygrad data`: published data sets, what is wrong with a data set, and a copy without it.

mod get;

use std::path::{Path, PathBuf};

use super::format;
use super::output::{Mark, Out};
use crate::data::audit::{self, Finding, Kind, Report};
use crate::error::{Error, Result};

/// So many findings of a kind are told; machines get all.
const MOST: usize = 10;
/// So many places of a finding are told.
const MOST_PLACES: usize = 6;

/// Fetch published data; check and clean data before training on it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad data get mnist
  anygrad data check pictures/
  anygrad data clean pictures/ --out clean/")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Get(get::Get),
    Check(Check),
    Clean(Clean),
}

/// Find damaged files, duplicates, leaks between training and test, contradicting labels
#[derive(Debug, clap::Args)]
#[command(after_help = "\
PATH is a folder of pictures (train/CLASS/, test/CLASS/, or CLASS/), a CSV file or
a folder with train.csv and test.csv, a folder of IDX or NPY files, or CIFAR-10.
The exit code is 1 when something is found.

Examples:
  anygrad data check pictures/
  anygrad data check prices.csv --target price --json")]
struct Check {
    /// The data
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The column of a table that is predicted; without it, the last
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
}

/// Write a copy without damaged files, duplicates, leaks and contradicting labels
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of copies one stays, that to test on before that to train on; of the same sample
under two labels none. The copy has the files and the form of the data; pictures
and arrays are copied byte for byte.

Example:
  anygrad data clean pictures/ --out clean/")]
struct Clean {
    /// The data: a folder of pictures, of IDX or NPY files, a CSV file, or a folder with train.csv
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The folder that is made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The column of a table that is predicted; without it, the last
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    match &options.verb {
        Verb::Get(options) => get::run(options, out),
        Verb::Check(options) => check(options, out),
        Verb::Clean(options) => clean(options, out),
    }
}

/// Shows how many samples are looked at.
fn progress(out: &Out, done: usize, total: usize) {
    if done == 0 {
        out.begin_bar(total as u64);
    }
    let parts = [format!("{}/{}", format::count(done), format::count(total))];
    out.bar("reading".to_owned(), done as u64, &parts);
    if done == total {
        out.end_bar();
        out.begin_spinner("comparing");
    }
}

fn check(options: &Check, out: &Out) -> Result<()> {
    out.begin_spinner("reading");
    let report = audit::check(
        &options.path,
        options.target.as_deref(),
        &mut |done, total| {
            progress(out, done, total);
            Ok(())
        },
    )?;
    out.end_bar();
    out.object(&report)?;
    let samples = format::plural(report.samples, "sample");
    out.line(match report.classes {
        0 => samples,
        classes => format!("{samples} in {}", format::outputs(classes, false)),
    })?;
    if report.findings.is_empty() {
        return out.marked(Mark::Good, "good:", "nothing wrong was found");
    }
    out.lines(&lines(&report))?;
    Err(Error::check(
        format!(
            "{}: {}",
            options.path.display(),
            format::plural(report.findings.len(), "finding")
        ),
        advice(&options.path, &report),
    ))
}

/// The findings by kind, the worst first.
fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for findings in report.findings.chunk_by(|a, b| a.kind == b.kind) {
        lines.push(String::new());
        lines.push(format!(
            "{} ({})",
            findings[0].kind.title(),
            format::count(findings.len())
        ));
        lines.extend(
            findings
                .iter()
                .take(MOST)
                .map(|finding| format!("  {}", line(finding))),
        );
        if findings.len() > MOST {
            lines.push(format!(
                "  and {} more",
                format::count(findings.len() - MOST)
            ));
        }
    }
    lines
}

fn line(finding: &Finding) -> String {
    let what = format::clean(&finding.what);
    let shown: Vec<String> = finding
        .places
        .iter()
        .take(MOST_PLACES)
        .map(format::clean)
        .collect();
    // The text of an error names its file already.
    if shown.is_empty() || (finding.kind == Kind::Damaged && shown.len() == 1) {
        return what;
    }
    let more = match finding.places.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{what}: {}{more}", shown.join(", "))
}

fn advice(path: &Path, report: &Report) -> String {
    let is_mended = |finding: &Finding| {
        !matches!(
            finding.kind,
            Kind::Missing | Kind::Constant | Kind::Imbalance
        )
    };
    if report.findings.iter().any(is_mended) {
        let path = format::shell(path.display());
        format!(
            "`anygrad data clean {path} --out DIR` writes a copy without damage, copies and contradictions"
        )
    } else {
        "under [data], `missing` says what is done about missing values and `ignore` leaves columns out".to_owned()
    }
}

fn clean(options: &Clean, out: &Out) -> Result<()> {
    out.begin_spinner("reading");
    let target = options.target.as_deref();
    let cleaned = audit::clean(&options.path, target, &options.out, &mut |done, total| {
        progress(out, done, total);
        Ok(())
    })?;
    out.end_bar();
    out.object(&cleaned)?;
    out.line(format!(
        "{} in {}; left out: {} damaged, {} copies, {} with contradicting labels",
        format::plural(cleaned.kept, "sample"),
        format::clean(options.out.display()),
        format::count(cleaned.damaged),
        format::count(cleaned.copies),
        format::count(cleaned.conflicts)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: Kind, what: &str, places: usize) -> Finding {
        Finding {
            kind,
            what: what.to_owned(),
            places: (0..places).map(|i| format!("{i}.png")).collect(),
        }
    }

    #[test]
    fn findings_are_told_by_kind_and_many_of_them_are_cut() {
        let mut findings = vec![finding(Kind::Damaged, "0.png: an empty file", 1)];
        findings.extend((0..12).map(|_| finding(Kind::Duplicate, "8 samples are the same", 8)));
        let report = Report {
            samples: 100,
            classes: 2,
            findings,
        };
        let lines = lines(&report);
        assert_eq!(
            lines[..4],
            ["", "damaged (1)", "  0.png: an empty file", ""]
        );
        assert_eq!(lines[4], "duplicates (12)");
        assert_eq!(
            lines[5],
            "  8 samples are the same: 0.png, 1.png, 2.png, 3.png, 4.png, 5.png and 2 more"
        );
        assert_eq!(lines[15..], ["  and 2 more"]);
        assert!(
            advice(Path::new("a b"), &report).contains("data clean 'a b'"),
            "quoted"
        );
    }
}
