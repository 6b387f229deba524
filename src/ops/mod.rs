//! The ops: one file each, forward and backward on one page.
//!
//! An op `x` is `src/ops/x.rs` (shape rule, gradient rule, kernels, cases), `src/reference/x.rs` (the truth) and `shaders/x.wgsl`
//! (the kernels). The list below is the registry: tests, `verify` and benches walk it.
//! Invariant: an op does not know on which adapter it runs.

pub mod adam;
pub mod add;
pub mod advance;
pub mod batch_indices;
pub mod conv2d;
mod elementwise;
pub mod gather_batch;
pub mod matmul;
pub mod reduce_sum;
pub mod relu;
pub mod sgd;
pub mod state;
#[cfg(test)]
mod validity;

use crate::graph::{Case, OpRef};

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
    adam,
    add,
    advance,
    conv2d,
    batch_indices,
    gather_batch,
    matmul,
    reduce_sum,
    relu,
    sgd,
];

/// The text of a shader by its stem.
///
/// # Panics
/// If there is none of that name: a mistake in an op's `lower`.
pub fn shader(name: &str) -> &'static str {
    OPS.iter()
        .find(|op| op.name == name)
        .unwrap_or_else(|| panic!("no shader is called {name}"))
        .shader
}

/// The op that adds two gradients.
pub fn sum() -> OpRef {
    std::sync::Arc::new(add::Add)
}
