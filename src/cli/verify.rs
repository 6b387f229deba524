//! `anygrad verify`: every kernel against its reference, on this adapter.

use std::time::Instant;

use serde::Serialize;

use super::output::{Mark, Out, width_of_stdout};
use super::{Device, format};
use crate::check::{OnGpu, OpReport, Row, prove_op};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::{Definition, OPS};

/// Of one op, so many failures are shown.
const MOST_FAILURES: usize = 5;

/// Hold every kernel against its reference on this adapter and driver
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each kernel computes prepared cases; what it gives is compared with naive
64-bit arithmetic on the CPU. Exits with 1 if one of them is wrong.

Examples:
  anygrad verify
  anygrad verify --filter conv --adapter software")]
pub(super) struct Options {
    /// Only ops whose name contains this
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    filter: String,
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let ops = chosen(&options.filter)?;
    let begun = Instant::now();
    out.begin_spinner("opening the adapter");
    let gpu = Gpu::open(&options.device.choice(), options.device.trust())?;
    out.talk(format!(
        "{} on {}, against 64-bit references",
        format::plural(ops.len(), "op"),
        format::clean(&gpu.info)
    ));
    out.begin_bar(ops.len() as u64);
    let mut runner = OnGpu::new(&gpu);
    let name_width = ops.iter().map(|op| op.name.len()).max().unwrap_or(0);
    let mut right = 0;
    for (done, op) in ops.iter().enumerate() {
        out.bar(format!("{:<name_width$}", op.name), done as u64, &[]);
        let begun = Instant::now();
        let report = prove_op(op, &mut runner);
        let seconds = begun.elapsed().as_secs_f64();
        show(&report, name_width, seconds, out)?;
        out.object(&OpObject::new(&report, seconds))?;
        right += usize::from(report.passed());
    }
    out.end_bar();
    let adapter = format::clean(&gpu.info.name);
    let verdict = format!("{right} of {} ops are right on {adapter}", ops.len());
    out.object(&SummaryObject {
        event: "summary",
        ops: ops.len(),
        right,
        adapter: &gpu.info.name,
        checked: options.device.checked,
        seconds: begun.elapsed().as_secs_f64(),
    })?;
    if right == ops.len() {
        let seconds = format::seconds(begun.elapsed().as_secs_f64());
        out.line(format!("{verdict}, in {seconds}"))
    } else {
        Err(Error::check(
            verdict,
            "do not train on this adapter with this driver: update the driver, or take another adapter with --adapter; \
             with --checked, run-time checks show whether the driver is at fault",
        ))
    }
}

fn chosen(filter: &str) -> Result<Vec<&'static Definition>> {
    let ops: Vec<_> = OPS.iter().filter(|op| op.name.contains(filter)).collect();
    if ops.is_empty() {
        let names: Vec<&str> = OPS.iter().map(|op| op.name).collect();
        return Err(Error::usage(
            format!("no op's name contains `{filter}`"),
            format!("the ops are {}", names.join(", ")),
        ));
    }
    Ok(ops)
}

fn show(report: &OpReport, name_width: usize, seconds: f64, out: &Out) -> Result<()> {
    let (mark, word) = if report.passed() {
        (Mark::Good, "ok    ")
    } else {
        (Mark::Bad, "FAILED")
    };
    let room = width_of_stdout().map(|width| width.saturating_sub(word.len() + 1));
    out.marked(mark, word, &line(report, name_width, seconds, room))?;
    out.lines(&failures(report))
}

/// The row with the worst error.
fn worst(report: &OpReport) -> Option<&Row> {
    report
        .rows
        .iter()
        .max_by(|a, b| a.worst.total_cmp(&b.worst))
}

fn cases(report: &OpReport) -> usize {
    report.rows.iter().map(|row| row.cases).sum()
}

/// An op in one line; without the name of the worst kernel where there is no room for it.
fn line(report: &OpReport, name_width: usize, seconds: f64, room: Option<usize>) -> String {
    let worst = worst(report);
    let error = match worst {
        None => "nothing was tried".to_owned(),
        Some(row) if row.worst == 0.0 => "every element is exact".to_owned(),
        Some(row) => format!("worst error {:.2} of its tolerance", row.worst),
    };
    let line = format!(
        "{:<name_width$}  {:>9}  {:>7}  {error}",
        report.op,
        format::plural(cases(report), "case"),
        format::seconds(seconds),
    );
    match worst {
        Some(row) if row.worst > 0.0 => {
            let long = format!("{line}, {}", kernels(row));
            let fits = room.is_none_or(|room| long.chars().count() <= room);
            if fits { long } else { line }
        }
        _ => line,
    }
}

/// The kernels of a row, in order: `conv2d/forward`. One that runs several times is named once.
fn kernels(row: &Row) -> String {
    let names = row.kernels.iter();
    let mut names: Vec<String> = names
        .map(|(stem, entry)| format!("{stem}/{entry}"))
        .collect();
    names.dedup();
    names.join(" + ")
}

fn failures(report: &OpReport) -> Vec<String> {
    let all = report.failures().count();
    let mut lines: Vec<String> = report
        .failures()
        .take(MOST_FAILURES)
        .map(|failure| format!("        {}", format::clean(failure)))
        .collect();
    if all > MOST_FAILURES {
        lines.push(format!(
            "        and {} more",
            format::count(all - MOST_FAILURES)
        ));
    }
    lines
}

/// An op for machines.
#[derive(Serialize)]
struct OpObject<'a> {
    event: &'static str,
    op: &'a str,
    ok: bool,
    cases: usize,
    worst: f64,
    seconds: f64,
    rows: Vec<RowObject<'a>>,
    failures: Vec<&'a str>,
}

/// One way in which an op was computed, for machines.
#[derive(Serialize)]
struct RowObject<'a> {
    name: &'a str,
    kernels: String,
    cases: usize,
    worst: f64,
    worst_case: &'a str,
}

impl<'a> OpObject<'a> {
    fn new(report: &'a OpReport, seconds: f64) -> Self {
        let rows = report.rows.iter().map(|row| RowObject {
            name: &row.name,
            kernels: kernels(row),
            cases: row.cases,
            worst: row.worst,
            worst_case: &row.worst_case,
        });
        Self {
            event: "op",
            op: report.op,
            ok: report.passed(),
            cases: cases(report),
            worst: worst(report).map_or(0.0, |row| row.worst),
            seconds,
            rows: rows.collect(),
            failures: report.failures().collect(),
        }
    }
}

/// The end, for machines.
#[derive(Serialize)]
struct SummaryObject<'a> {
    event: &'static str,
    ops: usize,
    right: usize,
    adapter: &'a str,
    checked: bool,
    seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    fn report(worst: f64, failures: usize) -> OpReport {
        let row = |name: &str, entry: &'static str, worst| Row {
            name: name.to_owned(),
            kernels: vec![("conv2d", entry)],
            cases: 24,
            worst,
            worst_case: "3 × 5".to_owned(),
            failures: Vec::new(),
        };
        let mut rows = vec![
            row("conv2d.forward", "forward", worst / 2.0),
            row("conv2d.backward", "backward", worst),
        ];
        rows[1].failures = (0..failures).map(|i| format!("failure {i}")).collect();
        OpReport {
            op: "conv2d",
            rows,
            errors: Vec::new(),
        }
    }

    #[test]
    fn the_rows_of_an_op_become_one_line_that_names_the_worst_kernel() {
        assert_eq!(
            line(&report(0.0625, 0), 8, 1.21, None),
            "conv2d     48 cases    1.2 s  worst error 0.06 of its tolerance, conv2d/backward"
        );
        assert_eq!(
            line(&report(0.0625, 0), 6, 1.21, Some(70)),
            "conv2d   48 cases    1.2 s  worst error 0.06 of its tolerance"
        );
        assert_eq!(
            line(&report(0.0, 0), 6, 1.21, None),
            "conv2d   48 cases    1.2 s  every element is exact"
        );
    }

    #[test]
    fn the_first_failures_are_shown_and_the_others_counted() {
        assert_eq!(failures(&report(0.5, 0)).len(), 0);
        let lines = failures(&report(2.0, 8));
        assert_eq!(lines.len(), MOST_FAILURES + 1);
        assert_eq!(lines[0], "        failure 0");
        assert_eq!(lines[MOST_FAILURES], "        and 3 more");
    }

    #[test]
    fn a_filter_that_fits_nothing_names_the_ops() {
        assert_eq!(chosen("").unwrap().len(), OPS.len());
        assert_eq!(chosen("clip_norm").unwrap().len(), 1);
        let error = chosen("conv3d").unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.help().contains("conv2d"), "{}", error.help());
    }
}
