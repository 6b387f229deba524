//! Runs nodes on an adapter through the same plan and executor that training uses.

use super::{NodeRun, Runner, Words};
use crate::error::Result;
use crate::gpu::{Executor, Gpu, Kernels, Memory};
use crate::graph::{Graph, Node, Storage, Target, TensorType, Value};
use crate::plan::Plan;

/// An adapter as a [`Runner`].
#[derive(Debug)]
pub struct OnGpu<'a> {
    gpu: &'a Gpu,
    kernels: Kernels,
}

impl<'a> OnGpu<'a> {
    /// Runs on this device.
    pub fn new(gpu: &'a Gpu) -> Self {
        Self {
            gpu,
            kernels: Kernels::default(),
        }
    }
}

impl Runner for OnGpu<'_> {
    fn target(&self) -> Target {
        self.gpu.target()
    }

    fn run_node(
        &mut self,
        node: &Node,
        types: &[TensorType],
        inputs: &[Words],
        output_types: &[TensorType],
        poison: u32,
    ) -> Result<NodeRun> {
        let mut graph = Graph::new();
        let x: Vec<Value> = types
            .iter()
            .map(|tensor| graph.input("input", tensor.clone()))
            .collect();
        let y = graph
            .apply(node.op.clone(), &x)
            .expect("a node's inputs fit");
        graph.choose(0, node.lowering.clone());
        let keep: Vec<Value> = x.iter().chain(&y).copied().collect();
        // Every run begins with buffers of its own.
        let mut memory = Memory::new();
        let plan = Plan::new(&graph, &keep);
        let mut executor = Executor::new(self.gpu, &mut memory, &mut self.kernels, plan)?;
        for (&value, tensor) in y.iter().zip(output_types) {
            if graph.info(value).storage == Storage::Planned {
                executor.write(self.gpu, value, &vec![poison; tensor.bytes() / 4]);
            }
        }
        for (&value, words) in x.iter().zip(inputs) {
            executor.write(self.gpu, value, words);
        }
        executor.submit(self.gpu, &memory, 1, None)?;
        Ok(NodeRun {
            outputs: y
                .iter()
                .map(|&v| executor.read(self.gpu, v))
                .collect::<Result<_>>()?,
            inputs_after: x
                .iter()
                .map(|&v| executor.read(self.gpu, v))
                .collect::<Result<_>>()?,
            watched: executor.watched(self.gpu)?,
        })
    }
}
