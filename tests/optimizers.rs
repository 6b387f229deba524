//! A hundred steps of every optimiser against PyTorch's, and of Lion against its paper (`tests/golden/optimizers.csv`): on the
//! adapter, and by the references.

use std::sync::Arc;

use anygrad::check::Interpreter;
use anygrad::gpu::{Executor, Gpu, Kernels, Memory, Trust};
use anygrad::graph::{Array, Graph, OpRef, TensorType, Value};
use anygrad::ops::{adam::Adam, add::Add, lion::Lion, mul::Mul, rmsprop::RmsProp, sgd::Sgd, state};
use anygrad::plan::Plan;

use crate::common;

/// The gradient is A p − B.
const A: [f32; 6] = [1.0, 0.5, 2.0, -0.05, 0.125, 3.0];
const B: [f32; 6] = [0.3, -1.0, 0.05, 0.2, 2.0, -0.7];
const START: [f32; 6] = [1.0, -2.0, 0.5, 1.5, -0.25, 0.75];
const STEPS: usize = 100;

/// Every recorded optimiser: its name, its learning rate, how many slabs it remembers, and what it is here.
fn optimizers() -> Vec<(&'static str, f32, usize, OpRef)> {
    let sgd = |momentum, nesterov, weight_decay| -> OpRef {
        Arc::new(Sgd {
            momentum,
            nesterov,
            weight_decay,
        })
    };
    let adam = Adam::default();
    let rmsprop = |op: RmsProp| -> (usize, OpRef) { (op.moments(), Arc::new(op)) };
    let plain = RmsProp::default();
    let (one, rms) = rmsprop(plain);
    let (two, with_momentum) = rmsprop(RmsProp {
        alpha: 0.95,
        epsilon: 1e-4,
        momentum: 0.8,
        weight_decay: 0.05,
        ..plain
    });
    let (also_two, centered) = rmsprop(RmsProp {
        alpha: 0.9,
        epsilon: 1e-3,
        centered: true,
        ..plain
    });
    let (three, all) = rmsprop(RmsProp {
        alpha: 0.9,
        epsilon: 1e-3,
        momentum: 0.5,
        centered: true,
        weight_decay: 0.1,
    });
    vec![
        ("sgd", 0.05, 0, sgd(0.0, false, 0.0)),
        ("sgd_decay", 0.05, 0, sgd(0.0, false, 0.1)),
        ("momentum", 0.02, 1, sgd(0.9, false, 0.01)),
        ("nesterov", 0.02, 1, sgd(0.9, true, 0.01)),
        ("adam", 0.03, 2, Arc::new(adam)),
        (
            "adam_decay",
            0.03,
            2,
            Arc::new(Adam {
                betas: [0.8, 0.95],
                epsilon: 1e-3,
                weight_decay: 0.1,
                ..adam
            }),
        ),
        (
            "adamw",
            0.03,
            2,
            Arc::new(Adam {
                weight_decay: 0.1,
                decoupled: true,
                ..adam
            }),
        ),
        ("rmsprop", 0.01, one, rms),
        ("rmsprop_momentum", 0.005, two, with_momentum),
        ("rmsprop_centered", 0.01, also_two, centered),
        ("rmsprop_all", 0.005, three, all),
        ("lion", 0.01, 1, Arc::new(Lion::default())),
        (
            "lion_decay",
            0.01,
            1,
            Arc::new(Lion {
                betas: [0.8, 0.95],
                weight_decay: 0.3,
            }),
        ),
    ]
}

/// Where an optimiser is after some steps: (step, parameters).
fn recorded(name: &str) -> Vec<(usize, Vec<f64>)> {
    let lines = include_str!("golden/optimizers.csv").lines().skip(1);
    let mine = lines.filter_map(|line| line.strip_prefix(&format!("{name},")));
    mine.map(|line| {
        let (step, numbers) = line.split_once(',').unwrap();
        let numbers = numbers.split(',').map(|n| n.parse().unwrap()).collect();
        (step.parse().unwrap(), numbers)
    })
    .collect()
}

/// One step: the gradient, and the update. Also the parameters and the counters, and the tensors that are there before it.
fn graph(op: OpRef, moments: usize) -> (Graph, [Value; 2], Vec<(Value, &'static str)>) {
    let mut graph = Graph::new();
    let slab = TensorType::f32([A.len()]);
    let p = graph.persistent("parameters", slab.clone());
    let a = graph.persistent("a", slab.clone());
    let b = graph.persistent("b", slab.clone());
    let groups = graph.persistent("groups", state::groups(A.len()));
    let schedule = graph.persistent("schedule", state::schedule());
    let counters = graph.persistent("counters", state::counters());
    let steep = graph.one(Mul, &[a, p]);
    let gradients = graph.one(Add, &[steep, b]);
    let mut inputs = vec![p, gradients];
    inputs.extend((0..moments).map(|i| graph.persistent(format!("moments {i}"), slab.clone())));
    inputs.extend([groups, schedule, counters]);
    graph.apply(op, &inputs).unwrap();
    let named = vec![
        (p, "parameters"),
        (a, "a"),
        (b, "b"),
        (groups, "groups"),
        (schedule, "schedule"),
    ];
    (graph, [p, counters], named)
}

/// What these tensors hold.
fn begin(name: &str, learning_rate: f32) -> Vec<f32> {
    match name {
        "parameters" => START.to_vec(),
        "a" => A.to_vec(),
        "b" => B.map(|b| -b).to_vec(),
        "groups" => vec![1.0, 1.0],
        "schedule" => vec![learning_rate, learning_rate, 0.0, 0.0],
        _ => unreachable!("{name} begins as zeros"),
    }
}

/// The parameters after every step, by the references.
///
/// Learning rate and constants are not rounded to 32 bits here, as far as an op does not hold them so.
fn by_the_references(op: OpRef, moments: usize, learning_rate: f32) -> Vec<Vec<f64>> {
    let (graph, [p, counters], named) = graph(op, moments);
    let mut interpreter = Interpreter::new(&graph);
    // The decimal digits that the recording began with.
    let exact = |x: f32| x.to_string().parse::<f64>().unwrap();
    for (value, name) in named {
        let data: Vec<f64> = begin(name, learning_rate).into_iter().map(exact).collect();
        interpreter.set(value, &Array::new(graph.shape(value).clone(), data));
    }
    (0..STEPS)
        .map(|step| {
            let mut words = vec![0.0; state::COUNTERS];
            words[state::STEP] = step as f64;
            interpreter.set(counters, &Array::new([state::COUNTERS], words));
            interpreter.step();
            interpreter.get(p).data
        })
        .collect()
}

/// The parameters after every step, on the adapter.
fn on_the_adapter(gpu: &Gpu, op: OpRef, moments: usize, learning_rate: f32) -> Vec<Vec<f64>> {
    let (graph, _, named) = graph(op, moments);
    let (mut memory, mut kernels) = (Memory::new(), Kernels::default());
    for (value, name) in named {
        let words: Vec<u32> = begin(name, learning_rate)
            .into_iter()
            .map(f32::to_bits)
            .collect();
        let bytes = graph.tensor(value).bytes();
        memory.write(gpu, name, bytes, &words).unwrap();
    }
    let plan = Plan::new(&graph, &[]);
    let mut executor = Executor::new(gpu, &mut memory, &mut kernels, plan).unwrap();
    (0..STEPS)
        .map(|step| {
            let mut words = [0; state::COUNTERS];
            words[state::STEP] = u32::try_from(step).unwrap();
            memory
                .write(gpu, "counters", state::COUNTERS * 4, &words)
                .unwrap();
            executor.submit(gpu, &memory, 1, None).unwrap();
            let words = memory.read(gpu, "parameters").unwrap();
            let floats = words[..A.len()].iter();
            floats
                .map(|&word| f64::from(f32::from_bits(word)))
                .collect()
        })
        .collect()
}

/// The largest distance to what was recorded, over the size of the numbers.
fn distance(path: &[Vec<f64>], golden: &[(usize, Vec<f64>)]) -> f64 {
    let mut worst = 0.0f64;
    for (step, golden) in golden {
        for (ours, golden) in path[step - 1].iter().zip(golden) {
            assert!(ours.is_finite(), "step {step}");
            worst = worst.max((ours - golden).abs() / golden.abs().max(1.0));
        }
    }
    worst
}

#[test]
fn every_optimizer_is_where_pytorch_is_for_100_steps() {
    let gpu = common::gpu(Trust::Trusted);
    for (name, learning_rate, moments, op) in optimizers() {
        let golden = recorded(name);
        assert_eq!(
            golden.last().unwrap().0,
            STEPS,
            "{name} is recorded to the end"
        );
        let truth = distance(
            &by_the_references(op.clone(), moments, learning_rate),
            &golden,
        );
        // Attributes that an op holds in 32 bits differ from PyTorch's in the eighth digit.
        assert!(truth <= 1e-6, "{name} by the references: {truth:.1e}");
        if let Some(gpu) = &gpu {
            let error = distance(&on_the_adapter(gpu, op, moments, learning_rate), &golden);
            assert!(error <= 2e-5, "{name} on the adapter: {error:.1e}");
            common::say(&format!(
                "{name}: 100 steps within {error:.1e} of PyTorch's, the reference within {truth:.1e}"
            ));
        }
    }
}
