//! One pipeline per specialised entry point.

use std::collections::BTreeMap;

use super::device::{Gpu, Trust};
use super::trusted;
use crate::error::{Error, Result};
use crate::ops;
use crate::plan::Kernel;
use crate::wgsl;

/// Workgroups along one axis of a grid, at most: WebGPU's limit.
const MAX_WORKGROUPS: usize = 65_535;

/// A compiled kernel.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    workgroup: usize,
}

impl Pipeline {
    /// The grid for this many invocations: one row of workgroups, or rows of 65,535 (see `shaders/lib/flat.wgsl`).
    pub(super) fn grid(&self, invocations: usize) -> [u32; 3] {
        let workgroups = invocations.div_ceil(self.workgroup).max(1);
        let x = workgroups.min(MAX_WORKGROUPS);
        let y = workgroups.div_ceil(MAX_WORKGROUPS);
        [x, y, 1].map(|n| u32::try_from(n).expect("at most 65,535 workgroups along an axis"))
    }
}

/// What a kernel is compiled from: specialised text and entry point.
type Source = (String, &'static str);

/// Compiled kernels by what they are compiled from.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    compiled: BTreeMap<Source, Pipeline>,
}

impl Pipelines {
    /// The pipeline of each kernel; those that are new are compiled, on all cores.
    pub(super) fn of(&mut self, gpu: &Gpu, kernels: &[Kernel]) -> Result<Vec<Pipeline>> {
        let sources: Vec<Source> = kernels
            .iter()
            .map(|kernel| source(kernel, gpu.trust))
            .collect();
        let mut new: BTreeMap<&Source, &Kernel> = BTreeMap::new();
        for (source, kernel) in sources.iter().zip(kernels) {
            if !self.compiled.contains_key(source) {
                new.entry(source).or_insert(kernel);
            }
        }
        let new: Vec<(&Source, &Kernel)> = new.into_iter().collect();
        for (place, compiled) in (0..).zip(compile_all(&gpu.device, gpu.trust, &new)) {
            let (source, kernel) = new[place];
            let pipeline = compiled.map_err(|why| {
                Error::device(
                    format!(
                        "{}: kernel {}.{} does not compile: {why}",
                        gpu.info.name, kernel.shader, kernel.entry
                    ),
                    "this is a bug of anygrad or of the driver; please report it with the output of `anygrad devices`",
                )
            })?;
            self.compiled.insert(source.clone(), pipeline);
        }
        gpu.healthy()?;
        let compiled = sources.iter().map(|source| self.compiled[source].clone());
        Ok(compiled.collect())
    }
}

fn source(kernel: &Kernel, trust: Trust) -> Source {
    let text = ops::text(
        kernel.shader,
        &kernel.constants,
        kernel.fusion.stages(),
        kernel.bindings.len(),
    );
    let text = match kernel.half.as_slice() {
        [] => text,
        bindings => wgsl::halved(&text, bindings),
    };
    let text = match trust {
        Trust::Trusted | Trust::Checked => text,
        Trust::Watched => wgsl::watched(&text, kernel.loop_trips),
    };
    (text, kernel.entry)
}

/// Compiles kernels on all cores; the results in their order.
fn compile_all(
    device: &wgpu::Device,
    trust: Trust,
    kernels: &[(&Source, &Kernel)],
) -> Vec<Result<Pipeline, String>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let of_core = kernels.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = kernels
            .chunks(of_core)
            .map(|part| {
                let compile =
                    |(source, kernel): &(&Source, &Kernel)| compile(device, trust, kernel, source);
                scope.spawn(move || part.iter().map(compile).collect::<Vec<_>>())
            })
            .collect();
        let results = workers.into_iter().flat_map(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        results.collect()
    })
}

fn compile(
    device: &wgpu::Device,
    trust: Trust,
    kernel: &Kernel,
    (text, entry): &Source,
) -> Result<Pipeline, String> {
    let module = wgsl::parse(text)?.only(entry)?;
    for &binding in &kernel.half {
        if !module.stores_half(binding) {
            return Err(format!("binding {binding} cannot be stored in 16 bits"));
        }
    }
    let workgroup_size = module.entry_points[0].workgroup_size;
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(entry),
        source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module.naga)),
    };
    let module = match trust {
        Trust::Trusted => trusted::shader_module(device, descriptor),
        Trust::Checked | Trust::Watched => device.create_shader_module(descriptor),
    };
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&kernel.label),
        layout: None,
        module: &module,
        entry_point: Some(entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    match pollster::block_on(scope.pop()) {
        Some(error) => Err(error.to_string()),
        None => Ok(Pipeline {
            pipeline,
            workgroup: workgroup_size.iter().map(|&n| n as usize).product(),
        }),
    }
}
