//! A plan brought to a device: pipelines and bind groups made once, replayed every step.

use super::device::{Gpu, Trust};
use super::memory::{Memory, STORAGE};
use super::pipelines::Pipelines;
use super::readback::{self, Readback};
use crate::error::Result;
use crate::graph::Value;
use crate::plan::{Plan, Region};
use crate::wgsl;

/// One kernel launch, ready to be encoded.
#[derive(Debug)]
struct Launch {
    pipeline: usize,
    bindings: wgpu::BindGroup,
    grid: [u32; 3],
}

/// A plan on a device.
#[derive(Debug)]
pub struct Executor {
    plan: Plan,
    buffers: Vec<wgpu::Buffer>,
    pipelines: Vec<wgpu::ComputePipeline>,
    launches: Vec<Launch>,
    /// Where [`Trust::Watched`] kernels report.
    watch: Option<Region>,
}

/// Pipelines shared by the executors of one device.
#[derive(Debug, Default)]
pub struct Kernels(Pipelines);

impl Executor {
    /// Allocates the plan's buffers (persistent ones from `memory`), compiles its kernels, binds them.
    ///
    /// # Errors
    /// If the device has no memory for it, or a kernel does not compile.
    pub fn new(gpu: &Gpu, memory: &mut Memory, kernels: &mut Kernels, plan: Plan) -> Result<Self> {
        let mut buffers = Vec::with_capacity(plan.buffers.len());
        for buffer in &plan.buffers {
            buffers.push(match &buffer.persistent {
                Some(name) => memory.buffer(gpu, name, buffer.bytes)?,
                None => gpu.create_buffer("working memory", buffer.bytes, STORAGE)?,
            });
        }
        let watch = match gpu.trust {
            Trust::Trusted | Trust::Checked => None,
            Trust::Watched => {
                let bytes = wgsl::WATCH_WORDS * 4;
                buffers.push(gpu.create_buffer("watch", bytes, STORAGE)?);
                Some(Region {
                    buffer: buffers.len() - 1,
                    offset: 0,
                    bytes,
                })
            }
        };
        let mut pipelines: Vec<wgpu::ComputePipeline> = Vec::new();
        let mut launches = Vec::with_capacity(plan.kernels.len());
        let compiled = kernels.0.of(gpu, &plan.kernels)?;
        for (kernel, compiled) in plan.kernels.iter().zip(compiled) {
            let grid = compiled.grid(kernel.invocations);
            let entries: Vec<wgpu::BindGroupEntry<'_>> = kernel
                .bindings
                .iter()
                .zip(0..)
                .map(|((region, _), binding)| (region, binding))
                .chain(watch.iter().map(|region| (region, wgsl::WATCH_BINDING)))
                .map(|(region, binding)| wgpu::BindGroupEntry {
                    binding,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &buffers[region.buffer],
                        offset: region.offset as u64,
                        size: std::num::NonZeroU64::new(region.bytes as u64),
                    }),
                })
                .collect();
            let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(&kernel.label),
                layout: &compiled.pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            let pipeline = match pipelines
                .iter()
                .position(|known| *known == compiled.pipeline)
            {
                Some(known) => known,
                None => {
                    pipelines.push(compiled.pipeline);
                    pipelines.len() - 1
                }
            };
            launches.push(Launch {
                pipeline,
                bindings,
                grid,
            });
        }
        gpu.healthy()?;
        Ok(Self {
            plan,
            buffers,
            pipelines,
            launches,
            watch,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Writes a tensor of the graph.
    ///
    /// # Panics
    /// If there are more words than the tensor has.
    pub fn write(&self, gpu: &Gpu, value: Value, words: &[u32]) {
        let region = self.plan.region(value);
        assert!(
            words.len() * 4 <= region.bytes,
            "a tensor of {} bytes",
            region.bytes
        );
        gpu.queue.write_buffer(
            &self.buffers[region.buffer],
            region.offset as u64,
            bytemuck::cast_slice(words),
        );
    }

    /// Reads a tensor of the graph after everything submitted is done.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read(&self, gpu: &Gpu, value: Value) -> Result<Vec<u32>> {
        let region = self.plan.region(value);
        readback::read_now(
            gpu,
            &self.buffers[region.buffer],
            region.offset,
            region.bytes,
        )
    }

    /// What the kernels of a [`Trust::Watched`] device have found, after everything submitted is done: how many invocations
    /// reached outside of an array, and how many looped longer than their plan says. Both are 0 on other devices.
    ///
    /// # Errors
    /// If the device fails.
    pub fn watched(&self, gpu: &Gpu) -> Result<[u32; wgsl::WATCH_WORDS]> {
        let mut counts = [0; wgsl::WATCH_WORDS];
        if let Some(Region {
            buffer,
            offset,
            bytes,
        }) = self.watch
        {
            let words = readback::read_now(gpu, &self.buffers[buffer], offset, bytes)?;
            // A buffer is read in units of 16 bytes.
            counts.copy_from_slice(&words[..wgsl::WATCH_WORDS]);
        }
        Ok(counts)
    }

    /// Runs the plan `steps` times in one submission, then starts a copy of the named persistent buffers to the host.
    ///
    /// The host does not wait for the work, but it never gets further ahead than two submissions.
    ///
    /// # Errors
    /// If the device fails.
    pub fn submit(
        &mut self,
        gpu: &Gpu,
        memory: &Memory,
        steps: usize,
        read: Option<&str>,
    ) -> Result<Option<Readback>> {
        let mut encoder = gpu
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for _ in 0..steps {
                let mut last = usize::MAX;
                for launch in &self.launches {
                    if launch.pipeline != last {
                        pass.set_pipeline(&self.pipelines[launch.pipeline]);
                        last = launch.pipeline;
                    }
                    pass.set_bind_group(0, &launch.bindings, &[]);
                    let [x, y, z] = launch.grid;
                    pass.dispatch_workgroups(x, y, z);
                }
            }
        }
        let readback = read
            .map(|name| Readback::encode(gpu, memory, name, &mut encoder))
            .transpose()?;
        gpu.submit(encoder.finish())?;
        Ok(readback)
    }
}
