//! Where the time of training steps goes, kernel by kernel, as the adapter's own clock gives it.

use crate::error::Result;
use crate::gpu::{Executor, Gpu, Lap, Laps, Stopwatch};
use crate::plan::Plan;

/// Steps whose kernels are kept one by one, for a picture of them.
const TRACED: usize = 32;

/// The kernels of a step, with their times over the steps that were timed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// In the order of the step.
    pub kernels: Vec<KernelProfile>,
    /// Steps that were timed.
    pub steps: u64,
    /// Begin and end of each kernel of the first steps, in nanoseconds since the first one began.
    pub trace: Vec<Vec<Lap>>,
}

/// One kernel of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelProfile {
    /// `layer/op.pass`.
    pub label: String,
    /// Shader and entry point.
    pub kernel: String,
    /// Floating-point operations of a run.
    pub flops: u64,
    /// Bytes of a run, at least.
    pub bytes: u64,
    /// Nanoseconds of all timed runs together.
    pub nanoseconds: f64,
}

impl KernelProfile {
    /// The layer it belongs to, or the part of the step beside the layers.
    pub fn layer(&self) -> &str {
        // A layer's name may be a path, an op's is none.
        let layer = self.label.rsplit_once('/');
        layer.map_or(self.label.as_str(), |(layer, _)| layer)
    }
}

impl Profile {
    fn of(plan: &Plan) -> Self {
        let kernels = plan.kernels.iter().map(|kernel| KernelProfile {
            label: kernel.label.clone(),
            kernel: format!("{}.{}", kernel.shader, kernel.entry),
            flops: kernel.flops,
            bytes: kernel.traffic_bytes() as u64,
            nanoseconds: 0.0,
        });
        Self {
            kernels: kernels.collect(),
            ..Self::default()
        }
    }

    /// Adds a step.
    ///
    /// # Panics
    /// If it has another number of kernels.
    fn add(&mut self, laps: &[Lap]) {
        assert_eq!(laps.len(), self.kernels.len(), "one time for each kernel");
        for (kernel, lap) in self.kernels.iter_mut().zip(laps) {
            kernel.nanoseconds += lap.nanoseconds();
        }
        self.steps += 1;
        if self.trace.len() < TRACED {
            self.trace.push(laps.to_vec());
        }
    }

    /// The profile with the clock set to zero at the begin of the first step.
    fn finished(mut self) -> Self {
        let first = self.trace.first().and_then(|step| step.first());
        let zero = first.map_or(0.0, |lap| lap.begin);
        for lap in self.trace.iter_mut().flatten() {
            lap.begin -= zero;
            lap.end -= zero;
        }
        self
    }

    /// Nanoseconds of all kernels of a step, on average.
    pub fn step_nanoseconds(&self) -> f64 {
        let all: f64 = self.kernels.iter().map(|kernel| kernel.nanoseconds).sum();
        all / self.steps.max(1) as f64
    }

    /// The layers in the order in which a step first comes to them, each with the nanoseconds of its kernels in a step.
    pub fn layers(&self) -> Vec<(&str, f64)> {
        let mut layers: Vec<(&str, f64)> = Vec::new();
        for kernel in &self.kernels {
            let nanoseconds = kernel.nanoseconds / self.steps.max(1) as f64;
            match layers
                .iter_mut()
                .find(|(layer, _)| *layer == kernel.layer())
            {
                Some((_, sum)) => *sum += nanoseconds,
                None => layers.push((kernel.layer(), nanoseconds)),
            }
        }
        layers
    }
}

/// A profile while it is taken.
#[derive(Debug)]
pub(super) struct Profiler {
    pub(super) stopwatch: Stopwatch,
    profile: Profile,
}

impl Profiler {
    /// For the kernels of an executor.
    ///
    /// # Errors
    /// If the adapter has no timestamps.
    pub(super) fn new(gpu: &Gpu, executor: &Executor) -> Result<Self> {
        Ok(Self {
            stopwatch: Stopwatch::new(gpu, executor)?,
            profile: Profile::of(executor.plan()),
        })
    }

    /// Takes the times of a submission.
    pub(super) fn take(&mut self, gpu: &Gpu, laps: Laps) -> Result<()> {
        let steps = laps.take(gpu)?;
        steps.iter().for_each(|step| self.profile.add(step));
        Ok(())
    }

    /// What there is.
    pub(super) fn finish(self) -> Profile {
        self.profile.finished()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(label: &str) -> KernelProfile {
        KernelProfile {
            label: label.to_owned(),
            kernel: "matmul.forward".to_owned(),
            flops: 8,
            bytes: 16,
            nanoseconds: 0.0,
        }
    }

    #[test]
    fn kernels_add_up_to_layers_and_layers_to_the_step() {
        let mut profile = Profile {
            kernels: [
                "conv1/conv2d.forward",
                "dense1/matmul.forward",
                "conv1/conv2d.backward_x",
            ]
            .map(kernel)
            .to_vec(),
            ..Profile::default()
        };
        let lap = |begin, end| Lap { begin, end };
        profile.add(&[lap(100.0, 110.0), lap(110.0, 140.0), lap(150.0, 155.0)]);
        profile.add(&[lap(200.0, 220.0), lap(220.0, 230.0), lap(230.0, 245.0)]);
        let profile = profile.finished();
        assert_eq!(profile.layers(), [("conv1", 25.0), ("dense1", 20.0)]);
        assert_eq!((profile.step_nanoseconds(), profile.steps), (45.0, 2));
        assert_eq!(profile.trace[0][0], lap(0.0, 10.0));
        assert_eq!(profile.trace[1][2], lap(130.0, 145.0));
    }
}
