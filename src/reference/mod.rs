//! The truth: every op as naive f64 loops, straight from its formula, dull on purpose.
//!
//! Nothing here is shared with the kernels or with each other; the gradients are proved by finite differences.
//! Invariant: a reference knows shapes and numbers, nothing else.

pub mod adam;
pub mod add;
pub mod advance;
pub mod batch_indices;
pub mod conv2d;
pub mod gather_batch;
pub mod matmul;
pub mod reduce_sum;
pub mod relu;
pub mod sgd;
