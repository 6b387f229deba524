//! The opened device, and the errors that arrive outside of calls.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::adapter::{self, AdapterInfo, Choice};
use super::readback::{Counters, Spare};
use crate::error::{Error, Result};
use crate::graph::Target;

/// Whether shaders run with wgpu's run-time checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Without: the kernels guard themselves.
    #[default]
    Trusted,
    /// With index clamps and loop counters; slower.
    Checked,
    /// Checked, and the kernels find out themselves whether they reach outside of an array or loop too long: for proofs.
    Watched,
}

/// An adapter opened for work.
#[derive(Debug)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    /// The adapter's description.
    pub info: AdapterInfo,
    /// Whether shaders run with run-time checks.
    pub trust: Trust,
    /// How often the host read back and waited.
    pub counters: Counters,
    pub(super) spare: Spare,
    fault: Arc<Mutex<Option<String>>>,
    /// Submissions that may still run, oldest first.
    in_flight: RefCell<VecDeque<wgpu::SubmissionIndex>>,
}

/// Submissions the host may be ahead of the GPU, all plans together.
const IN_FLIGHT: usize = 2;

/// The longest a single wait for the device may take: software adapters are slow, but a minute without an answer is a hang.
const TIMEOUT: Duration = Duration::from_secs(120);

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// If there is none, or it does not open.
    pub fn open(choice: &Choice, trust: Trust) -> Result<Self> {
        let instance = adapter::instance();
        let adapter = adapter::select(&instance, choice)?;
        let info = adapter::describe(&adapter);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("anygrad"),
            required_features: adapter::used_features(&adapter),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (device, queue) =
            pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
                Error::device(
                    format!("{}: the device does not open: {error}", info.name),
                    "update the GPU's driver",
                )
            })?;
        let fault = Arc::new(Mutex::new(None));
        let on_error = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            record(&on_error, format!("{error}"));
        }));
        let on_lost = Arc::clone(&fault);
        device.set_device_lost_callback(move |reason, message| {
            record(
                &on_lost,
                format!("the device was lost ({reason:?}): {message}"),
            );
        });
        Ok(Self {
            device,
            queue,
            info,
            trust,
            counters: Counters::default(),
            spare: Spare::default(),
            fault,
            in_flight: RefCell::default(),
        })
    }

    /// What the adapter offers to kernels.
    pub fn target(&self) -> Target {
        let [smallest, largest] = self.info.subgroups;
        let has = |feature| self.device.features().contains(feature);
        let subgroups = has(wgpu::Features::SUBGROUP) && smallest == largest;
        Target {
            subgroup: subgroups.then_some(smallest),
            wide_loads: self.info.is_software() && has(wgpu::Features::SHADER_INT64),
            workgroup_tiles: !self.info.is_software(),
            f16: self.has_f16(),
        }
    }

    /// Whether kernels may compute with 16-bit floats.
    pub fn has_f16(&self) -> bool {
        self.device.features().contains(wgpu::Features::SHADER_F16)
    }

    /// The first error that arrived outside of a call, if any.
    ///
    /// # Errors
    /// That error.
    pub fn healthy(&self) -> Result<()> {
        let fault = self
            .fault
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match fault.as_deref() {
            None => Ok(()),
            Some(fault) => Err(Error::device(
                format!("{}: {fault}", self.info.name),
                "try `anygrad verify`, a smaller batch, or another adapter with --adapter",
            )),
        }
    }

    /// Waits until a submission is done, or all of them.
    ///
    /// # Errors
    /// If the device is lost or does not answer.
    pub(super) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        self.healthy()?;
        let poll = wgpu::PollType::Wait {
            submission_index: submission,
            timeout: Some(TIMEOUT),
        };
        self.poll_device(poll)
    }

    /// Submits commands, and waits for the third last submission, so that the GPU always has work and never much of it.
    ///
    /// # Errors
    /// If the device is lost or does not answer.
    pub(super) fn submit(&self, commands: wgpu::CommandBuffer) -> Result<()> {
        let submission = self.queue.submit([commands]);
        self.counters.count_submit();
        let oldest = {
            let mut in_flight = self.in_flight.borrow_mut();
            in_flight.push_back(submission);
            (in_flight.len() > IN_FLIGHT)
                .then(|| in_flight.pop_front())
                .flatten()
        };
        if oldest.is_some() {
            self.counters.count_throttle();
            self.wait(oldest)?;
        }
        self.poll()
    }

    /// Waits until the device has nothing left to do, and counts that as a blocking wait.
    ///
    /// # Errors
    /// If the device is lost or does not answer.
    pub fn drain(&self) -> Result<()> {
        self.counters.count_blocking_wait();
        self.wait(None)
    }

    /// Lets finished work report, without waiting.
    pub(super) fn poll(&self) -> Result<()> {
        self.healthy()?;
        self.poll_device(wgpu::PollType::Poll)
    }

    /// Polls, and reports what that brought up.
    fn poll_device(&self, poll: wgpu::PollType) -> Result<()> {
        // wgpu panics when it finds the device lost in the middle of a poll; nothing of ours is touched meanwhile.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        self.healthy()?;
        let why = match polled {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it was lost".to_owned(),
        };
        Err(Error::device(
            format!("{}: no answer from the device: {why}", self.info.name),
            "the driver may have stopped it; try a smaller batch",
        ))
    }

    /// Creates a buffer, and notices when there is no memory for it.
    pub(super) fn create_buffer(
        &self,
        label: &str,
        bytes: usize,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.next_multiple_of(16) as u64,
            usage,
            mapped_at_creation: false,
        });
        self.counters.count_buffer();
        let refused = pollster::block_on(validation.pop());
        let exhausted = pollster::block_on(scope.pop());
        match refused.or(exhausted) {
            None => self.healthy().map(|()| buffer),
            Some(error) => Err(Error::device(
                format!(
                    "{}: no buffer of {bytes} bytes for {label}: {error}",
                    self.info.name
                ),
                "a smaller `train.batch` needs less memory",
            )),
        }
    }
}

fn record(fault: &Mutex<Option<String>>, text: String) {
    fault
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .get_or_insert(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::gpu::{Executor, Kernels, Memory};
    use crate::graph::{Graph, TensorType};
    use crate::ops::scale::Scale;
    use crate::plan::Plan;

    fn open() -> Option<Gpu> {
        let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
        match Gpu::open(&Choice::from(choice.as_str()), Trust::Trusted) {
            Ok(gpu) => Some(gpu),
            Err(_) if std::env::var("ANYGRAD_GPU").is_ok_and(|policy| policy == "skip") => None,
            Err(error) => panic!("{error}; {} (or set ANYGRAD_GPU=skip)", error.help()),
        }
    }

    #[test]
    fn a_lost_device_is_an_error_of_every_call_and_never_a_panic() {
        let Some(gpu) = open() else { return };
        let mut graph = Graph::new();
        let x = graph.input("x", TensorType::f32([64]));
        let y = graph.one(Scale { alpha: 2.0 }, &[x]);
        let plan = Plan::new(&graph, &[x, y]);
        let (mut memory, mut kernels) = (Memory::new(), Kernels::default());
        let mut executor = Executor::new(&gpu, &mut memory, &mut kernels, plan.clone()).unwrap();
        executor.write(&gpu, x, &[1f32.to_bits(); 64]);
        executor.submit(&gpu, &memory, 1, None).unwrap();
        assert_eq!(executor.read(&gpu, y).unwrap(), [2f32.to_bits(); 64]);

        gpu.device.destroy();
        executor.write(&gpu, x, &[0; 64]);
        let errors = [
            executor.submit(&gpu, &memory, 3, None).unwrap_err(),
            executor.read(&gpu, y).unwrap_err(),
            memory.write(&gpu, "new", 64, &[0; 16]).unwrap_err(),
            gpu.drain().unwrap_err(),
            Executor::new(&gpu, &mut memory, &mut kernels, plan).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.class(), Class::Device, "{error}");
            assert!(error.to_string().contains("lost"), "{error}");
        }
    }

    #[test]
    fn the_host_is_never_further_ahead_than_two_submissions_of_all_plans_together() {
        let Some(gpu) = open() else { return };
        let (mut memory, mut kernels) = (Memory::new(), Kernels::default());
        let mut executors: Vec<Executor> = (0..3)
            .map(|_| {
                let mut graph = Graph::new();
                let x = graph.input("x", TensorType::f32([64]));
                let y = graph.one(Scale { alpha: 2.0 }, &[x]);
                let plan = Plan::new(&graph, &[x, y]);
                Executor::new(&gpu, &mut memory, &mut kernels, plan).unwrap()
            })
            .collect();
        for _ in 0..4 {
            for executor in &mut executors {
                executor.submit(&gpu, &memory, 1, None).unwrap();
            }
        }
        assert_eq!(gpu.counters.submits(), 12);
        assert_eq!(gpu.counters.throttles(), 10);
    }
}
