//! From the GPU to the host: a blocking read for the ends of things, and an asynchronous one for the loop.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};

use super::device::Gpu;
use super::memory::Memory;
use crate::error::{Error, Result};

/// How often the host read back and waited: what "resident" means, in numbers.
#[derive(Debug, Default)]
pub struct Counters {
    bytes_read: Cell<u64>,
    blocking_waits: Cell<u64>,
    submits: Cell<u64>,
    throttles: Cell<u64>,
    buffers: Cell<u64>,
}

impl Counters {
    /// Bytes copied from the GPU to the host so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Waits so far in which the host stood still until the GPU had nothing left to do.
    pub fn blocking_waits(&self) -> u64 {
        self.blocking_waits.get()
    }

    /// Submissions so far.
    pub fn submits(&self) -> u64 {
        self.submits.get()
    }

    /// Waits so far in which the host let the GPU catch up while it still had work queued.
    pub fn throttles(&self) -> u64 {
        self.throttles.get()
    }

    /// Buffers made so far, those that are gone again included.
    pub fn buffers(&self) -> u64 {
        self.buffers.get()
    }

    fn add(cell: &Cell<u64>, amount: u64) {
        cell.set(cell.get() + amount);
    }

    pub(super) fn count_submit(&self) {
        Self::add(&self.submits, 1);
    }

    pub(super) fn count_blocking_wait(&self) {
        Self::add(&self.blocking_waits, 1);
    }

    pub(super) fn count_buffer(&self) {
        Self::add(&self.buffers, 1);
    }

    pub(super) fn count_throttle(&self) {
        Self::add(&self.throttles, 1);
    }
}

/// Reads a part of a buffer and waits for it: for results after a run, never inside the loop.
pub(super) fn read_now(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    offset: usize,
    bytes: usize,
) -> Result<Vec<u32>> {
    let staging = Staging::new(gpu, bytes)?;
    let mut encoder = gpu
        .device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(buffer, offset as u64, &staging.buffer, 0, bytes as u64);
    let pending = staging.map_on_submit(&encoder);
    gpu.queue.submit([encoder.finish()]);
    gpu.counters.count_submit();
    gpu.drain()?;
    pending.take(gpu)
}

/// Buffers to copy into that have been read and wait for the next copy, so that a loop allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Spare(RefCell<Vec<wgpu::Buffer>>);

impl Spare {
    /// A loop has two submissions in flight, one being read, and perhaps two kinds of copies.
    const MOST: usize = 8;

    /// Larger ones are not of a loop: the weights at its end.
    const MOST_BYTES: u64 = 1 << 20;

    fn take(&self, bytes: usize) -> Option<wgpu::Buffer> {
        let mut spare = self.0.borrow_mut();
        let size = bytes.next_multiple_of(16) as u64;
        let place = spare.iter().position(|buffer| buffer.size() == size)?;
        Some(spare.remove(place))
    }

    fn keep(&self, buffer: wgpu::Buffer) {
        let mut spare = self.0.borrow_mut();
        if buffer.size() <= Self::MOST_BYTES {
            if spare.len() == Self::MOST {
                spare.remove(0);
            }
            spare.push(buffer);
        }
    }
}

/// A host-visible buffer to copy into.
struct Staging {
    buffer: wgpu::Buffer,
}

impl Staging {
    fn new(gpu: &Gpu, bytes: usize) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let buffer = match gpu.spare.take(bytes) {
            Some(buffer) => buffer,
            None => gpu.create_buffer("staging", bytes, usage)?,
        };
        Ok(Self { buffer })
    }

    /// Maps the buffer when the encoder's commands have run.
    fn map_on_submit(self, encoder: &wgpu::CommandEncoder) -> Readback {
        let (sender, receiver) = oneshot_channel();
        encoder.map_buffer_on_submit(&self.buffer, wgpu::MapMode::Read, .., move |result| {
            // The receiver may be gone when a run ends early; then nobody wants the answer.
            let _ = sender.send(result.map_err(|error| error.to_string()));
        });
        Readback {
            buffer: self.buffer,
            receiver,
            outcome: None,
        }
    }
}

/// A copy on its way to the host.
pub struct Readback {
    buffer: wgpu::Buffer,
    receiver: OneshotReceiver<Result<(), String>>,
    outcome: Option<Result<(), String>>,
}

impl std::fmt::Debug for Readback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Readback of {} bytes", self.buffer.size())
    }
}

impl Readback {
    /// Adds a copy of a named buffer to the encoder; it can be taken once the submission is done.
    pub(super) fn encode(
        gpu: &Gpu,
        memory: &Memory,
        name: &str,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<Self> {
        let source = memory.existing(name);
        Self::of_buffer(gpu, source, source.size(), encoder)
    }

    /// Adds a copy of the first bytes of a buffer to the encoder.
    pub(super) fn of_buffer(
        gpu: &Gpu,
        source: &wgpu::Buffer,
        bytes: u64,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<Self> {
        let staging = Staging::new(gpu, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        encoder.copy_buffer_to_buffer(source, 0, &staging.buffer, 0, bytes);
        Ok(staging.map_on_submit(encoder))
    }

    /// Whether the copy has arrived, as far as the device has reported: never waits.
    pub fn ready(&mut self) -> bool {
        if self.outcome.is_none() {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(outcome) = pin!(self.receiver.receive()).poll(&mut context) {
                self.outcome =
                    Some(outcome.unwrap_or_else(|| Err("the device dropped the read".to_owned())));
            }
        }
        self.outcome.is_some()
    }

    /// The words. Waits for the device, and counts that, if they have not arrived.
    ///
    /// # Errors
    /// If the device fails.
    pub fn take(mut self, gpu: &Gpu) -> Result<Vec<u32>> {
        gpu.poll()?;
        if !self.ready() {
            gpu.drain()?;
            self.ready();
        }
        let failed = |why: String| {
            Error::device(format!("{}: reading back failed: {why}", gpu.info.name), "")
        };
        match self.outcome {
            Some(Ok(())) => {}
            Some(Err(why)) => return Err(failed(why)),
            None => return Err(failed("no answer".to_owned())),
        }
        let view = self
            .buffer
            .get_mapped_range(..)
            .map_err(|error| failed(error.to_string()))?;
        let words = bytemuck::pod_collect_to_vec(&view);
        Counters::add(&gpu.counters.bytes_read, view.len() as u64);
        drop(view);
        self.buffer.unmap();
        gpu.spare.keep(self.buffer);
        Ok(words)
    }
}
