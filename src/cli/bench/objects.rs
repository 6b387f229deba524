//! Measurements as machines read them: one object.

use serde::Serialize;

use crate::bench::{Figure, KernelBench, NetBench, Probes};
use crate::gpu::AdapterInfo;
use crate::report::AdapterRecord;

/// Everything that was measured.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    adapter: AdapterRecord,
    version: &'static str,
    probe: Probe,
    kernels: Vec<Kernel<'a>>,
    training: Vec<Training<'a>>,
    seconds: f64,
}

/// What the adapter can do.
#[derive(Serialize)]
struct Probe {
    fma_gflops: f64,
    fma_f16_gflops: Option<f64>,
    copy_gbps: f64,
    copy_bytes: usize,
    /// A dispatch that waits for the one before.
    dispatch_us: f64,
    independent_dispatch_us: f64,
    host_us: f64,
    submit_us: f64,
    readback_us: f64,
}

#[derive(Serialize)]
struct Kernel<'a> {
    name: &'a str,
    shape: &'a str,
    kernels: &'a [&'static str],
    ok: bool,
    failures: &'a [String],
    ms: Option<f64>,
    spread: Option<f64>,
    gflops: Option<f64>,
    gbps: Option<f64>,
    of_probe: Option<f64>,
    of_roofline: Option<f64>,
}

#[derive(Serialize)]
struct Training<'a> {
    net: &'a str,
    data: &'a str,
    batch: usize,
    ms_per_step: f64,
    spread: f64,
    samples_per_second: f64,
    first_step_s: f64,
    gflops: f64,
    of_probe: f64,
    of_roofline: f64,
    planned_bytes: usize,
    lower_bound_bytes: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        adapter: &AdapterInfo,
        probes: &Probes,
        kernels: &'a [KernelBench],
        nets: &'a [NetBench],
        seconds: f64,
    ) -> Self {
        let micro = |figure: Figure| figure.value * 1e6;
        let giga = |figure: Figure| figure.value / 1e9;
        let kernels = kernels.iter().map(|kernel| {
            let seconds = kernel.timing.map(|timing| timing.seconds);
            let rate = |amount: u64| seconds.map(|seconds| amount as f64 / seconds / 1e9);
            Kernel {
                name: &kernel.name,
                shape: &kernel.shape,
                kernels: &kernel.entries,
                ok: kernel.failures.is_empty(),
                failures: &kernel.failures,
                ms: seconds.map(|seconds| seconds * 1e3),
                spread: kernel.timing.map(|timing| timing.spread),
                gflops: rate(kernel.work.flops),
                gbps: rate(kernel.work.bytes),
                of_probe: seconds.map(|seconds| probes.share(&kernel.work, seconds)),
                of_roofline: seconds.map(|seconds| kernel.roof_seconds / seconds),
            }
        });
        Self {
            adapter: AdapterRecord::from(adapter),
            version: env!("CARGO_PKG_VERSION"),
            probe: Probe {
                fma_gflops: giga(probes.fma),
                fma_f16_gflops: probes.fma_f16.map(giga),
                copy_gbps: giga(probes.copy),
                copy_bytes: probes.copy_bytes,
                dispatch_us: micro(probes.dispatch),
                independent_dispatch_us: micro(probes.independent),
                host_us: micro(probes.host),
                submit_us: micro(probes.submit),
                readback_us: micro(probes.readback),
            },
            kernels: kernels.collect(),
            training: nets.iter().map(|net| training(net, probes)).collect(),
            seconds,
        }
    }
}

fn training<'a>(net: &'a NetBench, probes: &Probes) -> Training<'a> {
    let seconds = net.timing.seconds;
    Training {
        net: &net.net,
        data: &net.data,
        batch: net.batch,
        ms_per_step: seconds * 1e3,
        spread: net.timing.spread,
        samples_per_second: net.samples_per_second(),
        first_step_s: net.first_step_seconds,
        gflops: net.work.flops as f64 / seconds / 1e9,
        of_probe: probes.share(&net.work, seconds),
        of_roofline: net.roof_seconds / seconds,
        planned_bytes: net.memory[0],
        lower_bound_bytes: net.memory[1],
    }
}
