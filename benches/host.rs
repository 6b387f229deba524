//! What the host does before and between the adapter's work: graph, plan, shader text, commands.
//!
//! `cargo bench` runs it; the adapter's own work is measured by `anygrad bench`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anygrad::config::{self, Config};
use anygrad::gpu::{Choice, Executor, Gpu, Kernels, Memory, Trust};
use anygrad::graph::{DType, Graph, Target};
use anygrad::nn::Network;
use anygrad::ops::{self, gather_batch::Normalization};
use anygrad::plan::Plan;
use anygrad::train::step::{self, Pass, Resident};
use anygrad::wgsl;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// A shipped network with the shape of its data.
struct Net {
    name: &'static str,
    config: Config,
    network: Network,
    data: Resident,
}

impl Net {
    fn all() -> Vec<Self> {
        let nets = [
            ("digits", [8, 8, 1]),
            ("mnist-mlp", [28, 28, 1]),
            ("mnist-cnn", [28, 28, 1]),
        ];
        nets.map(|(name, sample_shape)| {
            let file = format!("{name}.toml");
            let shipped = config::SHIPPED.iter().find(|(known, _)| *known == file);
            let config = config::parse(&file, shipped.unwrap().1, &[]).unwrap();
            let network = Network::new(&config, sample_shape, 10).unwrap();
            let data = Resident {
                samples: 6000,
                sample_shape,
                dtype: DType::U8,
                classes: 10,
                regression: false,
                weighted: false,
                window_bytes: None,
                normalization: Normalization::default(),
                windows: None,
            };
            Self {
                name,
                config,
                network,
                data,
            }
        })
        .into()
    }

    /// Forward, backward and update.
    fn graph(&self) -> Graph {
        let pass = Pass {
            part: 0..self.data.samples,
            name: "training",
        };
        step::training(&self.network, &self.config, &self.data, &pass)
    }
}

fn graph(c: &mut Criterion) {
    let mut group = c.benchmark_group("graph and autograd");
    for net in Net::all() {
        group.bench_function(net.name, |b| b.iter(|| net.graph()));
    }
    group.finish();
}

fn plan(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan: fusion, ways, memory");
    for net in Net::all() {
        let graph = net.graph();
        group.bench_function(net.name, |b| {
            b.iter(|| Plan::for_target(black_box(graph.clone()), &[], &Target::FLOOR));
        });
    }
    group.finish();
}

fn shaders(c: &mut Criterion) {
    let mut group = c.benchmark_group("shader text of a step through naga");
    for net in Net::all() {
        let plan = Plan::for_target(net.graph(), &[], &Target::FLOOR);
        group.bench_function(net.name, |b| {
            b.iter(|| {
                for kernel in &plan.kernels {
                    let stages = kernel.fusion.stages();
                    let text = ops::text(
                        kernel.shader,
                        &kernel.constants,
                        stages,
                        kernel.bindings.len(),
                    );
                    black_box(wgsl::parse(&text).unwrap().only(kernel.entry).unwrap());
                }
            });
        });
    }
    group.finish();
}

/// Encoding and submitting: the time of one step in a submission of many, while the adapter has nothing else to do.
fn encode(c: &mut Criterion) {
    let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
    let gpu = Gpu::open(&Choice::from(choice.as_str()), Trust::Trusted).unwrap();
    let mut group = c.benchmark_group("encode a step of one submission");
    for net in Net::all() {
        let plan = Plan::for_target(net.graph(), &[], &gpu.target());
        let dispatches = plan.kernels.len();
        let (mut memory, mut kernels) = (Memory::new(), Kernels::default());
        let mut executor = Executor::new(&gpu, &mut memory, &mut kernels, plan).unwrap();
        let id = BenchmarkId::new(net.name, format!("{dispatches} dispatches"));
        group.bench_function(id, |b| {
            b.iter_custom(|steps| {
                let mut host = Duration::ZERO;
                let mut left = usize::try_from(steps).unwrap();
                while left > 0 {
                    // What `train` puts into one submission at most.
                    let now = left.min(step::RING);
                    gpu.drain().unwrap();
                    let begin = Instant::now();
                    executor.submit(&gpu, &memory, now, None).unwrap();
                    host += begin.elapsed();
                    left -= now;
                }
                gpu.drain().unwrap();
                host
            });
        });
    }
    group.finish();
}

criterion_group!(benches, graph, plan, shaders, encode);
criterion_main!(benches);
