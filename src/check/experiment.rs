//! What a kernel is asked, and what it must answer: one node with its inputs, its truth and the tolerance of it.

use std::collections::BTreeSet;

use super::case::{self, CaseGraph};
use super::compare::{ROUNDING, Tolerance};
use super::inputs::Numbers;
use super::interpreter::Interpreter;
use super::{list, words};
use crate::graph::{Array, Case, DType, Lowering, Node, Target, TensorType};

/// One node of the forward and backward graph of a case, with numbers.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The case it belongs to and the node, for reports.
    pub what: String,
    /// The node.
    pub node: Node,
    /// The types of the inputs.
    pub types: Vec<TensorType>,
    /// The inputs, rounded to their element types.
    pub inputs: Vec<Array>,
    /// The types of the outputs.
    pub output_types: Vec<TensorType>,
    /// What the reference makes of exactly these inputs.
    pub truth: Vec<Array>,
    /// How far each output may be from the truth.
    pub tolerances: Vec<Tolerance>,
    /// The inputs changed in place, each with the output that is its new state.
    pub updates: Vec<(usize, usize)>,
}

impl Experiment {
    /// The shader stem and entry point of each kernel of the node, in order.
    pub fn kernels(&self) -> Vec<(&'static str, &'static str)> {
        kernels(&self.node)
    }

    /// What an output that is the new state of an input was before.
    pub fn before(&self, output: usize) -> Option<&Array> {
        let update = self.updates.iter().find(|(_, updated)| *updated == output);
        update.map(|&(input, _)| &self.inputs[input])
    }
}

/// The experiments of case number `index` of the op `name`: one for each way to compute each node of its forward and backward
/// graph on an adapter of this kind.
///
/// A node that is in `seen` (the same op on the same types, with inputs of the same kind) is left out; the others are added.
///
/// # Errors
/// If the inputs do not fit the op, or a reference is not finite.
pub fn of_case(
    name: &str,
    index: usize,
    case: &Case,
    target: &Target,
    seen: &mut BTreeSet<String>,
) -> Result<Vec<Experiment>, String> {
    let graph = CaseGraph::build(name, index, case)?;
    let mut interpreter = Interpreter::new(&graph.graph);
    for (value, numbers) in &graph.feeds {
        interpreter.set(*value, numbers);
    }
    let domains: Vec<_> = case.inputs.iter().map(|input| &input.domain).collect();
    let mut experiments = Vec::new();
    let mut failure = None;
    interpreter.step_with(|node, inputs| {
        let types: Vec<TensorType> = node
            .inputs
            .iter()
            .map(|&v| graph.graph.tensor(v).clone())
            .collect();
        let key = format!("{:?} {types:?} {domains:?}", node.op);
        if matches!(node.lowering, Lowering::View) || !seen.insert(key) {
            return;
        }
        let output_types = node
            .outputs
            .iter()
            .map(|&v| graph.graph.tensor(v).clone())
            .collect();
        let what = format!("{}, {} of {}", graph.what, node.name(), list(&types));
        match experiment(what, node, types, inputs, output_types) {
            Ok(experiment) => {
                for way in graph.graph.ways(node, target) {
                    let mut experiment = experiment.clone();
                    experiment.node.lowering = way;
                    experiments.push(experiment);
                }
            }
            Err(error) => failure = Some(error),
        }
    });
    failure.map_or(Ok(experiments), Err)
}

/// As [`of_case`], but of the op alone, without its gradient.
///
/// # Errors
/// As [`of_case`].
pub fn of_forward(
    name: &str,
    index: usize,
    case: &Case,
    target: &Target,
) -> Result<Vec<Experiment>, String> {
    let CaseGraph { graph, what, .. } = CaseGraph::build(name, index, case)?;
    let node = &graph.nodes()[0];
    let types: Vec<TensorType> = case
        .inputs
        .iter()
        .map(|input| input.tensor.clone())
        .collect();
    let outputs = node.outputs.iter().map(|&v| graph.tensor(v).clone());
    let what = format!("{what}, {} of {}", node.name(), list(&types));
    let numbers = super::inputs::of_case(name, index, case);
    let experiment = experiment(what, node, types, &numbers, outputs.collect())?;
    let ways = graph.ways(node, target).into_iter();
    Ok(ways
        .map(|way| {
            let mut experiment = experiment.clone();
            experiment.node.lowering = way;
            experiment
        })
        .collect())
}

/// The nodes of the forward and backward graph of a case, each once for every way to compute it on an adapter of this kind.
///
/// # Errors
/// If the inputs do not fit the op.
pub fn nodes_of_case(
    name: &str,
    index: usize,
    case: &Case,
    target: &Target,
) -> Result<Vec<CaseNode>, String> {
    let CaseGraph { graph, what, .. } = CaseGraph::build(name, index, case)?;
    let types = |values: &[crate::graph::Value]| {
        let types = values.iter().map(|&v| graph.tensor(v).clone());
        types.collect::<Vec<TensorType>>()
    };
    let nodes = graph.nodes().iter().flat_map(|node| {
        let ways = graph.ways(node, target).into_iter();
        ways.map(|lowering| CaseNode {
            what: format!("{what}, {}", node.name()),
            node: Node {
                lowering,
                ..node.clone()
            },
            types: types(&node.inputs),
            output_types: types(&node.outputs),
        })
    });
    Ok(nodes.collect())
}

/// A node of the forward and backward graph of a case, without numbers.
#[derive(Clone, Debug)]
pub struct CaseNode {
    /// The case it belongs to and the node, for reports.
    pub what: String,
    /// The node.
    pub node: Node,
    /// The types of the inputs.
    pub types: Vec<TensorType>,
    /// The types of the outputs.
    pub output_types: Vec<TensorType>,
}

fn kernels(node: &Node) -> Vec<(&'static str, &'static str)> {
    match &node.lowering {
        Lowering::View => Vec::new(),
        Lowering::Kernels { dispatches, .. } => dispatches
            .iter()
            .map(|dispatch| (dispatch.shader, dispatch.entry))
            .collect(),
    }
}

fn experiment(
    what: String,
    node: &Node,
    types: Vec<TensorType>,
    inputs: &[Array],
    output_types: Vec<TensorType>,
) -> Result<Experiment, String> {
    let inputs: Vec<Array> = inputs
        .iter()
        .zip(&types)
        .map(|(input, tensor)| words::rounded(input, tensor.dtype))
        .collect();
    let truth = node.op.reference(&inputs);
    if let Some(output) = truth
        .iter()
        .position(|output| output.data.iter().any(|x| !x.is_finite()))
    {
        return Err(format!(
            "{what}: output {output} of the reference is not finite"
        ));
    }
    let responses = responses(node, &types, &inputs, &truth);
    let flops = node.lowering.flops() as f64;
    let tolerances = output_types
        .iter()
        .zip(truth.iter().zip(responses))
        .map(|(tensor, (truth, response))| match tensor.dtype {
            DType::U32 | DType::U8 => Tolerance::EXACT,
            DType::F32 => {
                let magnitude = truth.data.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
                Tolerance::of(flops / tensor.elements() as f64, magnitude, response)
            }
        })
        .collect();
    Ok(Experiment {
        what,
        node: node.clone(),
        types,
        inputs,
        output_types,
        truth,
        tolerances,
        updates: case::updates(node),
    })
}

/// How far each output moves at most when every float input is moved by one rounding, up or down at random: twice.
fn responses(node: &Node, types: &[TensorType], inputs: &[Array], truth: &[Array]) -> Vec<f64> {
    let mut responses = vec![0.0; truth.len()];
    for sample in 0..2 {
        let mut numbers = Numbers::new(node.op.name(), sample, 0);
        let moved: Vec<Array> = inputs
            .iter()
            .zip(types)
            .map(|(input, tensor)| match tensor.dtype {
                DType::U32 | DType::U8 => input.clone(),
                DType::F32 => {
                    let data = input.data.iter();
                    let data = data.map(|x| x + x * ROUNDING.copysign(numbers.uniform() - 0.5));
                    Array::new(input.shape.clone(), data.collect())
                }
            })
            .collect();
        let outputs = node.op.reference(&moved);
        for (response, (output, truth)) in responses.iter_mut().zip(outputs.iter().zip(truth)) {
            let pairs = output.data.iter().zip(&truth.data);
            *response = pairs.fold(*response, |max: f64, (a, b)| max.max((a - b).abs()));
        }
    }
    responses
}
