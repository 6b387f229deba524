//! Which nodes become one kernel: a host and the stages behind it, where nothing else reads what lies between.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commute::commute;
use crate::graph::{
    DType, Fused, Fusion, Graph, Lowering, Node, OpRef, Stage, Storage, Target, Value,
};

/// Stages of one chain, at most: with the operands of any host they stay within the eight buffers that every adapter binds.
const MAX_STAGES: usize = 4;

/// Makes one node of every chain whose host, in the way that is best on such an adapter, has an epilogue. Each stage saves a store
/// and a load of a whole tensor, and a dispatch. The nodes of the chain but for the last are left without readers.
pub(super) fn fuse(graph: &mut Graph, keep: &[Value], target: &Target) {
    commute(graph, &readers(graph, keep));
    let readers = readers(graph, keep);
    for index in 0..graph.nodes().len() {
        let Some(chain) = Chain::from(graph, index, &readers, target) else {
            continue;
        };
        let op: OpRef = Arc::new(chain.op);
        let fused = Node {
            op: op.clone(),
            inputs: chain.inputs.clone(),
            ..graph.nodes()[chain.last].clone()
        };
        if let Some(way) = graph.possible_ways(&fused, target).into_iter().next() {
            graph.replace(chain.last, op, chain.inputs, way);
        }
    }
}

/// For every tensor that is read once, the node that does; a tensor to keep is read once more.
fn readers(graph: &Graph, keep: &[Value]) -> BTreeMap<Value, usize> {
    let mut reads: BTreeMap<Value, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        for &input in &node.inputs {
            reads.entry(input).or_default().push(index);
        }
    }
    for &value in keep {
        reads.remove(&value);
    }
    let once = reads.into_iter().filter(|(_, nodes)| nodes.len() == 1);
    once.map(|(value, nodes)| (value, nodes[0])).collect()
}

/// A host and its stages, as nodes of a graph.
struct Chain {
    op: Fused,
    inputs: Vec<Value>,
    last: usize,
}

impl Chain {
    /// The longest chain whose host is node number `index`, if that is one and something follows.
    fn from(
        graph: &Graph,
        index: usize,
        readers: &BTreeMap<Value, usize>,
        target: &Target,
    ) -> Option<Self> {
        let host = &graph.nodes()[index];
        let &[mut link] = host.outputs.as_slice() else {
            return None;
        };
        let knows_columns = match best_fusion(graph, host, target)? {
            Fusion::Host(stages) if stages.is_empty() => true,
            Fusion::Guest { .. } => false,
            Fusion::Host(_) | Fusion::None => return None,
        };
        let mut chain = Self {
            op: Fused::new(host.op.clone(), host.inputs.len()),
            inputs: host.inputs.clone(),
            last: index,
        };
        for _ in 0..MAX_STAGES {
            let Some((next, place)) = guest(graph, link, readers, knows_columns, target) else {
                break;
            };
            let node = &graph.nodes()[next];
            let mut extras = node.inputs.clone();
            extras.remove(place);
            chain.inputs.extend(extras);
            chain.op = chain.op.then(node.op.clone(), node.inputs.len(), place);
            (chain.last, link) = (next, node.outputs[0]);
        }
        (chain.last != index).then_some(chain)
    }
}

/// The node that alone reads a tensor and can be a stage on it, with the place of the tensor among its inputs; a row is added only
/// by a host that knows columns.
fn guest(
    graph: &Graph,
    link: Value,
    readers: &BTreeMap<Value, usize>,
    knows_columns: bool,
    target: &Target,
) -> Option<(usize, usize)> {
    let next = *readers.get(&link)?;
    let node = &graph.nodes()[next];
    let chain = match best_fusion(graph, node, target)? {
        Fusion::Guest {
            stage: Stage::AddRow,
            ..
        } if !knows_columns => return None,
        Fusion::Guest {
            stage: Stage::Combine(_),
            ..
        } => node.inputs.iter().position(|&input| input == link)?,
        Fusion::Guest { chain, .. } => chain,
        Fusion::Host(_) | Fusion::None => return None,
    };
    let fits = graph.info(link).storage == Storage::Planned
        && node.inputs.get(chain) == Some(&link)
        && graph.tensor(link) == graph.tensor(node.outputs[0])
        && graph.tensor(link).dtype == DType::F32;
    fits.then_some((next, chain))
}

/// What the last kernel of a node can become, in the way that is best on such an adapter.
fn best_fusion(graph: &Graph, node: &Node, target: &Target) -> Option<Fusion> {
    match graph.possible_ways(node, target).into_iter().next()? {
        Lowering::View => None,
        Lowering::Kernels { dispatches, .. } => Some(dispatches.last()?.fusion.clone()),
    }
}
