//! The truth: every op as naive f64 loops, straight from its formula, dull on purpose.
//!
//! Nothing here is shared with the kernels or with each other; the gradients are proved by finite differences.
//! Invariant: a reference knows shapes and numbers, nothing else.

pub mod adam;
pub mod add;
pub mod add_bias;
pub mod advance;
pub mod avg_pool2d;
pub mod batch_indices;
pub mod conv2d;
pub mod count_correct;
pub mod cross_entropy;
pub mod gather_batch;
pub mod log_softmax;
pub mod matmul;
pub mod max_pool2d;
pub mod mse;
pub mod mul;
pub mod reduce_sum;
pub mod relu;
pub mod reshape;
pub mod scale;
pub mod sgd;
pub mod sigmoid;
pub mod softmax;
pub mod tanh;
pub mod transpose;
