//! `anygrad bench`: what this adapter can do, and what each kernel and each training step makes of it.

use std::path::PathBuf;
use std::time::Instant;

use super::output::{Mark, Out, width_of_stdout};
use super::{Device, format, train};
use crate::bench::{self, Effort, KernelBench, NetBench};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::gpu::Gpu;

mod lines;
mod objects;

/// Measure this adapter, every kernel on it, and whole training steps
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Probes come first: multiply-adds in registers, a copy, dispatches that do
nothing. Each kernel is held against its reference and then timed; one that is
wrong is not timed, and the exit code is 1. Times are medians; behind ± stands
half the distance between the quartiles. `of roof` is the least time that the
probes allow over the time it took.

Examples:
  anygrad bench --quick
  anygrad bench --filter conv
  anygrad bench my.toml --data mnist/      the probes, and how fast this trains")]
pub(super) struct Options {
    /// Time the training of these instead of everything: TOML files, or digits, mnist-mlp, mnist-cnn, mnist-99, cifar-resnet20
    #[arg(value_name = "NET")]
    nets: Vec<PathBuf>,
    /// Where the data of the networks is; without it they get random numbers of MNIST's shape
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Change a value of the configurations; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Only ops and networks whose name contains this
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    filter: String,
    /// Measure shortly, and the three smaller networks: a first impression in less than a minute
    #[arg(long)]
    quick: bool,
    /// Time every way to compute an op, not only the best guess for this adapter
    #[arg(long)]
    all_ways: bool,
    #[command(flatten)]
    device: Device,
}

/// What is to be measured.
struct Chosen {
    ops: Vec<&'static str>,
    nets: Vec<Config>,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let chosen = chosen(options)?;
    let begun = Instant::now();
    out.begin_spinner("opening the adapter, measuring what it can do");
    let effort = if options.quick {
        Effort::Quick
    } else {
        Effort::Full
    };
    let gpu = Gpu::open(&options.device.choice(), options.device.trust())?;
    let probes = bench::measure(&gpu, effort)?;
    out.line(format!(
        "anygrad {} on {}",
        env!("CARGO_PKG_VERSION"),
        format::clean(&gpu.info)
    ))?;
    out.line("")?;
    out.lines(&lines::probes(&probes))?;

    let wide = width_of_stdout().is_none_or(|width| width >= lines::WIDE);
    out.begin_bar((chosen.ops.len() + chosen.nets.len()) as u64);
    let mut kernels: Vec<KernelBench> = Vec::new();
    if !chosen.ops.is_empty() {
        out.line("")?;
        out.line(lines::kernel_header(wide))?;
    }
    for (done, op) in chosen.ops.iter().enumerate() {
        out.bar((*op).to_owned(), done as u64, &[]);
        for kernel in bench::kernels(&gpu, &probes, op, effort, options.all_ways)? {
            out.line(lines::kernel(&kernel, &probes, wide))?;
            for failure in kernel.failures.iter().take(3) {
                out.marked(Mark::Bad, "  wrong:", &format::clean(failure))?;
            }
            kernels.push(kernel);
        }
    }
    let target = (&options.device.choice(), options.device.trust());
    let mut nets: Vec<NetBench> = Vec::new();
    if !chosen.nets.is_empty() {
        out.line("")?;
        out.line(lines::net_header())?;
    }
    for (done, config) in chosen.nets.iter().enumerate() {
        let done = (chosen.ops.len() + done) as u64;
        out.bar(config.name.clone(), done, &[]);
        let net = bench::step(config, options.data.as_deref(), target, &probes, effort)?;
        out.line(lines::net(&net))?;
        nets.push(net);
    }
    out.end_bar();
    let seconds = begun.elapsed().as_secs_f64();
    out.object(&objects::Report::new(
        &gpu.info, &probes, &kernels, &nets, seconds,
    ))?;
    out.line("")?;
    out.prose(&lines::notes(&nets, seconds))?;
    verdict(&kernels)
}

/// Networks, the smallest first, that are timed in a hurry.
const QUICK_NETS: usize = 3;

/// An error where a kernel was wrong.
fn verdict(kernels: &[KernelBench]) -> Result<()> {
    let wrong: Vec<&KernelBench> = kernels.iter().filter(|k| !k.failures.is_empty()).collect();
    let Some(first) = wrong.first() else {
        return Ok(());
    };
    let many = match wrong.len() {
        1 => "1 kernel is".to_owned(),
        count => format!("{count} kernels are"),
    };
    Err(Error::check(
        format!(
            "{many} wrong and not timed, first {} of {}",
            first.name, first.shape
        ),
        "do not train on this adapter with this driver; `anygrad verify` says more",
    ))
}

fn chosen(options: &Options) -> Result<Chosen> {
    let fits = |name: &str| name.contains(options.filter.as_str());
    let mut nets = if options.nets.is_empty() {
        // The larger ones take longer than a first impression may.
        let count = if options.quick {
            QUICK_NETS
        } else {
            config::SHIPPED.len()
        };
        let shipped = config::SHIPPED.iter().take(count);
        shipped
            .map(|(name, text)| config::parse(name, text, &options.sets))
            .collect::<Result<Vec<Config>>>()?
    } else {
        let nets = options.nets.iter();
        nets.map(|net| train::network(Some(net), &options.sets))
            .collect::<Result<Vec<Config>>>()?
    };
    let mut ops = bench::op_names();
    if !options.nets.is_empty() {
        ops.clear();
    }
    ops.retain(|op| fits(op));
    nets.retain(|net| fits(&net.name));
    if ops.is_empty() && nets.is_empty() {
        return Err(Error::usage(
            format!(
                "no op and no network is called by a name that contains `{}`",
                options.filter
            ),
            format!("the ops are {}", bench::op_names().join(", ")),
        ));
    }
    Ok(Chosen { ops, nets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn a_kernel_that_is_wrong_is_not_timed_and_fails_the_command() {
        let mut kernels = vec![lines::fabricated::kernel(), lines::fabricated::kernel()];
        verdict(&kernels).unwrap();
        kernels[1].failures = vec!["output 0 is 7".to_owned()];
        kernels[1].timing = None;
        let error = verdict(&kernels).unwrap_err();
        assert_eq!(error.class(), Class::Check);
        assert!(
            error.to_string().starts_with("1 kernel is wrong"),
            "{error}"
        );
        let line = lines::kernel(&kernels[1], &lines::fabricated::probes(), true);
        assert!(line.ends_with("not timed"), "{line}");
        let (adapter, probes) = (
            crate::report::fabricated::adapter(),
            lines::fabricated::probes(),
        );
        let report = objects::Report::new(&adapter, &probes, &kernels, &[], 1.0);
        let report = serde_json::to_value(report).unwrap();
        assert_eq!(report["kernels"][1]["ok"], false);
        assert_eq!(report["kernels"][1]["ms"], serde_json::Value::Null);
        assert_eq!(report["kernels"][0]["gflops"], 50.0);
    }
}
