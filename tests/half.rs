//! Tensors stored in 16 bits: kernels that read and write them, and trainings that hold their activations so.

use std::collections::BTreeSet;
use std::sync::Arc;

use anygrad::check::compare::Tolerance;
use anygrad::check::experiment::{self, Experiment};
use anygrad::config::{Config, Every, Precision};
use anygrad::gpu::{Executor, Gpu, Kernels, Memory, Trust};
use anygrad::graph::{Array, DType, Graph, Storage, Target, Value};
use anygrad::ops;
use anygrad::ops::loss_scale::{FIRST, LEFT_OUT, SCALE};
use anygrad::ops::scale::Scale;
use anygrad::plan::Plan;
use anygrad::train::step::buffers;
use anygrad::train::{Checkpoint, inspect};
use half::f16;

use crate::common;
use crate::resume::{from, run};
use crate::training::{is_near_the_references, random_dataset, request, small};

/// Half the distance of neighbouring f16 about 1, and of the smallest ones.
const HALF_ROUNDING: f64 = 1.0 / 2048.0;
const HALF_SMALLEST: f64 = 1.0 / (1u64 << 25) as f64;

/// Numbers as 16 bits hold them, and as words of f32.
fn rounded(numbers: &Array) -> (Array, Vec<u32>) {
    let numbers_there: Vec<f32> = numbers
        .data
        .iter()
        .map(|&x| f16::from_f64(x).to_f32())
        .collect();
    let words = numbers_there.iter().map(|x| x.to_bits()).collect();
    let data = numbers_there.into_iter().map(f64::from).collect();
    (Array::new(numbers.shape.clone(), data), words)
}

/// A node between tensors of 16 bits: what it makes of them, and what it should.
fn outputs(gpu: &Gpu, kernels: &mut Kernels, experiment: &Experiment) -> Vec<(Vec<f32>, Array)> {
    let mut graph = Graph::new();
    let (mut fed, mut inputs, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (tensor, input) in experiment.types.iter().zip(&experiment.inputs) {
        let x = graph.input("x", tensor.clone());
        let (array, words) = match tensor.dtype {
            DType::F32 => rounded(input),
            DType::U32 | DType::U8 => (
                input.clone(),
                anygrad::check::words::pack(input, tensor.dtype),
            ),
        };
        fed.push((x, words));
        numbers.push(array);
        inputs.push(match tensor.dtype {
            DType::F32 => {
                let stored = graph.one(Scale { alpha: 1.0 }, &[x]);
                graph.store_half(stored);
                stored
            }
            DType::U32 | DType::U8 => x,
        });
    }
    let made = graph.apply(experiment.node.op.clone(), &inputs).unwrap();
    graph.choose(graph.nodes().len() - 1, experiment.node.lowering.clone());
    let mut results = Vec::new();
    for &output in &made {
        let is_float = graph.tensor(output).dtype == DType::F32;
        let result = match is_float && graph.info(output).storage == Storage::Planned {
            true => {
                graph.store_half(output);
                assert!(graph.is_half(output), "{}", experiment.what);
                Some(graph.one(Scale { alpha: 1.0 }, &[output]))
            }
            false => None,
        };
        results.push(result);
    }
    let keep: Vec<Value> = results
        .iter()
        .flatten()
        .copied()
        .chain(fed.iter().map(|fed| fed.0))
        .collect();
    let plan = Plan::new(&graph, &keep);
    let mut memory = Memory::new();
    let mut executor = Executor::new(gpu, &mut memory, kernels, plan).unwrap();
    for (x, words) in &fed {
        executor.write(gpu, *x, words);
    }
    executor.submit(gpu, &memory, 1, None).unwrap();
    let truth = experiment.node.op.reference(&numbers);
    let results = results.iter().zip(truth).filter_map(|(result, truth)| {
        let words = executor.read(gpu, (*result)?).unwrap();
        let numbers = words.into_iter().map(f32::from_bits);
        Some((numbers.take(truth.data.len()).collect(), truth))
    });
    results.collect()
}

/// The first element that is further from the truth than a kernel may be and a rounding to 16 bits brings it.
fn first_wrong(results: &[f32], truth: &Array, tolerance: &Tolerance) -> Option<String> {
    let mut pairs = results.iter().zip(&truth.data).enumerate();
    pairs.find_map(|(i, (&y, &truth))| {
        // Beyond the largest number there is infinity.
        if truth.abs() >= 65_520.0 {
            let beyond = y.is_infinite() && f64::from(y) * truth > 0.0;
            return (!beyond).then(|| format!("element {i} is {y}, not infinite as {truth}"));
        }
        let allowed =
            4.0 * tolerance.at(truth) + HALF_ROUNDING * truth.abs() * 1.001 + HALF_SMALLEST;
        let near = (f64::from(y) - truth).abs() <= allowed;
        (!near).then(|| format!("element {i} is {y}, not {truth}"))
    })
}

#[test]
fn every_kernel_computes_between_tensors_of_16_bits() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    assert!(gpu.has_f16(), "{} stores f16", gpu.info.name);
    let target = Target {
        wide_loads: false,
        ..gpu.target()
    };
    let mut seen = BTreeSet::new();
    let (mut proved, mut failures) = (0, Vec::new());
    for definition in ops::OPS {
        let mut kernels = Kernels::default();
        for (index, case) in (definition.cases)().iter().enumerate() {
            let experiments =
                experiment::of_case(definition.name, index, case, &target, &mut seen).unwrap();
            for experiment in experiments {
                // What changes its inputs works on what outlives a step, which keeps its 32 bits.
                let largest = experiment
                    .types
                    .iter()
                    .map(|tensor| tensor.elements())
                    .max();
                if !experiment.updates.is_empty() || largest > Some(20_000) {
                    continue;
                }
                for (place, (results, truth)) in outputs(&gpu, &mut kernels, &experiment)
                    .into_iter()
                    .enumerate()
                {
                    proved += 1;
                    let tolerance = experiment.tolerances.get(place).unwrap();
                    if let Some(wrong) = first_wrong(&results, &truth, tolerance) {
                        failures.push(format!("{}: {wrong}", experiment.what));
                    }
                }
            }
        }
    }
    common::say(&format!("{proved} results of 16 bits"));
    assert!(proved > 200, "{proved} results were compared");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

const SGD: &str = "kind = \"sgd\"\nlearning_rate = 0.1\nmomentum = 0.9";

#[test]
fn twelve_steps_between_16_bits_are_near_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        let config = small(SGD, "precision = \"f16\"", "");
        is_near_the_references(&config, 2e-3, 1e-2);
    }
}

/// The words of a buffer of a state.
fn words<'a>(state: &'a Checkpoint, name: &str) -> &'a [u32] {
    let buffer = state.buffers.iter().find(|buffer| buffer.name == name);
    &buffer.unwrap().words
}

#[test]
fn an_update_whose_gradient_overflows_is_left_out_and_the_scale_goes_down() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let mut config = small(SGD, "precision = \"f16\"", "");
    config.checkpoints.every = Every::Steps(1);
    let first = run(&config, &dataset, None, None);
    let mut state = Checkpoint::clone(&first.kept[3]);
    let scale = |state: &Checkpoint| f32::from_bits(words(state, buffers::LOSS_SCALE)[SCALE]);
    assert!(
        scale(&state).to_bits() == FIRST.to_bits(),
        "{}",
        scale(&state)
    );
    // The largest scale there is: 2^24 times a gradient near 1 is no number of 16 bits.
    let buffers = &mut state.buffers;
    let buffer = buffers.iter_mut().find(|b| b.name == buffers::LOSS_SCALE);
    buffer.unwrap().words[SCALE] = 16_777_216f32.to_bits();
    let ran = run(&config, &dataset, Some(from(&state)), None);
    ran.outcome.unwrap();
    let states: Vec<Arc<Checkpoint>> = std::iter::once(Arc::new(state)).chain(ran.kept).collect();
    let left_out = |state: &Checkpoint| f32::from_bits(words(state, buffers::LOSS_SCALE)[LEFT_OUT]);
    for pair in states.windows(2) {
        let [before, after] = pair else {
            unreachable!()
        };
        let skipped = left_out(after) > left_out(before);
        assert_eq!(
            skipped,
            before.weights == after.weights,
            "only a step left out changes nothing"
        );
        let factor = if skipped { 0.5 } else { 1.0 };
        assert!(
            (scale(after) - factor * scale(before)).abs() < 1.0,
            "{}",
            scale(after)
        );
        assert_eq!(
            skipped,
            words(before, "first moments") == words(after, "first moments"),
            "nor moments"
        );
    }
    let last = states.last().unwrap();
    assert!(
        (1.0..7.0).contains(&left_out(last)),
        "{} of 8 updates left out",
        left_out(last)
    );
}

#[test]
fn activations_of_16_bits_take_half_the_memory() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut config = anygrad::config::parse(
        "digits.toml",
        &include_str!("../assets/nets/digits.toml").replace("batch = 32", "batch = 256"),
        &[],
    )
    .unwrap();
    let bytes = |config: &Config| {
        let request = request(config.clone(), Trust::Trusted);
        let inspection = inspect(&request).unwrap();
        inspection.planned_bytes - inspection.data_bytes
    };
    let single = bytes(&config);
    config.train.precision = Precision::F16;
    let half = bytes(&config);
    assert!(half * 10 < single * 7, "{half} of {single} bytes");
}
