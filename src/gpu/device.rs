//! The opened device, and the errors that arrive outside of calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::adapter::{self, AdapterInfo, Choice};
use super::readback::Counters;
use crate::error::{Error, Result};

/// Whether shaders run with wgpu's run-time checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Without: the kernels guard themselves.
    #[default]
    Trusted,
    /// With index clamps and loop counters; slower.
    Checked,
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
    fault: Arc<Mutex<Option<String>>>,
}

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
            required_features: wgpu::Features::empty(),
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
            fault,
        })
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
        self.device.poll(poll).map_err(|error| {
            Error::device(
                format!("{}: no answer from the device: {error}", self.info.name),
                "the driver may have stopped it; try a smaller batch",
            )
        })?;
        self.healthy()
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
        self.device
            .poll(wgpu::PollType::Poll)
            .map_err(|error| Error::device(format!("{}: {error}", self.info.name), ""))?;
        Ok(())
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
        let refused = pollster::block_on(validation.pop());
        let exhausted = pollster::block_on(scope.pop());
        match refused.or(exhausted) {
            None => Ok(buffer),
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
