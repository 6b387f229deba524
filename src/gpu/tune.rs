//! How fast each way to compute a node is on the adapter at hand.

use std::time::Instant;

use super::device::Gpu;
use super::executor::{Executor, Kernels};
use super::memory::Memory;
use crate::error::Result;
use crate::graph::{DType, Graph, Lowering, Node, Target, TensorType, Value};
use crate::plan::Plan;

/// A way is timed about so long, in seconds, after a first run that compiles it.
const SAMPLE: f64 = 0.02;

/// The shortest of so many samples counts: whatever else the machine does can only make one longer.
const SAMPLES: usize = 3;

/// A way that takes so many times as long as the best in its first runs is not looked at again.
const HOPELESS: f64 = 3.0;

/// How far a way may be from the one that every adapter can, relative to the largest number of the result: the ways add up the
/// same products in another order, over at most some tens of thousands of terms.
const TOLERANCE: f32 = 1e-4;

/// The seconds that each way takes; `None` for those that compute something else than every adapter can, and for all where that
/// cannot be compared: nodes that change their inputs, or read other things than floats.
///
/// # Errors
/// If the device fails.
pub fn measure(
    gpu: &Gpu,
    kernels: &mut Kernels,
    graph: &Graph,
    node: &Node,
    ways: &[Lowering],
) -> Result<Vec<Option<f64>>> {
    let Some(bench) = Bench::new(graph, node) else {
        return Ok(vec![None; ways.len()]);
    };
    let plain = graph.possible_ways(node, &Target::FLOOR).swap_remove(0);
    let truth = bench.run(gpu, kernels, plain)?.results(gpu)?;
    let mut best = f64::INFINITY;
    let mut seconds = Vec::with_capacity(ways.len());
    for way in ways {
        let mut run = bench.run(gpu, kernels, way.clone())?;
        let right = run.results(gpu)?.iter().zip(&truth).all(|(y, truth)| {
            let scale = truth.iter().fold(0f32, |max, x| max.max(x.abs()));
            let mut pairs = y.iter().zip(truth);
            pairs.all(|(y, truth)| (y - truth).abs() <= TOLERANCE * scale)
        });
        seconds.push(if right {
            let taken = run.seconds(gpu, best)?;
            best = best.min(taken);
            Some(taken)
        } else {
            None
        });
    }
    Ok(seconds)
}

/// A node by itself.
struct Bench {
    graph: Graph,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
}

/// A way of it on the device.
struct OnDevice {
    executor: Executor,
    memory: Memory,
    /// Each with its number of elements.
    outputs: Vec<(Value, usize)>,
}

impl Bench {
    fn new(of: &Graph, node: &Node) -> Option<Self> {
        let types: Vec<TensorType> = node.inputs.iter().map(|&v| of.tensor(v).clone()).collect();
        let mut graph = Graph::new();
        let inputs: Vec<Value> = types
            .iter()
            .map(|tensor| graph.input("x", tensor.clone()))
            .collect();
        let outputs = graph.apply(node.op.clone(), &inputs).ok()?;
        let fresh = outputs.iter().all(|&output| graph.root(output) == output);
        let mut tensors = outputs.iter().map(|&output| graph.tensor(output));
        let is_float = |tensor: &TensorType| tensor.dtype == DType::F32;
        let floats = tensors.all(is_float) && types.iter().all(is_float);
        (fresh && floats).then_some(Self {
            graph,
            inputs,
            outputs,
        })
    }

    /// Runs a way once, on the same numbers for every way.
    fn run(&self, gpu: &Gpu, kernels: &mut Kernels, way: Lowering) -> Result<OnDevice> {
        let mut graph = self.graph.clone();
        graph.choose(0, way);
        let keep = [self.inputs.as_slice(), &self.outputs].concat();
        let mut memory = Memory::new();
        let plan = Plan::new(&graph, &keep);
        let mut executor = Executor::new(gpu, &mut memory, kernels, plan)?;
        for (place, &input) in (1..).zip(&self.inputs) {
            let elements = graph.tensor(input).elements();
            executor.write(gpu, input, &numbers(place, elements));
        }
        executor.submit(gpu, &memory, 1, None)?;
        Ok(OnDevice {
            executor,
            memory,
            outputs: self
                .outputs
                .iter()
                .map(|&output| (output, graph.tensor(output).elements()))
                .collect(),
        })
    }
}

impl OnDevice {
    fn results(&self, gpu: &Gpu) -> Result<Vec<Vec<f32>>> {
        let read = |&(output, elements)| {
            let words = self.executor.read(gpu, output)?.into_iter();
            Ok(words.take(elements).map(f32::from_bits).collect())
        };
        self.outputs.iter().map(read).collect()
    }

    /// The seconds of one run, where the best way so far takes `best`.
    fn seconds(&mut self, gpu: &Gpu, best: f64) -> Result<f64> {
        let once = self.time(gpu, 1)?.min(self.time(gpu, 1)?);
        if once > HOPELESS * best {
            return Ok(once);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, clamped"
        )]
        let runs = (SAMPLE / once.max(1e-6)) as usize;
        let runs = runs.clamp(1, 200);
        let mut shortest = f64::INFINITY;
        for _ in 0..SAMPLES {
            shortest = shortest.min(self.time(gpu, runs)?);
        }
        Ok(shortest)
    }

    fn time(&mut self, gpu: &Gpu, runs: usize) -> Result<f64> {
        let begin = Instant::now();
        self.executor.submit(gpu, &self.memory, runs, None)?;
        gpu.wait(None)?;
        Ok(begin.elapsed().as_secs_f64() / runs as f64)
    }
}

/// Numbers between -1 and 1 that follow no pattern a wrong index could meet, by a linear congruential generator.
fn numbers(seed: u32, count: usize) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    let numbers = (0..count).map(|_| (next() as f32).to_bits()).collect();
    numbers
}
