//! What a training and an evaluation share on the adapter: the opened device, its memory, and passes over parts of the data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Metric, Scores};
use super::step::{Pass, RING, buffers};
use super::stream::Feeder;
use crate::error::{Error, Result};
use crate::gpu::{Executor, Gpu, Kernels, Laps, Memory, Readback, Stopwatch};
use crate::graph::Value;
use crate::nn::Network;
use crate::ops::{advance, state};
use crate::plan::Plan;

/// A device with what lives on it.
pub(super) struct Session {
    pub(super) gpu: Gpu,
    pub(super) memory: Memory,
    pub(super) kernels: Kernels,
    /// What the figures of its steps mean.
    pub(super) measure: Measure,
    /// Where samples are streamed, the batches of each pass.
    pub(super) feeders: Vec<Feeder>,
}

/// What the figure beside the loss in the metrics' ring means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measure {
    /// The number of right answers.
    Accuracy,
    /// The mean squared error over the batch.
    Rmse {
        /// From the root of that to the units of the targets.
        scale: f64,
    },
}

impl Session {
    /// An opened device with nothing on it.
    pub(super) fn new(gpu: Gpu, measure: Measure) -> Self {
        Self::with(gpu, Kernels::default(), measure)
    }

    /// As [`Session::new`], with kernels that are compiled already.
    pub(super) fn with(gpu: Gpu, kernels: Kernels, measure: Measure) -> Self {
        Self {
            gpu,
            measure,
            feeders: Vec::new(),
            memory: Memory::new(),
            kernels,
        }
    }

    /// Writes the parameters and the running statistics of a network, which are a slab together.
    pub(super) fn write_parameters(&mut self, network: &Network, slab: &[f32]) -> Result<()> {
        let words: &[u32] = bytemuck::cast_slice(slab);
        let (parameters, statistics) = words.split_at(network.slab_elements);
        let mut write =
            |name, words: &[u32]| self.memory.write(&self.gpu, name, words.len() * 4, words);
        write(buffers::PARAMETERS, parameters)?;
        if statistics.is_empty() {
            return Ok(());
        }
        write(buffers::STATISTICS, statistics)
    }

    /// Writes what a network shall say for each class: the rows of the identity matrix, or 0 and 1 where it has one output.
    pub(super) fn write_class_rows(&mut self, classes: usize, outputs: usize) -> Result<()> {
        let mut rows = vec![0; classes * outputs];
        for (class, row) in rows.chunks_mut(outputs).enumerate() {
            match row {
                [one] => *one = u32::from(class == 1) * 1f32.to_bits(),
                _ => row[class] = 1f32.to_bits(),
            }
        }
        let bytes = (rows.len() * 4).next_multiple_of(16);
        self.memory
            .write(&self.gpu, buffers::IDENTITY, bytes, &rows)
    }

    /// Lays the samples of the next steps of the pass with these metrics where they will be read, where samples are streamed.
    pub(super) fn feed(&self, metrics: &str, first_step: u64, steps: u64) -> Result<()> {
        let feeder = self.feeders.iter().find(|feeder| feeder.is_of(metrics));
        match feeder {
            Some(feeder) => feeder.feed(&self.gpu, &self.memory, first_step, steps),
            None => Ok(()),
        }
    }

    /// Sets the learning rate that a schedule multiplies, from the next step to be submitted on.
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    pub(super) fn set_learning_rate(&self, learning_rate: f64) {
        let mut schedule = [0; state::SCHEDULE];
        for word in [state::LEARNING_RATE, state::BASE] {
            schedule[word] = (learning_rate as f32).to_bits();
        }
        self.memory
            .overwrite(&self.gpu, buffers::SCHEDULE, &schedule);
    }

    /// Sets the counters of a pass to its beginning.
    pub(super) fn rewind(&mut self, pass: &Pass) -> Result<()> {
        self.memory.write(
            &self.gpu,
            &pass.counters(),
            state::COUNTERS * 4,
            &[0; state::COUNTERS],
        )
    }
}

/// One submission should keep the adapter busy about this long: long against the cost of a submission, short against the
/// watchdogs of desktop drivers and the patience of someone who looks at the screen.
const SUBMIT: Duration = Duration::from_millis(80);

/// How many steps go into one submission, from the time they take. Begins with one.
pub(super) struct Pace {
    steps: u64,
    most: u64,
}

impl Pace {
    /// For submissions of at most a ring of steps, and of a window of batches where samples are streamed.
    pub(super) fn new(session: &Session) -> Self {
        let slots = session.feeders.iter().map(Feeder::slots).min();
        let most = slots.map_or(RING as u64, |slots| slots.min(RING as u64));
        Self { steps: 1, most }
    }

    /// Steps of the next submission.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Learns the seconds of one step: the next submission has at most twice as many steps as the last, and at most a ring.
    pub(super) fn learn(&mut self, seconds: f64) {
        let fit = SUBMIT.as_secs_f64() / seconds.max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, clamped to the ring"
        )]
        let fit = fit as u64;
        self.steps = fit.clamp(1, (self.steps * 2).min(self.most));
    }
}

/// One entry of the metrics' ring: a step as it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    loss: f32,
    figure: f32,
    samples: f32,
    finite: bool,
    learning_rate: f32,
}

impl Measured {
    /// The mean loss over the real samples of the batch.
    pub(super) fn loss(&self) -> f32 {
        self.loss
    }

    /// Whether the loss was a number.
    pub(super) fn finite(&self) -> bool {
        self.finite
    }

    /// The real samples of the batch.
    pub(super) fn samples(&self) -> f32 {
        self.samples
    }

    /// The learning rate of its update.
    pub(super) fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// Reads the entry of a step from the ring's words.
    pub(super) fn of_step(words: &[u32], step: u64) -> Self {
        let place = usize::try_from(step % RING as u64).expect("a place in the ring");
        let entry = &words[place * advance::ENTRY..][..advance::ENTRY];
        let [loss, figure, samples, bad, learning_rate] =
            [0, 1, 2, 3, 4].map(|i| f32::from_bits(entry[i]));
        Self {
            loss,
            figure,
            samples,
            finite: bad == 0.0 && loss.is_finite(),
            learning_rate,
        }
    }
}

/// Loss and figures, summed up over steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    loss: f64,
    /// Right answers.
    correct: f64,
    /// Squared errors.
    squared: f64,
    samples: f64,
}

impl Sums {
    /// Adds a step.
    pub(super) fn add(&mut self, step: Measured) {
        self.loss += f64::from(step.loss) * f64::from(step.samples);
        self.correct += f64::from(step.figure);
        self.squared += f64::from(step.figure) * f64::from(step.samples);
        self.samples += f64::from(step.samples);
    }

    /// Means over the samples so far.
    pub(super) fn scores(&self, measure: Measure) -> Scores {
        let samples = self.samples.max(1.0);
        Scores {
            loss: self.loss / samples,
            metric: match measure {
                Measure::Accuracy => Metric::Accuracy(self.correct / samples),
                Measure::Rmse { scale } => Metric::Rmse((self.squared / samples).sqrt() * scale),
            },
        }
    }
}

/// A whole evaluation pass over one part of the data.
pub(super) struct Evaluator {
    pub(super) pass: Pass,
    executor: Executor,
    /// Samples of one batch.
    batch: usize,
    /// Batches of one pass.
    batches: u64,
    /// Batches run since the beginning.
    done: u64,
}

impl Evaluator {
    /// Brings the plan of one batch of the pass to the device.
    pub(super) fn new(session: &mut Session, plan: Plan, pass: Pass, batch: usize) -> Result<Self> {
        let executor = Executor::new(
            &session.gpu,
            &mut session.memory,
            &mut session.kernels,
            plan,
        )?;
        session.rewind(&pass)?;
        let batches = pass.part.len().div_ceil(batch) as u64;
        Ok(Self {
            pass,
            executor,
            batch,
            batches,
            done: 0,
        })
    }

    /// Submits the next piece of a pass, of at most so many batches, with its metrics on the way back; whether it is the last.
    pub(super) fn submit(&mut self, session: &Session, steps: u64) -> Result<(Piece, bool)> {
        let end = (self.done / self.batches + 1) * self.batches;
        let piece = self.submit_steps(session, steps.min(end - self.done))?;
        Ok((piece, self.done == end))
    }

    fn submit_steps(&mut self, session: &Session, steps: u64) -> Result<Piece> {
        let metrics = self.pass.metrics();
        let piece = Piece::submit(
            session,
            &mut self.executor,
            self.done,
            steps,
            &metrics,
            None,
        )?;
        self.done += steps;
        Ok(piece)
    }

    /// Runs one pass for its scores alone.
    pub(super) fn measure(&mut self, session: &Session) -> Result<Scores> {
        let mut sums = Sums::default();
        for _ in 0..self.batches {
            self.run_batch(session, &mut sums)?;
        }
        Ok(sums.scores(session.measure))
    }

    /// Runs the next batch, and adds what is measured.
    fn run_batch(&mut self, session: &Session, sums: &mut Sums) -> Result<()> {
        for step in self.submit_steps(session, 1)?.take(&session.gpu)? {
            if !step.finite() {
                return Err(overflow(self.pass.name));
            }
            sums.add(step);
        }
        Ok(())
    }

    /// Runs one pass a batch at a time, and reads the `answers` (batch, `outputs`) of each: the scores, and what the network says of
    /// every sample of the part.
    pub(super) fn judge(
        &mut self,
        session: &Session,
        answers: Value,
        outputs: usize,
    ) -> Result<(Scores, Vec<f32>)> {
        let mut sums = Sums::default();
        let wanted = self.pass.part.len() * outputs;
        let mut all = Vec::with_capacity(wanted);
        for _ in 0..self.batches {
            self.run_batch(session, &mut sums)?;
            let words = self.executor.read(&session.gpu, answers)?;
            // What lies beyond the last sample is padding.
            let real = (wanted - all.len()).min(self.batch * outputs);
            all.extend(words[..real].iter().map(|&word| f32::from_bits(word)));
        }
        if !all.iter().all(|p| p.is_finite()) {
            return Err(overflow(self.pass.name));
        }
        Ok((sums.scores(session.measure), all))
    }
}

/// The network has weights that are numbers, but what it says of the samples of a part is not.
pub(super) fn overflow(part: &str) -> Error {
    Error::check(
        format!("the loss of the {part} samples is not a finite number"),
        "the training diverged until the network overflows: train with a smaller learning rate, as in \
         --set optimizer.learning_rate=0.001",
    )
}

/// Some steps whose metrics are on their way to the host.
pub(super) struct Piece {
    /// The first of the steps, counted from the beginning.
    pub(super) first_step: u64,
    /// How many steps.
    pub(super) steps: u64,
    pub(super) readback: Readback,
    /// The times of the kernels, if they are taken.
    pub(super) laps: Option<Laps>,
}

impl Piece {
    /// Submits the steps after the first `first_step` ones, and a copy of their metrics to the host; times their kernels if there is
    /// a stopwatch.
    pub(super) fn submit(
        session: &Session,
        executor: &mut Executor,
        first_step: u64,
        steps: u64,
        metrics: &str,
        stopwatch: Option<&Stopwatch>,
    ) -> Result<Self> {
        let count = usize::try_from(steps).expect("at most a ring of steps");
        let (gpu, memory) = (&session.gpu, &session.memory);
        session.feed(metrics, first_step, steps)?;
        let (readback, laps) = match stopwatch {
            None => (executor.submit(gpu, memory, count, Some(metrics))?, None),
            Some(stopwatch) => {
                let (readback, laps) =
                    executor.submit_timed(gpu, memory, count, Some(metrics), stopwatch)?;
                (readback, Some(laps))
            }
        };
        Ok(Self {
            first_step,
            steps,
            readback: readback.expect("a readback was asked for"),
            laps,
        })
    }

    /// The steps, as they were measured.
    pub(super) fn take(self, gpu: &Gpu) -> Result<Vec<Measured>> {
        let words = self.readback.take(gpu)?;
        Ok((self.first_step..self.first_step + self.steps)
            .map(|step| Measured::of_step(&words, step))
            .collect())
    }
}
