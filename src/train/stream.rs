//! Samples that do not fit on the adapter in one piece: a window of batches there, filled ahead of the steps that read them.
//!
//! A thread for each pass gathers the rows of coming batches in the order of the epoch, which it computes as the adapter does, and
//! lays them ready; a submission takes those of its steps along. Where a training goes on elsewhere, after a resume or a way back,
//! so does its thread. Labels and weights stay on the adapter.
//!
//! Invariant: every row of a batch, padding included, is the one that the resident path reads, so that both end in the same bits.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::Scope;

use super::event::Model;
use super::resident;
use super::step::{Pass, Window, buffers};
use crate::data::Dataset;
use crate::error::Result;
use crate::gpu::{Gpu, Memory};
use crate::graph::DType;
use crate::rng;

/// Bytes of the window, and of the batches that lie ready for it on the host.
pub(super) const WINDOW_BYTES: usize = 32 << 20;

/// The batches of one pass, in their order.
pub(super) struct Feeder {
    /// The buffer of the pass's metrics, which names it.
    metrics: String,
    /// Steps, each with its rows.
    batches: Receiver<(u64, Vec<u32>)>,
    /// Where to go on instead.
    seek: Sender<u64>,
    window: Window,
    slot_bytes: usize,
}

/// Where the rows come from, and in which order.
#[derive(Clone)]
pub(super) struct Feed<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) model: &'a Model,
    pub(super) window: Window,
    /// Samples of a step.
    pub(super) batch: usize,
}

impl Feeder {
    /// Begins to gather the batches of a pass, from its first step on; `shuffle` is the seed of the order. It ends with the feeder.
    pub(super) fn begin<'scope>(
        scope: &'scope Scope<'scope, '_>,
        feed: Feed<'scope>,
        pass: &Pass,
        shuffle: Option<u64>,
    ) -> Self {
        let window = feed.window;
        let (sender, batches) = sync_channel(window.slots);
        let (seek, sought) = channel();
        let slot_bytes = window.stride * feed.row_bytes();
        let part = pass.part.clone();
        scope.spawn(move || {
            let mut step = 0;
            // Who drops the feeder wants no more.
            while sender
                .send((step, feed.rows_of(step, &part, shuffle)))
                .is_ok()
            {
                step = sought.try_iter().last().unwrap_or(step + 1);
            }
        });
        Self {
            metrics: pass.metrics(),
            batches,
            seek,
            window,
            slot_bytes,
        }
    }

    /// The rows of a step. What lies ready for others is thrown away, and the thread goes on from here.
    fn rows_of(&self, step: u64) -> Vec<u32> {
        let mut is_sought = false;
        loop {
            let (found, words) = self.batches.recv().expect("a feeder ends after its pass");
            if found == step {
                return words;
            }
            if !is_sought {
                self.seek.send(step).expect("a feeder ends after its pass");
                is_sought = true;
            }
        }
    }

    /// Whether it is for the pass with this buffer of metrics.
    pub(super) fn is_of(&self, metrics: &str) -> bool {
        self.metrics == metrics
    }

    /// Batches that the window holds.
    pub(super) fn slots(&self) -> u64 {
        self.window.slots as u64
    }

    /// Lays the batches of the next `steps` steps where these will read them, once everything submitted before is done.
    pub(super) fn feed(&self, gpu: &Gpu, memory: &Memory, first: u64, steps: u64) -> Result<()> {
        assert!(
            steps <= self.window.slots as u64,
            "a submission fits into the window"
        );
        for step in first..first + steps {
            let words = self.rows_of(step);
            let slot =
                usize::try_from(step % self.window.slots as u64).expect("a slot of the window");
            memory.write_at(gpu, buffers::SAMPLES, slot * self.slot_bytes, &words)?;
        }
        Ok(())
    }
}

impl Feed<'_> {
    fn row_bytes(&self) -> usize {
        let dtype = resident::dtype(&self.dataset.samples, self.model);
        match dtype {
            DType::U8 => self.dataset.sample_len(),
            DType::F32 | DType::U32 => 4 * self.dataset.sample_len(),
        }
    }

    /// The rows that a step reads, as they lie on the adapter.
    fn rows_of(&self, step: u64, part: &Range<usize>, shuffle: Option<u64>) -> Vec<u32> {
        let rows = rows(step, part, self.batch, self.window.stride, shuffle);
        resident::gathered(self.model, &self.dataset.samples, rows)
    }
}

/// The samples of a step of `batch` samples in `stride` rows: the twin of `shaders/batch_indices.wgsl`.
fn rows(
    step: u64,
    part: &Range<usize>,
    batch: usize,
    stride: usize,
    shuffle: Option<u64>,
) -> impl Iterator<Item = usize> {
    let count = part.len();
    let per_epoch = count.div_ceil(batch) as u64;
    let narrow = |n: usize| u32::try_from(n).expect("samples are counted in 32 bits");
    let position = usize::try_from(step % per_epoch).expect("a step of an epoch") * batch;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "epochs are counted round 32 bits on the adapter"
    )]
    let epoch = (step / per_epoch) as u32;
    let begin = part.start;
    (0..stride).map(move |row| {
        let p = position + row;
        match shuffle {
            _ if row >= batch || p >= count => begin,
            None => begin + p,
            Some(seed) => begin + rng::permuted(narrow(p), narrow(count), seed, epoch) as usize,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::Array;
    use crate::graph::Op as _;
    use crate::ops::batch_indices::BatchIndices;
    use crate::ops::state;

    #[test]
    fn rows_are_those_that_the_adapter_reads() {
        for (part, batch) in [(3..20, 5), (0..1, 4), (10..74, 16), (5..6, 1)] {
            for shuffle in [None, Some(7 << 32 | 9)] {
                let stride = batch + 3;
                let op = Arc::new(BatchIndices {
                    part: part.clone(),
                    batch,
                    rows: 0..stride,
                    shuffle,
                });
                let per_epoch = part.len().div_ceil(batch);
                for step in 0..3 * per_epoch {
                    let mut counters = Array::zeros([state::COUNTERS]);
                    counters.data[state::STEP] = step as f64;
                    counters.data[state::EPOCH] = (step / per_epoch) as f64;
                    counters.data[state::POSITION] = (step % per_epoch * batch) as f64;
                    let expected = &op.reference(&[counters])[0].data;
                    let found: Vec<f64> = rows(step as u64, &part, batch, stride, shuffle)
                        .map(|row| row as f64)
                        .collect();
                    assert_eq!(found, *expected, "step {step} of {part:?} in {batch}");
                }
            }
        }
    }
}
