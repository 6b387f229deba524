//! The ops: one file each, forward and backward on one page.
//!
//! An op `x` is `src/ops/x.rs` (shape rule, gradient rule, kernels, cases), `src/reference/x.rs` (the truth) and `shaders/x.wgsl`
//! (the kernels); a view has no kernels. The lists below are the registry: tests, `verify` and benches walk them.
//! Invariant: an op does not know on which adapter it runs.

pub mod accumulate;
pub mod adam;
mod adaptive;
pub mod adaptive_avg_pool2d;
pub mod adaptive_max_pool2d;
pub mod add;
pub mod add_bias;
pub mod advance;
pub mod attention;
pub mod augment;
pub mod average;
pub mod avg_pool2d;
mod axis;
pub mod batch_indices;
pub mod batch_norm;
pub mod binary_cross_entropy;
pub mod clip_norm;
pub mod clip_value;
pub mod concat;
pub mod confusion_matrix;
pub mod conv2d;
pub mod count_correct;
pub mod cross_entropy;
pub mod depthwise_conv2d;
#[cfg(test)]
mod descent;
pub mod dropout;
mod elementwise;
pub mod elu;
pub mod embedding;
pub mod gather_batch;
pub mod gather_windows;
pub mod gelu;
pub mod group_norm;
pub mod gru;
pub mod huber;
pub mod layer_norm;
pub mod leaky_relu;
pub mod lion;
pub mod log_softmax;
pub mod loss_scale;
pub mod lstm;
pub mod mae;
pub mod matmul;
pub mod max_pool2d;
pub mod mixup;
pub mod mse;
pub mod mul;
mod norm;
pub mod pad;
mod pooling;
mod recurrence;
pub mod reduce_sum;
mod regression;
pub mod relu;
pub mod reshape;
pub mod rms_norm;
pub mod rmsprop;
pub mod rnn;
pub mod rotary;
mod row_norm;
mod rowwise;
pub mod scale;
pub mod schedule;
pub mod select;
pub mod sgd;
pub mod sigmoid;
pub mod silu;
pub mod slice;
pub mod softmax;
pub mod softplus;
pub mod state;
pub mod stream_rows;
mod subgroup;
pub mod tanh;
pub mod transpose;
pub mod upsample;
pub mod weigh;
mod workgroup;

use crate::graph::{Case, Constant, OpRef, Stage};
use crate::wgsl;

/// What the registry knows of an op.
#[derive(Debug)]
pub struct Definition {
    /// The common stem of its three files.
    pub name: &'static str,
    /// The text of `shaders/<name>.wgsl`.
    pub shader: &'static str,
    /// The inputs that prove it.
    pub cases: fn() -> Vec<Case>,
}

/// What the registry knows of an op without kernels, whose output is its input's storage under another shape.
#[derive(Debug)]
pub struct View {
    /// The common stem of its two files.
    pub name: &'static str,
    /// The inputs that prove it.
    pub cases: fn() -> Vec<Case>,
}

macro_rules! registry {
    ($($op:ident),* $(,)?) => {
        /// Every op with kernels, in alphabetical order.
        pub const OPS: &[Definition] = &[$(Definition {
            name: stringify!($op),
            shader: include_str!(concat!("../../shaders/", stringify!($op), ".wgsl")),
            cases: $op::cases,
        }),*];
    };
}

registry![
    accumulate,
    adam,
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    add,
    add_bias,
    advance,
    attention,
    augment,
    average,
    avg_pool2d,
    batch_indices,
    batch_norm,
    binary_cross_entropy,
    clip_norm,
    clip_value,
    concat,
    confusion_matrix,
    conv2d,
    count_correct,
    cross_entropy,
    depthwise_conv2d,
    dropout,
    elu,
    embedding,
    gather_batch,
    gather_windows,
    gelu,
    group_norm,
    gru,
    huber,
    layer_norm,
    leaky_relu,
    lion,
    log_softmax,
    loss_scale,
    lstm,
    mae,
    matmul,
    max_pool2d,
    mixup,
    mse,
    mul,
    pad,
    reduce_sum,
    relu,
    rms_norm,
    rmsprop,
    rnn,
    rotary,
    scale,
    schedule,
    select,
    sgd,
    sigmoid,
    silu,
    slice,
    softmax,
    softplus,
    stream_rows,
    tanh,
    transpose,
    upsample,
    weigh,
];

macro_rules! views {
    ($($op:ident),* $(,)?) => {
        /// Every op without kernels, in alphabetical order.
        pub const VIEWS: &[View] = &[$(View {
            name: stringify!($op),
            cases: $op::cases,
        }),*];
    };
}

views![reshape];

macro_rules! probes {
    ($($probe:ident),* $(,)?) => {
        /// Kernels of no op, which do nothing but the thing that limits others: they measure an adapter. Name and text.
        pub const PROBES: &[(&str, &str)] = &[$((
            concat!("probe/", stringify!($probe)),
            include_str!(concat!("../../shaders/probe/", stringify!($probe), ".wgsl")),
        )),*];
    };
}

probes![copy, dispatch, fma_f16, fma_f32];

/// The text of a shader by its stem; that of a probe begins with `probe/`.
///
/// # Panics
/// If there is none of that name: a mistake in an op's `lower`.
pub fn shader(name: &str) -> &'static str {
    let ops = OPS.iter().map(|op| (op.name, op.shader));
    let mut all = ops.chain(PROBES.iter().copied());
    all.find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no shader is called {name}"))
        .1
}

/// The text of a kernel: the shader with its constants and its epilogue, whose operands are the last of so many bindings.
///
/// # Panics
/// If the shader has no such constant or no place for an epilogue: a mistake in an op's `lower`.
pub fn text(
    name: &str,
    constants: &[(&'static str, Constant)],
    stages: &[Stage],
    bindings: usize,
) -> String {
    let of_stages: usize = stages.iter().map(|stage| stage.operands()).sum();
    let source = wgsl::with_epilogue(shader(name), stages, bindings - of_stages, shader);
    wgsl::specialise(&source, constants)
}

/// The op that adds two gradients.
pub fn sum() -> OpRef {
    std::sync::Arc::new(add::Add)
}

#[cfg(test)]
mod tests {
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    use super::*;
    use crate::graph::{Array, DType, Gradient, Graph, Shape, Tape, Value, autograd};
    use crate::wgsl;

    /// The case as a graph, with the nodes of its gradient where it has one.
    fn graph_of(case: &Case) -> Graph {
        let mut graph = Graph::new();
        let inputs: Vec<Value> = case
            .inputs
            .iter()
            .map(|input| graph.input("x", input.tensor.clone()))
            .collect();
        let outputs = graph.apply(OpRef::clone(&case.op), &inputs).unwrap();
        let dy = graph.input("dy", graph.tensor(outputs[0]).clone());
        let float = |v: &Value| graph.tensor(*v).dtype == DType::F32;
        let wanted: Vec<bool> = inputs.iter().map(float).collect();
        let wrt: Vec<Value> = inputs.iter().copied().filter(float).collect();
        let mut dys = vec![None; outputs.len()];
        dys[0] = Some(dy);
        let rule = case.op.gradient(&mut Tape {
            graph: &mut graph.clone(),
            inputs: &inputs,
            outputs: &outputs,
            dy: &dys,
            wanted: &wanted,
        });
        match rule {
            Gradient::None(_) => {}
            Gradient::Of(_) => {
                autograd::backward(&mut graph, &[(outputs[0], dy)], &wrt, &sum());
            }
        }
        graph
    }

    #[test]
    fn every_shader_is_valid_as_it_stands() {
        for op in OPS {
            let text = wgsl::expand(op.shader);
            let module = wgsl::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", op.name));
            Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP)
                .validate(&module.naga)
                .unwrap_or_else(|error| panic!("{}: {}", op.name, error.emit_to_string(&text)));
            assert!(
                !module.entry_points.is_empty(),
                "{} has no entry point",
                op.name
            );
        }
    }

    #[test]
    fn every_reference_gives_the_shapes_that_its_shape_rule_says() {
        let ops = OPS.iter().map(|op| op.cases);
        let views = VIEWS.iter().map(|view| view.cases);
        for case in ops.chain(views).flat_map(|cases| cases()) {
            let graph = graph_of(&case);
            for node in graph.nodes() {
                let zeros = |v: &Value| Array::zeros_like(graph.tensor(*v));
                let inputs: Vec<Array> = node.inputs.iter().map(zeros).collect();
                let shapes: Vec<Shape> = node
                    .op
                    .reference(&inputs)
                    .into_iter()
                    .map(|y| y.shape)
                    .collect();
                let inferred: Vec<Shape> = node
                    .outputs
                    .iter()
                    .map(|&v| graph.shape(v).clone())
                    .collect();
                assert_eq!(shapes, inferred, "{}", node.name());
            }
        }
    }
}
