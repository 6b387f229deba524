//! What an adapter can do at most, in kernels that do nothing else (`shaders/probe/`).

use std::time::Instant;

use super::Work;
use super::clock::{Effort, Timing, time, time_plan};
use crate::error::Result;
use crate::gpu::{Executor, Gpu, Kernels, Memory};
use crate::graph::{Constant, Fusion};
use crate::plan::{Access, Kernel, Plan, PlanBuffer, Region};

/// What was measured of an adapter: each the median, with its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probes {
    /// Multiply-adds of f32 in registers, in floating-point operations a second.
    pub fma: Figure,
    /// The same of f16, where the adapter has it.
    pub fma_f16: Option<Figure>,
    /// A copy too large for caches, reads and writes counted, in bytes a second.
    pub copy: Figure,
    /// Bytes of that copy's source.
    pub copy_bytes: usize,
    /// Seconds of a dispatch that waits for the one before.
    pub dispatch: Figure,
    /// Seconds of a dispatch that need not wait.
    pub independent: Figure,
    /// Seconds in which the host encodes and submits a dispatch, of many in one submission.
    pub host: Figure,
    /// Seconds from a submission of one dispatch until the host knows that it is done.
    pub submit: Figure,
    /// Seconds until 16 bytes have come from the adapter to the host.
    pub readback: Figure,
}

/// A figure and how far its repetitions lie apart, as a share of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The median.
    pub value: f64,
    /// Half the distance between the quartiles over the median.
    pub spread: f64,
}

impl Figure {
    /// The seconds of each of so many things timed together.
    fn of_each(timing: Timing, count: usize) -> Self {
        Self {
            value: timing.seconds / count as f64,
            spread: timing.spread,
        }
    }

    fn rate(amount: f64, timing: Timing) -> Self {
        Self {
            value: amount / timing.seconds.max(1e-12),
            spread: timing.spread,
        }
    }
}

impl Probes {
    /// The least seconds for such work: what arithmetic, memory and dispatches take, whichever is most.
    pub fn roof_seconds(&self, work: &Work) -> f64 {
        let arithmetic = work.flops as f64 / self.fma.value;
        let memory = work.bytes as f64 / self.copy.value;
        let dispatches = work.dispatches as f64 * self.independent.value;
        arithmetic.max(memory).max(dispatches)
    }

    /// The share of the probe that limits it, arithmetic or memory, which work reaches that takes so long.
    pub fn share(&self, work: &Work, seconds: f64) -> f64 {
        let arithmetic = work.flops as f64 / self.fma.value;
        let memory = work.bytes as f64 / self.copy.value;
        arithmetic.max(memory) / seconds
    }
}

/// Loop iterations of one invocation of the multiply-add probes; the operations of one are 256 times as many.
const TRIPS: usize = 64;
const FLOPS_PER_TRIP: usize = 256;

/// Invocations of the multiply-add probes: the first suits few cores; more are tried as long as that is faster.
const INVOCATIONS: std::ops::RangeInclusive<u32> = 14..=22;

/// A run of the multiply-add probes does not last longer.
const LONGEST_FMA: f64 = 0.05;

/// The copy: beyond the caches of most adapters, and within the bindings of all.
const COPY_BYTES: usize = 64 << 20;

/// Dispatches in one submission when their cost is measured.
const DISPATCHES: usize = 1000;

/// Measures an adapter.
///
/// # Errors
/// If the device fails.
pub fn measure(gpu: &Gpu, effort: Effort) -> Result<Probes> {
    let mut kernels = Kernels::default();
    let limits = &gpu.info.limits;
    let most = limits.max_binding_bytes.min(limits.max_buffer_bytes);
    let copy_bytes = COPY_BYTES.min(usize::try_from(most).unwrap_or(usize::MAX) & !0xff);
    let f16 = gpu
        .has_f16()
        .then(|| fma(gpu, &mut kernels, ["probe/fma_f16", "fma_f16"], effort));
    Ok(Probes {
        fma: fma(gpu, &mut kernels, ["probe/fma_f32", "fma_f32"], effort)?,
        fma_f16: f16.transpose()?,
        copy: copy(gpu, &mut kernels, copy_bytes, effort)?,
        copy_bytes,
        dispatch: dispatch(gpu, &mut kernels, "dependent", effort)?,
        independent: dispatch(gpu, &mut kernels, "independent", effort)?,
        host: host(gpu, &mut kernels, effort)?,
        submit: submit(gpu, &mut kernels, effort)?,
        readback: readback(gpu, effort)?,
    })
}

/// The kernel of a probe over its buffers, each bound whole.
fn plan(
    [shader, entry]: [&'static str; 2],
    constants: Vec<(&'static str, Constant)>,
    buffers: &[(usize, Access)],
    invocations: usize,
    loop_trips: usize,
) -> Plan {
    let bindings = buffers
        .iter()
        .enumerate()
        .map(|(buffer, &(bytes, access))| {
            let region = Region {
                buffer,
                offset: 0,
                bytes,
            };
            (region, access)
        });
    let kernel = Kernel {
        label: shader.to_owned(),
        shader,
        entry,
        constants,
        bindings: bindings.collect(),
        half: Vec::new(),
        invocations,
        loop_trips,
        flops: 0,
        fusion: Fusion::None,
    };
    let buffers = buffers.iter().zip(["probe x", "probe y"]);
    let buffers = buffers.map(|(&(bytes, _), name)| PlanBuffer {
        persistent: Some(name.to_owned()),
        bytes,
    });
    Plan::of_kernels(buffers.collect(), vec![kernel])
}

/// A plan on the adapter, its first buffer filled with these words at its begin.
fn executor(
    gpu: &Gpu,
    kernels: &mut Kernels,
    plan: Plan,
    words: &[u32],
) -> Result<(Memory, Executor)> {
    let mut memory = Memory::new();
    memory.write(gpu, "probe x", plan.buffers[0].bytes, words)?;
    let executor = Executor::new(gpu, &mut memory, kernels, plan)?;
    Ok((memory, executor))
}

/// Factor and addend of the multiply-adds: the values stay near 1, far from everything that is slow.
fn steady() -> Vec<u32> {
    [0.5f32; 4].map(f32::to_bits).to_vec()
}

fn fma(
    gpu: &Gpu,
    kernels: &mut Kernels,
    names: [&'static str; 2],
    effort: Effort,
) -> Result<Figure> {
    let mut best: Option<Figure> = None;
    for log in INVOCATIONS {
        let invocations = 1usize << log;
        let constants = vec![("COUNT", invocations.into()), ("TRIPS", TRIPS.into())];
        let buffers = [(16, Access::Read), (invocations * 16, Access::ReadWrite)];
        let plan = plan(names, constants, &buffers, invocations, TRIPS);
        let (memory, mut executor) = executor(gpu, kernels, plan, &steady())?;
        let timing = time_plan(gpu, &memory, &mut executor, effort)?;
        let flops = invocations * TRIPS * FLOPS_PER_TRIP;
        let figure = Figure::rate(flops as f64, timing);
        let faster = best.is_none_or(|best| figure.value > best.value * 1.05);
        if best.is_none_or(|best| figure.value > best.value) {
            best = Some(figure);
        }
        // Two in a row that are no faster would be needed to be sure; twice as many take twice as long.
        if (!faster && log > 15) || 2.0 * timing.seconds > LONGEST_FMA {
            break;
        }
    }
    Ok(best.expect("at least one size is tried"))
}

fn copy(gpu: &Gpu, kernels: &mut Kernels, bytes: usize, effort: Effort) -> Result<Figure> {
    let vec4s = bytes / 16;
    let buffers = [(bytes, Access::Read), (bytes, Access::ReadWrite)];
    let constants = vec![("COUNT", vec4s.into())];
    let plan = plan(["probe/copy", "copy"], constants, &buffers, vec4s, 0);
    let (memory, mut executor) = executor(gpu, kernels, plan, &[])?;
    let timing = time_plan(gpu, &memory, &mut executor, effort)?;
    Ok(Figure::rate(2.0 * bytes as f64, timing))
}

fn nothing(gpu: &Gpu, kernels: &mut Kernels, entry: &'static str) -> Result<(Memory, Executor)> {
    let buffers = match entry {
        "dependent" => vec![(16, Access::Read), (16, Access::ReadWrite)],
        _ => vec![(16, Access::Read)],
    };
    let plan = plan(["probe/dispatch", entry], Vec::new(), &buffers, 1, 0);
    executor(gpu, kernels, plan, &[0; 4])
}

fn dispatch(
    gpu: &Gpu,
    kernels: &mut Kernels,
    entry: &'static str,
    effort: Effort,
) -> Result<Figure> {
    let (memory, mut executor) = nothing(gpu, kernels, entry)?;
    let timing = time(effort, &mut |repetitions| {
        let begin = Instant::now();
        for _ in 0..repetitions {
            executor.submit(gpu, &memory, DISPATCHES, None)?;
        }
        gpu.drain()?;
        Ok(begin.elapsed().as_secs_f64())
    })?;
    Ok(Figure::of_each(timing, DISPATCHES))
}

/// The host's own time: nothing else is under way when it begins, so that it waits for nothing.
fn host(gpu: &Gpu, kernels: &mut Kernels, effort: Effort) -> Result<Figure> {
    let (memory, mut executor) = nothing(gpu, kernels, "dependent")?;
    let timing = time(effort, &mut |repetitions| {
        let mut seconds = 0.0;
        for _ in 0..repetitions {
            gpu.drain()?;
            let begin = Instant::now();
            executor.submit(gpu, &memory, DISPATCHES, None)?;
            seconds += begin.elapsed().as_secs_f64();
        }
        Ok(seconds)
    })?;
    gpu.drain()?;
    Ok(Figure::of_each(timing, DISPATCHES))
}

fn submit(gpu: &Gpu, kernels: &mut Kernels, effort: Effort) -> Result<Figure> {
    let (memory, mut executor) = nothing(gpu, kernels, "dependent")?;
    let timing = time(effort, &mut |repetitions| {
        let begin = Instant::now();
        for _ in 0..repetitions {
            executor.submit(gpu, &memory, 1, None)?;
            gpu.drain()?;
        }
        Ok(begin.elapsed().as_secs_f64())
    })?;
    Ok(Figure::of_each(timing, 1))
}

fn readback(gpu: &Gpu, effort: Effort) -> Result<Figure> {
    let mut memory = Memory::new();
    memory.write(gpu, "probe x", 16, &[0; 4])?;
    let timing = time(effort, &mut |repetitions| {
        let begin = Instant::now();
        for _ in 0..repetitions {
            memory.read(gpu, "probe x")?;
        }
        Ok(begin.elapsed().as_secs_f64())
    })?;
    Ok(Figure::of_each(timing, 1))
}
