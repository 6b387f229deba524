//! `anygrad lr-find`: at which learning rate does the loss fall fastest?

use std::path::PathBuf;

use serde::Serialize;

use super::output::{Mark, Out};
use super::{Device, format, signals, train};
use crate::error::{Error, Result};
use crate::report;
use crate::train::{Control, Event, Range, Request, Stop, Tune, lr_find};

/// Find a learning rate: a short training in which it grows, and a plot of the loss
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad lr-find
  anygrad lr-find mnist-cnn --data mnist/
  anygrad lr-find my.toml --from 1e-5 --to 1 --steps 200")]
pub(super) struct Options {
    /// The network: a TOML file, or digits, mnist-mlp, mnist-cnn, mnist-99, cifar-resnet20, which come along
    #[arg(value_name = "CONFIG.toml")]
    config: Option<PathBuf>,
    /// Where the data is, if not where the configuration says
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Change a value of the configuration; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The first learning rate
    #[arg(long, value_name = "RATE", default_value = "1e-6")]
    from: f64,
    /// The last learning rate
    #[arg(long, value_name = "RATE", default_value = "10")]
    to: f64,
    /// Steps from the first to the last
    #[arg(long, value_name = "N", default_value_t = 140, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    steps: u32,
    /// The folder that gets curve.csv and curve.svg
    #[arg(long, value_name = "DIR", default_value = "lr-find")]
    out: PathBuf,
    #[command(flatten)]
    device: Device,
}

/// What machines are told.
#[derive(Serialize)]
struct Found {
    event: &'static str,
    suggestion: Option<f64>,
    lowest: Option<f64>,
    steps: usize,
    folder: String,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let range = Range {
        from: options.from,
        to: options.to,
        steps: options.steps,
    };
    let normal = f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX);
    let ends = [range.from, range.to];
    if range.to <= range.from || !ends.iter().all(|rate| normal.contains(rate)) {
        return Err(Error::usage(
            format!(
                "--from {} --to {}: no range of learning rates",
                range.from, range.to
            ),
            "give two numbers above 0, the smaller one first",
        ));
    }
    let stop = Stop::default();
    let request = Request {
        config: train::network(options.config.as_deref(), &options.sets)?,
        data: options.data.clone(),
        fold: None,
        init: None,
        adapter: options.device.choice(),
        trust: options.device.trust(),
        tune: Tune::Cached,
        control: Control {
            stop: stop.clone(),
            ..Control::default()
        },
        profile: false,
    };
    signals::catch(&stop)?;
    out.begin_spinner("reading the data, planning, compiling the shaders");
    let curve = lr_find(&request, range, &mut |event| {
        match event {
            Event::Start(start) => {
                out.end_bar();
                out.begin_bar(start.steps);
            }
            Event::Progress(progress) => {
                let rate = format!("learning rate {:.1e}", range.rate(progress.step));
                out.bar(String::new(), progress.step, &[rate]);
            }
            _ => {}
        }
        Ok(())
    });
    out.end_bar();
    let curve = curve?;
    report::write_curve(&options.out, &curve)?;
    let shown = format::clean(options.out.display());
    let suggestion = curve.suggestion();
    out.object(&Found {
        event: "lr-find",
        suggestion,
        lowest: curve.lowest().map(|point| point.learning_rate),
        steps: curve.points.len(),
        folder: options.out.display().to_string(),
    })?;
    let Some(rate) = suggestion else {
        return Err(Error::check(
            format!(
                "the loss did not fall at any learning rate from {:e} to {:e}",
                range.from, range.to
            ),
            format!(
                "look at the curve in {shown}; `anygrad train --overfit` tells whether the network can learn at all"
            ),
        ));
    };
    out.marked(
        Mark::Good,
        "suggestion:",
        &format!("learning_rate = {rate:.1e}, where the loss falls fastest"),
    )?;
    if let Some(lowest) = curve.lowest() {
        out.line(format!(
            "the loss is smallest at {:.1e}, and higher rates are too high",
            lowest.learning_rate
        ))?;
    }
    out.line(format!("the curve is in {shown}: curve.svg, curve.csv"))
}
