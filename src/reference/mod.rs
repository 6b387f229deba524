//! The truth: every op as naive f64 loops, straight from its formula, dull on purpose.
//!
//! Nothing here is shared with the kernels or with each other; the gradients are proved by finite differences.
//! Invariant: a reference knows shapes and numbers, nothing else.

pub mod accumulate;
pub mod adam;
pub mod adaptive_avg_pool2d;
pub mod adaptive_max_pool2d;
pub mod add;
pub mod add_bias;
pub mod advance;
pub mod attention;
pub mod augment;
pub mod average;
pub mod avg_pool2d;
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
pub mod dropout;
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
pub mod pad;
pub mod reduce_sum;
pub mod relu;
pub mod reshape;
pub mod rms_norm;
pub mod rmsprop;
pub mod rnn;
pub mod rotary;
pub mod scale;
pub mod schedule;
pub mod select;
pub mod sgd;
pub mod sigmoid;
pub mod silu;
pub mod slice;
pub mod softmax;
pub mod softplus;
pub mod stream_rows;
pub mod tanh;
pub mod transpose;
pub mod upsample;
pub mod weigh;

use crate::graph::Array;

/// The factors of learning rate and weight decay of element `i` of a slab: `groups` has a row of both for every 64 elements.
fn group_of(groups: &Array, i: usize) -> (f64, f64) {
    let row = i / 64;
    (groups.data[row * 2], groups.data[row * 2 + 1])
}

/// `1 / (1 + exp(−x))`, the gate of a recurrent cell.
fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
