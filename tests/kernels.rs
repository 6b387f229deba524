//! Every kernel on the adapter that is there, against its f64 reference.

use std::sync::Arc;

use anygrad::check::{OnGpu, prove_all, prove_op};
use anygrad::gpu::{Executor, Gpu, Kernels, Memory, Trust};
use anygrad::graph::{Fused, Graph, Lowering, Op, OpRef, TensorType, Window};
use anygrad::ops::advance::{Advance, ENTRY};
use anygrad::ops::conv2d::Conv2d;
use anygrad::ops::elu::Elu;
use anygrad::ops::gelu::Gelu;
use anygrad::ops::leaky_relu::LeakyRelu;
use anygrad::ops::matmul::Matmul;
use anygrad::ops::max_pool2d::MaxPool2d;
use anygrad::ops::relu::Relu;
use anygrad::ops::sigmoid::Sigmoid;
use anygrad::ops::silu::Silu;
use anygrad::ops::softplus::Softplus;
use anygrad::ops::state;
use anygrad::ops::tanh::Tanh;
use anygrad::ops::{Definition, OPS};
use anygrad::plan::Plan;

use crate::common;

fn every_kernel_is_right(trust: Trust) {
    let Some(gpu) = common::gpu(trust) else {
        return;
    };
    let mut runner = OnGpu::new(&gpu);
    let reports = match std::env::var("ANYGRAD_OPS") {
        Ok(names) => {
            let named = |op: &&Definition| names.split(',').any(|name| name == op.name);
            let ops = OPS.iter().filter(named);
            ops.map(|op| prove_op(op, &mut runner)).collect()
        }
        Err(_) => prove_all(&mut runner),
    };
    let mut failures = Vec::new();
    for report in &reports {
        for row in &report.rows {
            common::say(&format!(
                "{:<28} {:>3} cases, worst error {:.2} of its tolerance ({})",
                row.name, row.cases, row.worst, row.worst_case
            ));
        }
        failures.extend(report.failures().map(str::to_owned));
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_kernel_agrees_with_its_reference() {
    every_kernel_is_right(Trust::Trusted);
}

#[test]
fn every_kernel_agrees_under_run_time_checks_and_stays_in_its_arrays_and_within_its_loop_trips() {
    every_kernel_is_right(Trust::Watched);
}

#[test]
fn a_way_that_computes_something_else_is_not_measured() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    let mut graph = Graph::new();
    let a = graph.input("a", TensorType::f32([40, 64]));
    let b = graph.input("b", TensorType::f32([64, 32]));
    graph.one(Matmul::default(), &[a, b]);
    let node = &graph.nodes()[0];
    let mut ways = graph.ways(node, &gpu.target());
    let measure = |ways: &[Lowering]| {
        anygrad::gpu::measure(&gpu, &mut Kernels::default(), &graph, node, ways).unwrap()
    };
    assert!(measure(&ways).iter().all(Option::is_some));
    // The last 16 of 64 products are left out.
    for way in &mut ways {
        let Lowering::Kernels { dispatches, .. } = way else {
            unreachable!("a product is computed");
        };
        for constant in &mut dispatches[0].constants {
            if constant.0 == "K_CHUNK" {
                constant.1 = 48usize.into();
            }
        }
    }
    assert!(measure(&ways).iter().all(Option::is_none));
}

/// The outputs of an op on these inputs, for each way to compute it on this adapter.
fn outputs(
    gpu: &Gpu,
    op: impl Op + 'static,
    inputs: &[(TensorType, Vec<u32>)],
) -> Vec<Vec<Vec<u32>>> {
    let mut graph = Graph::new();
    let x: Vec<_> = inputs
        .iter()
        .map(|(tensor, _)| graph.input("x", tensor.clone()))
        .collect();
    let y = graph.apply(Arc::new(op), &x).unwrap();
    let keep = [x.as_slice(), &y].concat();
    let mut kernels = Kernels::default();
    let ways = graph.ways(&graph.nodes()[0], &gpu.target()).into_iter();
    let run = |way| {
        graph.choose(0, way);
        let mut memory = Memory::new();
        let plan = Plan::new(&graph, &keep);
        let mut executor = Executor::new(gpu, &mut memory, &mut kernels, plan).unwrap();
        for (&value, (_, words)) in x.iter().zip(inputs) {
            executor.write(gpu, value, words);
        }
        executor.submit(gpu, &memory, 1, None).unwrap();
        y.iter()
            .map(|&value| executor.read(gpu, value).unwrap())
            .collect()
    };
    ways.map(run).collect()
}

/// Floats as they are in memory.
fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// The places of the numbers that are none.
fn nans(words: &[u32]) -> Vec<usize> {
    let numbers = words.iter().map(|&word| f32::from_bits(word)).enumerate();
    numbers
        .filter(|(_, x)| x.is_nan())
        .map(|(i, _)| i)
        .collect()
}

/// A NaN of either sign.
const NANS: [f32; 2] = [f32::NAN, -f32::NAN];

#[test]
fn relu_keeps_nan() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    let x = [
        -1.0,
        NANS[0],
        2.0,
        NANS[1],
        f32::NEG_INFINITY,
        f32::INFINITY,
        -0.0,
        3.0,
    ];
    let inputs = [(TensorType::f32([8]), bits(&x))];
    for outputs in outputs(&gpu, Relu::Forward, &inputs) {
        assert_eq!(nans(&outputs[0]), [1, 3]);
        let numbers: Vec<f32> = outputs[0]
            .iter()
            .map(|&word| f32::from_bits(word))
            .collect();
        assert_eq!(numbers[4..], [0.0, f32::INFINITY, 0.0, 3.0]);
    }
}

#[test]
fn every_activation_keeps_nan_and_no_large_number_becomes_one() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    let passes: [(OpRef, OpRef); 8] = [
        (Arc::new(Sigmoid::Forward), Arc::new(Sigmoid::Backward)),
        (Arc::new(Tanh::Forward), Arc::new(Tanh::Backward)),
        (Arc::new(Silu::Forward), Arc::new(Silu::Backward)),
        (Arc::new(Softplus::Forward), Arc::new(Softplus::Backward)),
        (
            Arc::new(Elu::Forward { alpha: 1.5 }),
            Arc::new(Elu::Backward { alpha: 1.5 }),
        ),
        (
            Arc::new(LeakyRelu::Forward { slope: 0.1 }),
            Arc::new(LeakyRelu::Backward { slope: 0.1 }),
        ),
        (
            Arc::new(Gelu::Forward { tanh: false }),
            Arc::new(Gelu::Backward { tanh: false }),
        ),
        (
            Arc::new(Gelu::Forward { tanh: true }),
            Arc::new(Gelu::Backward { tanh: true }),
        ),
    ];
    let x = [-1e30, NANS[0], 1e30, NANS[1], -1e4, 1e4, 0.0];
    let input = || (TensorType::f32([x.len()]), bits(&x));
    let ones = (TensorType::f32([x.len()]), bits(&[1.0; 7]));
    for (forward, backward) in passes {
        let name = forward.name();
        let of_x = outputs(&gpu, Fused::new(forward, 1), &[input()]).swap_remove(0);
        assert_eq!(nans(&of_x[0]), [1, 3], "{name}");
        // What is no number in a gradient stays none, whatever the activation was.
        let saved = (TensorType::f32([x.len()]), bits(&[0.5; 7]));
        let op = Fused::new(backward.clone(), 2);
        let dx = outputs(&gpu, op, &[saved, input()]).swap_remove(0);
        assert_eq!(nans(&dx[0]), [1, 3], "{name}");
        let saved = (TensorType::f32([x.len()]), of_x[0].clone());
        let saved = match name {
            "silu" | "gelu" => input(),
            _ => saved,
        };
        let op = Fused::new(backward, 2);
        let dx = outputs(&gpu, op, &[saved, ones.clone()]).swap_remove(0);
        let others = [0, 2, 4, 5, 6].map(|i| f32::from_bits(dx[0][i]));
        assert!(others.iter().all(|x| x.is_finite()), "{name}: {others:?}");
    }
}

#[test]
fn a_convolution_with_relu_in_its_epilogue_keeps_nan() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    let window = Window::new([1, 1]);
    for nan in NANS {
        // Two pixels of four channels and the identity: a NaN in the second pixel makes all of its sums NaN.
        let mut x = [1.0; 8];
        x[6] = nan;
        let mut weight = [0.0; 16];
        weight.iter_mut().step_by(5).for_each(|w| *w = -1.0);
        let inputs = [
            (TensorType::f32([1, 1, 2, 4]), bits(&x)),
            (TensorType::f32([1, 1, 4, 4]), bits(&weight)),
        ];
        let op = Fused::new(Arc::new(Conv2d::Forward { window, groups: 1 }), 2);
        for outputs in outputs(&gpu, op.then(Arc::new(Relu::Forward), 1, 0), &inputs) {
            assert_eq!(nans(&outputs[0]), [4, 5, 6, 7]);
            assert_eq!(outputs[0][..4], [0; 4]);
        }
    }
}

#[test]
fn max_pool2d_keeps_nan_wherever_it_stands_in_a_window() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    let window = Window::new([2, 2]);
    for channels in [1, 4] {
        for (place, nan) in [(0, 0), (1, 1), (2, 0), (3, 1)].map(|(at, i)| (at, NANS[i])) {
            // Four pixels; the last channel of one of them is NaN.
            let mut x = vec![1.0; 4 * channels];
            x[3] = 2.0;
            x[place * channels + channels - 1] = nan;
            let inputs = [(TensorType::f32([1, 2, 2, channels]), bits(&x))];
            for outputs in outputs(&gpu, MaxPool2d::Forward { window }, &inputs) {
                assert_eq!(
                    nans(&outputs[0][..channels]),
                    [channels - 1],
                    "pixel {place}"
                );
            }
        }
    }
}

#[test]
fn advance_marks_a_loss_that_is_not_finite() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    for (loss, mark) in [
        (0.5, 0.0),
        (f32::MAX, 0.0),
        (NANS[0], 1.0),
        (NANS[1], 1.0),
        (f32::INFINITY, 1.0),
        (f32::NEG_INFINITY, 1.0),
    ] {
        let inputs = [
            (state::counters(), vec![0; state::COUNTERS]),
            (TensorType::f32([1, ENTRY]), bits(&[9.0; ENTRY])),
            (TensorType::f32([1]), bits(&[loss])),
            (TensorType::f32([1]), bits(&[3.0])),
            (state::schedule(), bits(&[0.5; state::SCHEDULE])),
        ];
        for outputs in outputs(&gpu, Advance { count: 8, batch: 4 }, &inputs) {
            assert_eq!(f32::from_bits(outputs[1][3]), mark, "{loss}");
        }
    }
}
