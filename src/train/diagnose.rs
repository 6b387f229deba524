//! Where the first number that is not finite came from.
//!
//! A training is a function of its state, so it can be run again from the last state that was kept: up to the step in question as
//! it was, and that step with every tensor in a place of its own. Then the tensors are looked through in the order in which they
//! were computed.

use super::session::Session;
use super::step::Pass;
use crate::error::Result;
use crate::gpu::Executor;
use crate::graph::{DType, Graph, Node, Precision, Value};
use crate::nn::Network;
use crate::plan::Plan;

/// A training that is run again.
pub(super) struct Replay<'a> {
    pub(super) session: &'a mut Session,
    pub(super) network: &'a Network,
    /// One step as it was run.
    pub(super) executor: &'a mut Executor,
    /// The same step.
    pub(super) graph: &'a Graph,
    pub(super) pass: &'a Pass,
    /// Steps of one submission.
    pub(super) pace: u64,
}

impl Replay<'_> {
    /// Runs from after `done` steps, whose state is on the adapter, and looks for the first number that is not finite in the steps
    /// from `first` to `last`, counted from 0. What it is, in words, if there is one.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn find(&mut self, done: u64, first: u64, last: u64) -> Result<Option<String>> {
        let metrics = self.pass.metrics();
        let mut next = done;
        while next < first {
            let steps = (first - next).min(self.pace);
            let count = usize::try_from(steps).unwrap_or(1);
            self.session.feed(&metrics, next, steps)?;
            let Session { gpu, memory, .. } = &*self.session;
            self.executor.submit(gpu, memory, count, None)?;
            next += steps;
        }
        let nodes = self.graph.nodes().iter();
        let values: Vec<Value> = nodes.flat_map(|node| node.outputs.clone()).collect();
        let Session {
            gpu,
            memory,
            kernels,
            ..
        } = &mut *self.session;
        let plan = Plan::for_target(self.graph.clone(), &values, &gpu.target());
        // It takes more memory than the training did: without it there is just no answer.
        let Ok(mut step) = Executor::new(gpu, memory, kernels, plan) else {
            return Ok(None);
        };
        for number in first.max(done)..=last {
            self.session.feed(&metrics, number, 1)?;
            step.submit(&self.session.gpu, &self.session.memory, 1, None)?;
            // A layer's nodes before those of the loss are its forward pass, those behind them its gradient.
            let mut backward = false;
            for node in self.graph.nodes() {
                backward |= node.scope == "loss";
                if let Some(found) = self.look(&step, node, backward)? {
                    return Ok(Some(format!("in step {}, {found}", number + 1)));
                }
            }
        }
        // All of that was held in 32 bits.
        let halves = self.graph.precision() == Precision::F16 && self.session.gpu.has_f16();
        Ok(halves.then(|| {
            "where 16 bits hold no number above 65504: train with --set train.precision=f32"
                .to_owned()
        }))
    }

    /// The first output of a node with a number that is not finite.
    fn look(&self, step: &Executor, node: &Node, backward: bool) -> Result<Option<String>> {
        for &output in &node.outputs {
            let tensor = self.graph.tensor(output);
            if tensor.dtype != DType::F32 {
                continue;
            }
            let words = step.read(&self.session.gpu, output)?;
            let numbers = words.iter().take(tensor.shape.elements());
            let mut numbers = numbers.map(|&word| f32::from_bits(word));
            if let Some(place) = numbers.position(|number| !number.is_finite()) {
                let found = self.describe(step, node, output, place, backward);
                return found.map(Some);
            }
        }
        Ok(None)
    }

    fn describe(
        &self,
        step: &Executor,
        node: &Node,
        output: Value,
        place: usize,
        backward: bool,
    ) -> Result<String> {
        let kernel = node.name();
        Ok(match node.scope.as_str() {
            "batch" => {
                let shape = self.graph.shape(output);
                let samples = shape.dims().first().copied().unwrap_or(1);
                let row = place / (shape.elements() / samples).max(1);
                let sample = match node.inputs.get(1) {
                    // Where samples are streamed, these are places in their window.
                    Some(&indices)
                        if self.session.feeders.is_empty()
                            && self.graph.tensor(indices).dtype == DType::U32 =>
                    {
                        step.read(&self.session.gpu, indices)?.get(row).copied()
                    }
                    _ => None,
                };
                match sample {
                    Some(sample) => format!("in sample {sample} of the data set, counted from 0"),
                    None => format!("in the samples of the batch ({kernel})"),
                }
            }
            "loss" => format!("in the loss ({kernel})"),
            "optimizer" => {
                let parameter = self.network.parameters.iter().find(|parameter| {
                    (parameter.offset..parameter.offset + parameter.shape.elements())
                        .contains(&place)
                });
                match parameter {
                    Some(parameter) => format!("in the update of `{}` ({kernel})", parameter.name),
                    None => format!("in the update of the weights ({kernel})"),
                }
            }
            scope if backward => format!("in the gradient of layer `{scope}` ({kernel})"),
            scope => format!("in the output of layer `{scope}` ({kernel})"),
        })
    }
}
