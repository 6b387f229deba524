//! What the plan does to a graph for an adapter changes nothing that it computes.

use std::collections::BTreeMap;

use anygrad::gpu::{Executor, Gpu, Kernels, Memory, Trust};
use anygrad::graph::{Graph, Op, Shape, Stage, Target, TensorType, Value, Window, autograd};
use anygrad::ops::{
    self, add::Add, add_bias::AddBias, avg_pool2d::AvgPool2d, conv2d::Conv2d, matmul::Matmul,
    max_pool2d::MaxPool2d, mul::Mul, relu::Relu, reshape::Reshape, sigmoid::Sigmoid, tanh::Tanh,
};
use anygrad::plan::Plan;
use anygrad::rng::{Sequence, Stream};

use crate::common;

/// So many graphs are drawn.
const GRAPHS: u32 = 12;

/// A graph in the making, with what it reads and what is asked of it.
struct Drawn {
    graph: Graph,
    numbers: Sequence,
    /// Inputs and the numbers they are fed.
    feeds: Vec<(Value, Vec<f32>)>,
    /// Tensors to compare.
    keep: Vec<Value>,
}

impl Drawn {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.numbers.below(u32::try_from(bound).unwrap())).unwrap()
    }

    fn input(&mut self, shape: impl Into<Shape>, scale: f64) -> Value {
        let tensor = TensorType::f32(shape);
        let value = self.graph.input("input", tensor.clone());
        #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
        let mut draw = || self.numbers.uniform_in(-scale, scale) as f32;
        let numbers = (0..tensor.elements()).map(|_| draw()).collect();
        self.feeds.push((value, numbers));
        value
    }

    fn one(&mut self, op: impl Op + 'static, inputs: &[Value]) -> Value {
        self.graph.one(op, inputs)
    }

    /// The tensor with something done to it that does not change its shape.
    fn dressed(&mut self, x: Value) -> Value {
        let shape = self.graph.shape(x).clone();
        let channels = *shape.dims().last().unwrap();
        match self.below(7) {
            0 => {
                let bias = self.input([channels], 0.5);
                self.one(AddBias, &[x, bias])
            }
            1 => self.one(Relu::Forward, &[x]),
            2 => self.one(Sigmoid::Forward, &[x]),
            3 => self.one(Tanh::Forward, &[x]),
            4 => {
                let other = self.input(shape, 1.0);
                self.one(Mul, &[x, other])
            }
            5 => {
                let other = self.input(shape, 1.0);
                self.one(Add, &[other, x])
            }
            // Read twice.
            _ => self.one(Add, &[x, x]),
        }
    }

    /// A network of some layers, its gradients with respect to all that it reads, and some tensors in between.
    fn new(number: u32) -> Self {
        let mut drawn = Self {
            graph: Graph::new(),
            numbers: Sequence::new(1, Stream::Test, number),
            feeds: Vec::new(),
            keep: Vec::new(),
        };
        let mut channels = [1, 3, 4, 8, 12][drawn.below(5)];
        let [mut h, mut w] = [12 + drawn.below(5), 12 + drawn.below(5)];
        let batch = 1 + drawn.below(3);
        let mut x = drawn.input([batch, h, w, channels], 1.0);
        for _ in 0..2 {
            let out = [3, 4, 16, 40][drawn.below(4)];
            let weight = drawn.input([3, 3, channels, out], 0.4);
            let window = Window::new([3, 3]);
            x = drawn.one(Conv2d::Forward { window, groups: 1 }, &[x, weight]);
            channels = out;
            for _ in 0..drawn.below(4) {
                x = drawn.dressed(x);
            }
            let stride = [[1, 1], [2, 2], [2, 1]][drawn.below(3)];
            let window = Window {
                stride,
                ..Window::new([2, 2])
            };
            x = match drawn.below(4) {
                0 => x,
                1 => drawn.one(AvgPool2d::Forward { window }, &[x]),
                _ => drawn
                    .graph
                    .apply(std::sync::Arc::new(MaxPool2d::Forward { window }), &[x])
                    .unwrap()[0],
            };
            let &[_, pooled_h, pooled_w, _] = drawn.graph.shape(x).dims() else {
                unreachable!("images stay images");
            };
            (h, w) = (pooled_h, pooled_w);
            if drawn.below(3) == 0 {
                drawn.keep.push(x);
            }
        }
        let features = h * w * channels;
        let shape = Shape::from([batch, features]);
        x = drawn.one(Reshape { shape }, &[x]);
        let out = [5, 12, 40][drawn.below(3)];
        let transpose_b = drawn.below(2) == 0;
        let weight = drawn.input(
            if transpose_b {
                [out, features]
            } else {
                [features, out]
            },
            0.2,
        );
        let product = Matmul {
            transpose_b,
            ..Matmul::default()
        };
        x = drawn.one(product, &[x, weight]);
        for _ in 0..drawn.below(3) {
            x = drawn.dressed(x);
        }
        let shape = drawn.graph.shape(x).clone();
        let dy = drawn.input(shape, 1.0);
        let wrt: Vec<Value> = drawn
            .feeds
            .iter()
            .map(|(value, _)| *value)
            .filter(|&v| v != dy)
            .collect();
        let gradients = autograd::backward(&mut drawn.graph, &[(x, dy)], &wrt, &ops::sum());
        drawn.keep.push(x);
        drawn.keep.extend(gradients.into_iter().flatten());
        drawn
    }

    /// What the tensors to compare hold after a run of a plan.
    fn run(&self, gpu: &Gpu, kernels: &mut Kernels, plan: Plan) -> Vec<Vec<f32>> {
        let mut memory = Memory::new();
        let mut executor = Executor::new(gpu, &mut memory, kernels, plan).unwrap();
        for (value, numbers) in &self.feeds {
            let words: Vec<u32> = numbers.iter().map(|x| x.to_bits()).collect();
            executor.write(gpu, *value, &words);
        }
        executor.submit(gpu, &memory, 1, None).unwrap();
        let read = |&value: &Value| {
            let words = executor.read(gpu, value).unwrap().into_iter();
            let elements = self.graph.tensor(value).elements();
            words.take(elements).map(f32::from_bits).collect()
        };
        self.keep.iter().map(read).collect()
    }
}

#[test]
fn fused_graphs_compute_what_the_graphs_compute() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    let mut kernels = Kernels::default();
    let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..GRAPHS {
        let drawn = Drawn::new(number);
        let keep = drawn.keep.as_slice();
        let truth = drawn.run(&gpu, &mut kernels, Plan::new(&drawn.graph, keep));
        for target in [Target::FLOOR, gpu.target()] {
            let plan = Plan::for_target(drawn.graph.clone(), keep, &target);
            for stage in plan.kernels.iter().flat_map(|k| k.fusion.stages()) {
                let kind = match stage {
                    Stage::AddRow => "rows added",
                    Stage::Apply(_) => "functions",
                    Stage::ApplyDerivative(_) => "derivatives",
                    Stage::Combine(_) => "other tensors",
                };
                *stages.entry(kind).or_default() += 1;
            }
            let results = drawn.run(&gpu, &mut kernels, plan);
            for (place, (y, truth)) in results.iter().zip(&truth).enumerate() {
                let scale = truth.iter().fold(0f32, |max, x| max.max(x.abs()));
                let near = |(y, truth): (&f32, &f32)| (y - truth).abs() <= 2e-5 * scale;
                assert!(
                    scale > 0.0 && y.iter().zip(truth).all(near),
                    "graph {number}, {target:?}, tensor {place}\n{}",
                    drawn.graph
                );
            }
        }
    }
    assert_eq!(stages.len(), 4, "every kind of stage was there: {stages:?}");
}
