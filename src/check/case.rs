//! The graph that proves a case: the op, random cotangents at its outputs, and the gradients that follow.

use super::inputs::{self, Numbers};
use super::list;
use crate::graph::{
    Array, Case, DType, Gradient, Graph, Lowering, Node, Operand, Tape, TensorType, Value, autograd,
};

/// Forward and backward of one case.
pub(super) struct CaseGraph {
    /// The op of the case is node 0, its gradient the rest.
    pub(super) graph: Graph,
    /// What the case is, for reports.
    pub(super) what: String,
    /// The inputs of the op.
    pub(super) inputs: Vec<Value>,
    /// For each output of the op the gradient that arrives there; `None` for those that pass no gradient on.
    pub(super) cotangents: Vec<Option<Value>>,
    /// For each input of the op its gradient.
    pub(super) gradients: Vec<Option<Value>>,
    /// What passes no gradient on, and why: the op, or one of its outputs.
    pub(super) exemptions: Vec<String>,
    /// The numbers for the inputs and the cotangents.
    pub(super) feeds: Vec<(Value, Array)>,
}

impl CaseGraph {
    /// The graph of case number `index` of the op `name`.
    ///
    /// # Errors
    /// If the inputs do not fit the op.
    pub(super) fn build(name: &str, index: usize, case: &Case) -> Result<Self, String> {
        let types: Vec<TensorType> = case.inputs.iter().map(|i| i.tensor.clone()).collect();
        let what = format!("case {index}: {:?} of {}", case.op, list(&types));
        let mut graph = Graph::new();
        let inputs: Vec<Value> = types
            .iter()
            .enumerate()
            .map(|(i, tensor)| graph.input(format!("input {i}"), tensor.clone()))
            .collect();
        let outputs = graph
            .apply(case.op.clone(), &inputs)
            .map_err(|error| format!("{what}: {error}"))?;
        let mut feeds: Vec<(Value, Array)> = inputs
            .iter()
            .copied()
            .zip(inputs::of_case(name, index, case))
            .collect();

        let mut exemptions = Vec::new();
        let seeded = seeded_outputs(&graph, &mut exemptions);
        let mut cotangents = vec![None; outputs.len()];
        for &i in &seeded {
            let tensor = graph.tensor(outputs[i]).clone();
            let mut numbers = Numbers::new(name, index, types.len() + i);
            let dy = graph.input(format!("dy {i}"), tensor.clone());
            let normals = super::words::rounded(&numbers.normals(&tensor), DType::F32);
            feeds.push((dy, normals));
            cotangents[i] = Some(dy);
        }
        let mut gradients = vec![None; inputs.len()];
        if !seeded.is_empty() {
            let seeds: Vec<(Value, Value)> = outputs
                .iter()
                .zip(&cotangents)
                .filter_map(|(&y, &dy)| Some((y, dy?)))
                .collect();
            let floats: Vec<usize> = (0..inputs.len())
                .filter(|&i| types[i].dtype == DType::F32)
                .collect();
            let wrt: Vec<Value> = floats.iter().map(|&i| inputs[i]).collect();
            let found = autograd::backward(&mut graph, &seeds, &wrt, &crate::ops::sum());
            for (i, gradient) in floats.into_iter().zip(found) {
                gradients[i] = gradient;
            }
        }
        Ok(Self {
            graph,
            what,
            inputs,
            cotangents,
            gradients,
            exemptions,
            feeds,
        })
    }

    /// The node of the op itself.
    pub(super) fn node(&self) -> &Node {
        &self.graph.nodes()[0]
    }
}

/// The inputs that a node changes in place, each with the output that is its new state, in the order of the outputs.
pub(super) fn updates(node: &Node) -> Vec<(usize, usize)> {
    let Lowering::Kernels { dispatches, .. } = &node.lowering else {
        return Vec::new();
    };
    let operands = dispatches.iter().flat_map(|dispatch| &dispatch.operands);
    let mut updates: Vec<(usize, usize)> = operands
        .filter_map(|operand| match *operand {
            Operand::Update { input, output } => Some((input, output)),
            _ => None,
        })
        .collect();
    updates.sort_by_key(|&(input, output)| (output, input));
    updates.dedup();
    updates
}

/// The outputs of node 0 that pass a gradient on: floats that are no state, and with which the gradient rule does something.
fn seeded_outputs(graph: &Graph, exemptions: &mut Vec<String>) -> Vec<usize> {
    let node = &graph.nodes()[0];
    let updates = updates(node);
    let candidates: Vec<usize> = (0..node.outputs.len())
        .filter(|&i| graph.tensor(node.outputs[i]).dtype == DType::F32)
        .filter(|&i| updates.iter().all(|&(_, output)| output != i))
        .collect();
    match answer(graph, &candidates) {
        Err(reason) => {
            exemptions.push(format!("{}: {reason}", node.name()));
            Vec::new()
        }
        Ok(false) => {
            if !candidates.is_empty() {
                exemptions.push(format!("{}: no input has a gradient", node.name()));
            }
            Vec::new()
        }
        Ok(true) if candidates.len() == 1 => candidates,
        Ok(true) => {
            let (seeded, silent): (Vec<usize>, Vec<usize>) = candidates
                .into_iter()
                .partition(|&i| matches!(answer(graph, &[i]), Ok(true)));
            for i in silent {
                exemptions.push(format!("{}: output {i} passes no gradient on", node.name()));
            }
            seeded
        }
    }
}

/// Asks the gradient rule of node 0, in a graph that is thrown away, whether gradients at these outputs give any input one.
fn answer(graph: &Graph, seeded: &[usize]) -> Result<bool, &'static str> {
    let mut graph = graph.clone();
    let node = graph.nodes()[0].clone();
    let mut dy = vec![None; node.outputs.len()];
    for &i in seeded {
        let tensor = graph.tensor(node.outputs[i]).clone();
        dy[i] = Some(graph.input("dy", tensor));
    }
    let wanted: Vec<bool> = node
        .inputs
        .iter()
        .map(|&v| graph.tensor(v).dtype == DType::F32)
        .collect();
    let mut tape = Tape {
        graph: &mut graph,
        inputs: &node.inputs,
        outputs: &node.outputs,
        dy: &dy,
        wanted: &wanted,
    };
    match node.op.gradient(&mut tape) {
        Gradient::None(reason) => Err(reason),
        Gradient::Of(gradients) => Ok(gradients
            .iter()
            .zip(&wanted)
            .any(|(gradient, wanted)| gradient.is_some() && *wanted)),
    }
}
