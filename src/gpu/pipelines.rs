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

/// Compiled kernels by specialised text and entry point.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    compiled: BTreeMap<(String, &'static str), Pipeline>,
}

impl Pipelines {
    /// The pipeline of a kernel, compiled if it is new.
    pub(super) fn get(&mut self, gpu: &Gpu, kernel: &Kernel) -> Result<Pipeline> {
        let mut text = ops::text(
            kernel.shader,
            &kernel.constants,
            kernel.fusion.stages(),
            kernel.bindings.len(),
        );
        if gpu.trust == Trust::Watched {
            text = wgsl::watched(&text, kernel.loop_trips);
        }
        let key = (text, kernel.entry);
        if let Some(pipeline) = self.compiled.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = compile(gpu, kernel, &key.0)?;
        self.compiled.insert(key, pipeline.clone());
        Ok(pipeline)
    }
}

fn compile(gpu: &Gpu, kernel: &Kernel, text: &str) -> Result<Pipeline> {
    let refuse = |why: String| {
        Error::device(
            format!(
                "{}: kernel {}.{} does not compile: {why}",
                gpu.info.name, kernel.shader, kernel.entry
            ),
            "this is a bug of anygrad or of the driver; please report it with the output of `anygrad devices`",
        )
    };
    let module = wgsl::parse(text)
        .and_then(|module| module.only(kernel.entry))
        .map_err(refuse)?;
    let workgroup_size = module.entry_points[0].workgroup_size;
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.shader),
        source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module.naga)),
    };
    let module = match gpu.trust {
        Trust::Trusted => trusted::shader_module(&gpu.device, descriptor),
        Trust::Checked | Trust::Watched => gpu.device.create_shader_module(descriptor),
    };
    let pipeline = gpu
        .device
        .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&kernel.label),
            layout: None,
            module: &module,
            entry_point: Some(kernel.entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
    if let Some(error) = pollster::block_on(scope.pop()) {
        return Err(refuse(error.to_string()));
    }
    gpu.healthy()?;
    let workgroup = workgroup_size.iter().map(|&n| n as usize).product();
    Ok(Pipeline {
        pipeline,
        workgroup,
    })
}
