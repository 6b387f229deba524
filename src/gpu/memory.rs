//! Buffers that outlive a step: parameters, moments, counters, the data set. Several plans may share them by name.

use std::collections::BTreeMap;

use super::device::Gpu;
use super::readback::Readback;
use crate::error::Result;

/// What a storage buffer of the engine is used for.
pub(super) const STORAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE
    .union(wgpu::BufferUsages::COPY_DST)
    .union(wgpu::BufferUsages::COPY_SRC);

/// Named buffers on one device; new ones hold zeros.
#[derive(Debug, Default)]
pub struct Memory {
    buffers: BTreeMap<String, (wgpu::Buffer, usize)>,
}

impl Memory {
    /// No buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The buffer of this name, made if it is not there.
    ///
    /// # Panics
    /// If it exists with another size: two plans disagree.
    pub(super) fn buffer(&mut self, gpu: &Gpu, name: &str, bytes: usize) -> Result<wgpu::Buffer> {
        if let Some((buffer, known)) = self.buffers.get(name) {
            assert_eq!(*known, bytes, "the size of the shared buffer {name}");
            return Ok(buffer.clone());
        }
        let buffer = gpu.create_buffer(name, bytes, STORAGE)?;
        self.buffers
            .insert(name.to_owned(), (buffer.clone(), bytes));
        Ok(buffer)
    }

    /// Writes 32-bit words to the begin of a buffer, which is made with `bytes` if it is not there.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn write(&mut self, gpu: &Gpu, name: &str, bytes: usize, words: &[u32]) -> Result<()> {
        let buffer = self.buffer(gpu, name, bytes)?;
        gpu.queue
            .write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        Ok(())
    }

    /// Writes 32-bit words into a buffer that is there, `offset` bytes behind its begin, once everything submitted before is done.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there is none of that name, or they do not fit.
    pub fn write_at(&self, gpu: &Gpu, name: &str, offset: usize, words: &[u32]) -> Result<()> {
        gpu.queue.write_buffer(
            self.existing(name),
            offset as u64,
            bytemuck::cast_slice(words),
        );
        gpu.healthy()
    }

    /// Reads a whole buffer, waiting for everything submitted before.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn read(&self, gpu: &Gpu, name: &str) -> Result<Vec<u32>> {
        let (buffer, bytes) = self
            .buffers
            .get(name)
            .unwrap_or_else(|| panic!("no buffer is called {name}"));
        super::readback::read_now(gpu, buffer, 0, *bytes)
    }

    /// Starts copies of whole buffers to the host, as they are after everything submitted before. Does not wait.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there is none of some name.
    pub fn read_later<'n>(
        &self,
        gpu: &Gpu,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Vec<Readback>> {
        let mut encoder = gpu
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let copies = names
            .into_iter()
            .map(|name| Readback::encode(gpu, self, name, &mut encoder))
            .collect::<Result<_>>()?;
        gpu.submit(encoder.finish())?;
        Ok(copies)
    }

    /// Writes 32-bit words to the begin of a buffer that is there.
    ///
    /// # Panics
    /// If there is none of that name, or it is smaller.
    pub fn overwrite(&self, gpu: &Gpu, name: &str, words: &[u32]) {
        assert!(words.len() * 4 <= self.bytes(name), "{name} is smaller");
        gpu.queue
            .write_buffer(self.existing(name), 0, bytemuck::cast_slice(words));
    }

    /// The size of a buffer that is there, as it is read back.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn bytes(&self, name: &str) -> usize {
        usize::try_from(self.existing(name).size()).unwrap_or(usize::MAX)
    }

    /// The buffer of a name known to exist.
    pub(super) fn existing(&self, name: &str) -> &wgpu::Buffer {
        &self
            .buffers
            .get(name)
            .unwrap_or_else(|| panic!("no buffer is called {name}"))
            .0
    }
}
