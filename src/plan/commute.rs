//! Pooling with its activation: derivatives are taken of what a pool has left over.
//!
//! A maximum over windows takes one number of each, and so its gradient goes to one: whether the derivative of an activation
//! before the pool is multiplied behind the pool's gradient or before it is the same. Before it there are fewer numbers, they are
//! read by the next layer anyway, and the activation's whole result need not be kept for the backward pass.

use std::collections::BTreeMap;

use crate::graph::{Fusion, Graph, Lowering, Node, Stage, Storage, Target, Value};

/// Exchanges every pair of a max-pool's gradient and the derivative, behind it, of the activation before the pool. `readers` has
/// the node of every tensor that is read once.
pub(super) fn commute(graph: &mut Graph, readers: &BTreeMap<Value, usize>) {
    for pool in 0..graph.nodes().len() {
        if let Some((activation, inputs, between)) = pair(graph, pool, readers) {
            graph.exchange([pool, activation], inputs, between);
        }
    }
}

/// For a pool's gradient whose result an activation's derivative alone reads: that node, what each of them reads when they are
/// exchanged, and a tensor like the one that is then between them.
fn pair(
    graph: &Graph,
    pool: usize,
    readers: &BTreeMap<Value, usize>,
) -> Option<(usize, [Vec<Value>; 2], Value)> {
    let gradient = &graph.nodes()[pool];
    if (gradient.op.name(), gradient.op.pass()) != ("max_pool2d", "backward") {
        return None;
    }
    let (&[dy, winners], &[link]) = (gradient.inputs.as_slice(), gradient.outputs.as_slice())
    else {
        return None;
    };
    if graph.info(link).storage != Storage::Planned {
        return None;
    }
    let activation = *readers.get(&link)?;
    let derivative = &graph.nodes()[activation];
    let chain = chain_of_derivative(graph, derivative)?;
    let saved = *derivative.inputs.get(1 - chain)?;
    // The pool itself, which has read what the activation gave, and made the maxima.
    let forward = &graph.nodes()[graph.info(winners).producer?];
    let &[maxima, _] = forward.outputs.as_slice() else {
        return None;
    };
    if derivative.inputs[chain] != link || forward.inputs != [saved] {
        return None;
    }
    let mut of_derivative = vec![maxima; 2];
    of_derivative[chain] = dy;
    Some((activation, [of_derivative, vec![link, winners]], maxima))
}

/// The input of an activation's derivative that is the gradient, if a node is one: the other one is the activation's result.
fn chain_of_derivative(graph: &Graph, node: &Node) -> Option<usize> {
    let ways = graph.possible_ways(node, &Target::FLOOR);
    let Lowering::Kernels { dispatches, .. } = ways.first()? else {
        return None;
    };
    match dispatches.last()?.fusion {
        Fusion::Guest {
            stage: Stage::ApplyDerivative(_),
            chain,
        } if node.inputs.len() == 2 => Some(chain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::{TensorType, Window, autograd};
    use crate::ops::max_pool2d::MaxPool2d;
    use crate::ops::relu::Relu;
    use crate::ops::sum;
    use crate::plan::Plan;

    /// relu, max_pool2d, and their gradients; `keep` has what is asked of it beside dx.
    fn order(keep: impl Fn(Value, Value) -> Vec<Value>) -> Vec<String> {
        let mut graph = Graph::new();
        let x = graph.input("x", TensorType::f32([1, 4, 6, 4]));
        let dy = graph.input("dy", TensorType::f32([1, 2, 3, 4]));
        let activated = graph.one(Relu::Forward, &[x]);
        let window = Window {
            stride: [2, 2],
            ..Window::new([2, 2])
        };
        let pool = Arc::new(MaxPool2d::Forward { window });
        let pooled = graph.apply(pool, &[activated]).unwrap()[0];
        let gradients = autograd::backward(&mut graph, &[(pooled, dy)], &[x, activated], &sum());
        let [dx, dactivated] = [0, 1].map(|i| gradients[i].unwrap());
        let plan = Plan::for_target(graph, &keep(dx, dactivated), &Target::FLOOR);
        let labels = plan.kernels.into_iter().map(|kernel| kernel.label);
        labels.filter(|label| label.contains("backward")).collect()
    }

    #[test]
    fn a_derivative_goes_before_the_gradient_of_the_pool() {
        let order = order(|dx, _| vec![dx]);
        assert_eq!(order, ["relu.backward", "max_pool2d.backward"]);
    }

    #[test]
    fn what_lies_between_them_stays_where_somebody_asks_for_it() {
        let order = order(|dx, between| vec![dx, between]);
        assert_eq!(order, ["max_pool2d.backward", "relu.backward"]);
    }
}
