//! Which tensors take 16 bits: activations and what flows back to them.
//!
//! Everything that sums over a batch or over time stays as it is: parameters, their gradients, moments, statistics, losses, and the
//! scratch memory of a kernel. Kernels compute in f32 either way; 11 bits remain of what they store.

use crate::graph::{Graph, Value};

/// Nodes whose first output is an activation or the gradient of one.
const STORED: &[&str] = &[
    "adaptive_avg_pool2d.backward",
    "adaptive_avg_pool2d.forward",
    "adaptive_max_pool2d.backward",
    "adaptive_max_pool2d.forward",
    "add.forward",
    "add_bias.forward",
    "attention.backward",
    "attention.forward",
    "avg_pool2d.backward",
    "avg_pool2d.forward",
    "batch_norm.backward",
    "batch_norm.evaluate",
    "batch_norm.forward",
    "conv2d.backward_x",
    "conv2d.forward",
    "cross_entropy.backward",
    "embedding.forward",
    "dropout.forward",
    "elu.backward",
    "elu.forward",
    "gelu.backward",
    "gelu.forward",
    "group_norm.backward",
    "group_norm.forward",
    "layer_norm.backward",
    "layer_norm.forward",
    "leaky_relu.backward",
    "leaky_relu.forward",
    "depthwise_conv2d.backward_x",
    "depthwise_conv2d.forward",
    "matmul.forward",
    "max_pool2d.backward",
    "max_pool2d.forward",
    "mul.forward",
    "relu.backward",
    "relu.forward",
    "rotary.backward",
    "rotary.forward",
    "rms_norm.backward",
    "rms_norm.forward",
    "sigmoid.backward",
    "sigmoid.forward",
    "silu.backward",
    "silu.forward",
    "softplus.backward",
    "softplus.forward",
    "tanh.backward",
    "tanh.forward",
    "transpose.forward",
];

/// Marks them in a graph, but for what is read from outside. A vector is none: it holds one number per row.
pub(super) fn mark(graph: &mut Graph, keep: &[Value]) {
    let activations: Vec<Value> = graph
        .nodes()
        .iter()
        .filter(|node| STORED.contains(&node.name().as_str()))
        .map(|node| node.outputs[0])
        .filter(|&output| graph.shape(output).rank() > 1)
        .collect();
    let kept: Vec<Value> = keep.iter().map(|&value| graph.root(value)).collect();
    for value in activations {
        if !kept.contains(&graph.root(value)) {
            graph.store_half(value);
        }
    }
}
