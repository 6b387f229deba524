//! Proof: every kernel against its reference, every gradient against finite differences, and every check against sabotage.
//!
//! All of it walks the registry [`crate::ops::OPS`]; a new op is proved without a line being added here. What needs an adapter
//! goes through [`Runner`], so that the checks themselves are tested without one.
//! Invariant: the truth is an f64 reference, and a comparison that cannot fail is an error.

mod case;
pub mod compare;
pub mod experiment;
#[cfg(test)]
mod fake;
pub mod gradient;
pub mod inputs;
pub mod interpreter;
pub mod on_gpu;
pub mod prove;
pub mod sabotage;
pub mod words;

use crate::error::Result;
use crate::graph::{Node, Target, TensorType};

pub use compare::{Comparison, Tolerance, compare};
pub use gradient::{GradientReport, prove_gradient, prove_gradient_of};
pub use interpreter::Interpreter;
pub use on_gpu::OnGpu;
pub use prove::{OpReport, Row, prove_all, prove_experiment, prove_op};
pub use sabotage::{SabotageReport, sabotage_op};

/// The 32-bit words of a tensor's storage: as many as [`crate::graph::DType::storage_bytes`] says, those beyond the last element
/// zero, or in the inputs of a proof a filler.
pub type Words = Vec<u32>;

/// What one run of a node left in storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRun {
    /// The outputs; the output of an update is the storage of the updated input.
    pub outputs: Vec<Words>,
    /// All inputs, read again after the run.
    pub inputs_after: Vec<Words>,
    /// Invocations that reached outside of an array, and that looped longer than the op says, where the runner watches for it.
    pub watched: [u32; 2],
}

/// Runs single nodes on an adapter.
pub trait Runner {
    /// What the adapter offers: the ways to be proved.
    fn target(&self) -> Target;

    /// Runs the kernels of one node, in the way that it holds.
    ///
    /// `types` and `inputs` are the node's inputs, `output_types` its outputs. Each word of an output that is not the storage of
    /// an updated input is `poison` before the run.
    ///
    /// # Errors
    /// Whatever keeps the adapter from running it.
    fn run_node(
        &mut self,
        node: &Node,
        types: &[TensorType],
        inputs: &[Words],
        output_types: &[TensorType],
        poison: u32,
    ) -> Result<NodeRun>;
}

/// A list of the types, as reports show it.
fn list(types: &[TensorType]) -> String {
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    types.join(", ")
}
