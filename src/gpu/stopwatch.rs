//! The time of every kernel of a step, as the adapter's own clock gives it.
//!
//! Where timestamps can stand between dispatches there is one behind each; where they can only stand around passes, each kernel
//! gets a pass of its own. Either way the kernels and their order are the same, and so are the bits that they leave.

use super::device::Gpu;
use super::executor::Executor;
use super::readback::Readback;
use crate::error::{Error, Result};

/// Timestamps of one submission, at most: what every adapter's query set holds (wgpu's limit).
const MOST_QUERIES: u32 = 4096;

/// Where timestamps can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between the dispatches of a pass: one before the first kernel of a step, and one behind each.
    Inside,
    /// At both ends of a pass: two for each kernel.
    Around,
}

/// Timestamp queries for one plan.
#[derive(Debug)]
pub struct Stopwatch {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    place: Place,
    kernels: usize,
    /// Steps that one submission has room for.
    room: usize,
    /// Nanoseconds of one tick.
    period: f64,
}

/// When one kernel began and ended, in nanoseconds of the adapter's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lap {
    /// The begin.
    pub begin: f64,
    /// The end.
    pub end: f64,
}

impl Lap {
    /// Nanoseconds between begin and end.
    pub fn nanoseconds(&self) -> f64 {
        self.end - self.begin
    }
}

impl Stopwatch {
    /// A stopwatch for the kernels of an executor.
    ///
    /// # Errors
    /// If the adapter has no timestamps, or fewer than the plan has kernels; if the device fails.
    pub fn new(gpu: &Gpu, executor: &Executor) -> Result<Self> {
        let features = gpu.device.features();
        if !features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(Error::device(
                format!(
                    "{}: the adapter has no timestamps, so kernels cannot be timed one by one",
                    gpu.info.name
                ),
                "leave --profile out, or choose an adapter whose features name `timestamps` in `anygrad devices`",
            ));
        }
        let inside = features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
        let place = if inside { Place::Inside } else { Place::Around };
        let kernels = executor.plan().kernels.len();
        let room = MOST_QUERIES as usize / place.queries(kernels).max(1);
        if room == 0 {
            return Err(Error::device(
                format!(
                    "a step of {kernels} kernels has no room in the {MOST_QUERIES} timestamps of a submission"
                ),
                "leave --profile out",
            ));
        }
        let bytes = MOST_QUERIES as usize * 8;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        Ok(Self {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: MOST_QUERIES,
            }),
            resolved: gpu.create_buffer("timestamps", bytes, usage)?,
            place,
            kernels,
            room,
            period: f64::from(gpu.queue.get_timestamp_period()),
        })
    }

    /// Encodes as many of the steps as there is room for, with their timestamps; gives their number.
    pub(super) fn encode(
        &self,
        executor: &Executor,
        encoder: &mut wgpu::CommandEncoder,
        steps: usize,
    ) -> usize {
        assert_eq!(
            executor.plan().kernels.len(),
            self.kernels,
            "the plan of the stopwatch"
        );
        let timed = steps.min(self.room);
        let query = |index: usize| u32::try_from(index).expect("fewer than MOST_QUERIES");
        match self.place {
            Place::Inside => {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for step in 0..timed {
                    let first = step * self.place.queries(self.kernels);
                    pass.write_timestamp(&self.queries, query(first));
                    executor.encode_step(&mut pass, |pass, kernel| {
                        pass.write_timestamp(&self.queries, query(first + 1 + kernel));
                    });
                }
            }
            Place::Around => {
                for step in 0..timed {
                    for kernel in 0..self.kernels {
                        let first = step * self.place.queries(self.kernels) + 2 * kernel;
                        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                            label: None,
                            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                                query_set: &self.queries,
                                beginning_of_pass_write_index: Some(query(first)),
                                end_of_pass_write_index: Some(query(first + 1)),
                            }),
                        });
                        executor.encode_kernel(&mut pass, kernel);
                    }
                }
            }
        }
        timed
    }

    /// Adds a copy of the timestamps of so many steps to the encoder.
    pub(super) fn read(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        timed: usize,
    ) -> Result<Laps> {
        let count = timed * self.place.queries(self.kernels);
        let count = u32::try_from(count).expect("fewer than MOST_QUERIES");
        encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
        // Always all of them: copies of one size share their buffers.
        let size = self.resolved.size();
        Ok(Laps {
            readback: Readback::of_buffer(gpu, &self.resolved, size, encoder)?,
            place: self.place,
            kernels: self.kernels,
            steps: timed,
            period: self.period,
        })
    }
}

impl Place {
    /// Timestamps of a step.
    fn queries(self, kernels: usize) -> usize {
        match self {
            Self::Inside => kernels + 1,
            Self::Around => 2 * kernels,
        }
    }
}

/// The timestamps of one submission, on their way to the host.
#[derive(Debug)]
pub struct Laps {
    readback: Readback,
    place: Place,
    kernels: usize,
    steps: usize,
    period: f64,
}

impl Laps {
    /// For each timed step, the time of each kernel. Waits for the device if they have not arrived.
    ///
    /// # Errors
    /// If the device fails.
    pub fn take(self, gpu: &Gpu) -> Result<Vec<Vec<Lap>>> {
        let words = self.readback.take(gpu)?;
        let ticks = laps(&words, self.place, self.kernels, self.steps);
        let period = self.period;
        let of_step = |step: Vec<[u64; 2]>| {
            let laps = step.into_iter().map(|[begin, end]| Lap {
                begin: begin as f64 * period,
                // A clock that runs in steps of its own may show an end before the begin.
                end: end.max(begin) as f64 * period,
            });
            laps.collect()
        };
        Ok(ticks.into_iter().map(of_step).collect())
    }
}

/// Begin and end of each kernel of each step, in ticks, from the words of the resolved queries, low word first.
fn laps(words: &[u32], place: Place, kernels: usize, steps: usize) -> Vec<Vec<[u64; 2]>> {
    let tick = |query: usize| u64::from(words[2 * query]) | u64::from(words[2 * query + 1]) << 32;
    (0..steps)
        .map(|step| {
            let first = step * place.queries(kernels);
            (0..kernels)
                .map(|kernel| match place {
                    Place::Inside => [tick(first + kernel), tick(first + kernel + 1)],
                    Place::Around => [tick(first + 2 * kernel), tick(first + 2 * kernel + 1)],
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_become_a_begin_and_an_end_for_each_kernel_wherever_they_stand() {
        let words: Vec<u32> = (0..12).flat_map(|tick| [10 * tick, 1]).collect();
        let high = 1 << 32;
        assert_eq!(
            laps(&words, Place::Inside, 2, 2),
            [
                vec![[high, high + 10], [high + 10, high + 20]],
                vec![[high + 30, high + 40], [high + 40, high + 50]]
            ]
        );
        assert_eq!(
            laps(&words, Place::Around, 2, 2),
            [
                vec![[high, high + 10], [high + 20, high + 30]],
                vec![[high + 40, high + 50], [high + 60, high + 70]]
            ]
        );
    }
}
