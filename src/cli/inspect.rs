//! `anygrad inspect`: what a training would do, without doing it.

use std::path::PathBuf;

use serde::Serialize;

use super::Device;
use super::format::{self, Align};
use super::output::Out;
use super::train;
use crate::error::Result;
use crate::plan::{Access, Kernel, Plan};
use crate::train::{Control, Inspection, Request, Tune, inspect};

/// Show the layers of a network, its memory and its kernels, without training
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad inspect digits
  anygrad inspect mnist-cnn --data mnist/ --plan
  anygrad inspect my.toml --set train.batch=256
  anygrad inspect runs/digits")]
pub(super) struct Options {
    /// The network: a TOML file, a run, or digits, mnist-mlp, mnist-cnn, mnist-99, cifar-resnet20, which come along
    #[arg(value_name = "CONFIG.toml|RUN")]
    config: Option<PathBuf>,
    /// Where the data is, if not where the configuration says
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Change a value of the configuration; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Show every kernel of a training step, and every buffer
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    // A run is inspected by its configuration.
    let config = options.config.as_ref().map(|path| {
        let of_run = path.join("config.toml");
        if of_run.is_file() {
            of_run
        } else {
            path.clone()
        }
    });
    let request = Request {
        control: Control::default(),
        config: train::network(config.as_deref(), &options.sets)?,
        data: options.data.clone(),
        fold: None,
        init: None,
        adapter: options.device.choice(),
        trust: options.device.trust(),
        tune: Tune::Off,
        profile: false,
    };
    let inspection = inspect(&request)?;
    out.object(&Object::new(&inspection))?;
    out.lines(&overview(&inspection))?;
    if options.plan {
        out.line("")?;
        out.lines(&kernels(&inspection.step))?;
        out.line("")?;
        out.lines(&buffers(&inspection.step))?;
    }
    Ok(())
}

/// The layers and the memory.
fn overview(inspection: &Inspection) -> Vec<String> {
    let header = ["layer", "kind", "output", "parameters", "FLOP"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let number = |number: u64| match number {
        0 => "–".to_owned(),
        number => format::count(number),
    };
    for (layer, flops) in &inspection.layers {
        rows.push(vec![
            layer.name.clone(),
            layer.kind.clone(),
            format::extents(&layer.output),
            number(layer.parameters as u64),
            number(*flops),
        ]);
    }
    rows.push(vec![
        "total".to_owned(),
        String::new(),
        String::new(),
        format::count(inspection.parameters),
        format::count(
            inspection
                .layers
                .iter()
                .map(|(_, flops)| flops)
                .sum::<u64>(),
        ),
    ]);
    let aligns = [
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
    ];
    let mut lines = vec![
        format!("planned for {}", format::clean(&inspection.adapter)),
        format!(
            "data: {}, {}",
            format::clean(&inspection.data),
            format::samples(
                inspection.sample_shape,
                inspection.classes,
                inspection.regression,
                inspection.text
            )
        ),
        String::new(),
    ];
    lines.extend(format::table(&aligns, &rows));
    let step = &inspection.step;
    lines.extend([
        String::new(),
        "FLOP: floating-point operations forward, for one sample; a multiply-add is two".to_owned(),
        format!(
            "a step of {}: {} in {}, whose bytes are {} of the smallest possible",
            format::plural(inspection.batch, "sample"),
            format::plural(step.kernels.len(), "kernel"),
            format::plural(step.buffers.len(), "buffer"),
            ratio(step)
        ),
        format!(
            "peak memory on the adapter: {}, of these {} data",
            format::bytes(inspection.planned_bytes as u64),
            format::bytes(inspection.data_bytes as u64)
        ),
    ]);
    lines
}

/// Planned memory over the largest sum of bytes in use at one time.
fn ratio(plan: &Plan) -> String {
    let ratio = plan.peak_bytes() as f64 / plan.lower_bound_bytes.max(1) as f64;
    format!("{ratio:.3}")
}

/// The kernels of a step, in order.
fn kernels(plan: &Plan) -> Vec<String> {
    let header = ["", "node", "kernel", "invocations", "reads", "writes"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (number, kernel) in plan.kernels.iter().enumerate() {
        rows.push(vec![
            number.to_string(),
            kernel.label.clone(),
            format!("{}.{}", kernel.shader, kernel.entry),
            format::count(kernel.invocations),
            bound(kernel, Access::Read),
            bound(kernel, Access::ReadWrite),
        ]);
    }
    let aligns = [
        Align::Right,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Left,
        Align::Left,
    ];
    format::table(&aligns, &rows)
}

/// The buffers that a kernel binds in this way.
fn bound(kernel: &Kernel, access: Access) -> String {
    let bindings = kernel.bindings.iter().filter(|(_, how)| *how == access);
    let numbers: Vec<String> = bindings
        .map(|(region, _)| region.buffer.to_string())
        .collect();
    numbers.join(" ")
}

/// The buffers of a step.
fn buffers(plan: &Plan) -> Vec<String> {
    let mut rows = vec![["buffer", "bytes", "holds"].map(str::to_owned).to_vec()];
    for (number, buffer) in plan.buffers.iter().enumerate() {
        rows.push(vec![
            number.to_string(),
            format::count(buffer.bytes),
            match &buffer.persistent {
                Some(name) => name.clone(),
                None => "what lives between kernels".to_owned(),
            },
        ]);
    }
    let total = plan.peak_bytes();
    rows.push(vec![
        "total".to_owned(),
        format::count(total),
        String::new(),
    ]);
    format::table(&[Align::Right, Align::Right, Align::Left], &rows)
}

/// A training before it begins, for machines.
#[derive(Serialize)]
struct Object<'a> {
    adapter: &'a str,
    data: &'a str,
    sample_shape: [usize; 3],
    classes: usize,
    batch: usize,
    micro_batch: usize,
    layers: Vec<Layer<'a>>,
    parameters: usize,
    planned_bytes: usize,
    data_bytes: usize,
    step: Step<'a>,
}

#[derive(Serialize)]
struct Layer<'a> {
    name: &'a str,
    kind: &'a str,
    output: &'a [usize],
    parameters: usize,
    flops: u64,
}

#[derive(Serialize)]
struct Step<'a> {
    peak_bytes: usize,
    lower_bound_bytes: usize,
    kernels: Vec<KernelObject<'a>>,
    buffers: Vec<Buffer<'a>>,
}

#[derive(Serialize)]
struct KernelObject<'a> {
    node: &'a str,
    shader: &'a str,
    entry: &'a str,
    invocations: usize,
    flops: u64,
    reads: Vec<usize>,
    writes: Vec<usize>,
}

#[derive(Serialize)]
struct Buffer<'a> {
    bytes: usize,
    name: Option<&'a str>,
}

impl<'a> Object<'a> {
    fn new(inspection: &'a Inspection) -> Self {
        let plan = &inspection.step;
        let bound = |kernel: &Kernel, access| {
            let bindings = kernel.bindings.iter().filter(|(_, how)| *how == access);
            bindings.map(|(region, _)| region.buffer).collect()
        };
        let layers = inspection.layers.iter().map(|(layer, flops)| Layer {
            name: &layer.name,
            kind: &layer.kind,
            output: &layer.output,
            parameters: layer.parameters,
            flops: *flops,
        });
        let kernels = plan.kernels.iter().map(|kernel| KernelObject {
            node: &kernel.label,
            shader: kernel.shader,
            entry: kernel.entry,
            invocations: kernel.invocations,
            flops: kernel.flops,
            reads: bound(kernel, Access::Read),
            writes: bound(kernel, Access::ReadWrite),
        });
        let buffers = plan.buffers.iter().map(|buffer| Buffer {
            bytes: buffer.bytes,
            name: buffer.persistent.as_deref(),
        });
        Self {
            adapter: &inspection.adapter.name,
            data: &inspection.data,
            sample_shape: inspection.sample_shape,
            classes: inspection.classes,
            batch: inspection.batch,
            micro_batch: inspection.micro_batch,
            layers: layers.collect(),
            parameters: inspection.parameters,
            planned_bytes: inspection.planned_bytes,
            data_bytes: inspection.data_bytes,
            step: Step {
                peak_bytes: plan.peak_bytes(),
                lower_bound_bytes: plan.lower_bound_bytes,
                kernels: kernels.collect(),
                buffers: buffers.collect(),
            },
        }
    }
}
