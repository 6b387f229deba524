//! Reverse-mode differentiation as a step from graph to graph: it appends the nodes that compute gradients.

use std::collections::BTreeMap;

use super::op::{Gradient, OpRef, Tape};
use super::{Graph, Value};

/// Appends the gradients of `seeds` (tensors with the gradient that arrives there) with respect to `wrt`.
///
/// `sum` is the op that adds two gradients where a tensor is used twice. Returns one gradient for each of `wrt`; `None` where it does not influence any of the seeds.
///
/// # Panics
/// If the way from `wrt` to a seed leads through an op without a gradient: such ops (labels, counters, optimisers) never stand
/// there in a network that `nn` builds.
pub fn backward(
    graph: &mut Graph,
    seeds: &[(Value, Value)],
    wrt: &[Value],
    sum: &OpRef,
) -> Vec<Option<Value>> {
    let forward_nodes = graph.nodes().len();
    let reaches = influenced(graph, wrt);
    let mut gradients: BTreeMap<Value, Value> = BTreeMap::new();
    for &(value, gradient) in seeds {
        accumulate(graph, &mut gradients, value, gradient, sum);
    }
    for index in (0..forward_nodes).rev() {
        let node = graph.nodes()[index].clone();
        let dy: Vec<Option<Value>> = node
            .outputs
            .iter()
            .map(|v| gradients.get(v).copied())
            .collect();
        let wanted: Vec<bool> = node.inputs.iter().map(|v| reaches[v.index()]).collect();
        if dy.iter().all(Option::is_none) || !wanted.contains(&true) {
            continue;
        }
        let previous = graph.enter(node.scope.clone());
        let mut tape = Tape {
            graph,
            inputs: &node.inputs,
            outputs: &node.outputs,
            dy: &dy,
            wanted: &wanted,
        };
        match node.op.gradient(&mut tape) {
            Gradient::None(reason) => panic!("{} has no gradient: {reason}", node.name()),
            Gradient::Of(inputs) => {
                assert_eq!(
                    inputs.len(),
                    node.inputs.len(),
                    "{}: one gradient per input",
                    node.name()
                );
                for ((&input, gradient), wanted) in node.inputs.iter().zip(inputs).zip(&wanted) {
                    if let (Some(gradient), true) = (gradient, *wanted) {
                        assert_eq!(
                            graph.shape(input),
                            graph.shape(gradient),
                            "{}: a gradient has the shape of its tensor",
                            node.name()
                        );
                        accumulate(graph, &mut gradients, input, gradient, sum);
                    }
                }
            }
        }
        graph.enter(previous);
    }
    wrt.iter().map(|v| gradients.get(v).copied()).collect()
}

/// For each tensor, whether one of `sources` influences it through the graph.
fn influenced(graph: &Graph, sources: &[Value]) -> Vec<bool> {
    let mut reaches = vec![false; graph.values().len()];
    for source in sources {
        reaches[source.index()] = true;
    }
    for node in graph.nodes() {
        if node.inputs.iter().any(|v| reaches[v.index()]) {
            for output in &node.outputs {
                reaches[output.index()] = true;
            }
        }
    }
    reaches
}

/// Adds `gradient` to what has arrived at `value` so far.
fn accumulate(
    graph: &mut Graph,
    gradients: &mut BTreeMap<Value, Value>,
    value: Value,
    gradient: Value,
    sum: &OpRef,
) {
    let sum = match gradients.get(&value) {
        Some(&before) => graph
            .apply(OpRef::clone(sum), &[before, gradient])
            .expect("two gradients of one tensor have its shape")[0],
        None => gradient,
    };
    gradients.insert(value, sum);
}
