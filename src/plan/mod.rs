//! The plan: a graph turned into an ordered list of kernel launches over numbered buffers, as plain printable data.
//!
//! Everything is decided here before anything is allocated: which nodes run, in which order, and which buffer each tensor lives
//! in, so that the peak memory is known. Invariant: a plan does not know what a wgpu buffer is.

mod commute;
mod fuse;
mod half;
mod memory;

use std::collections::BTreeSet;
use std::fmt;

use crate::graph::op::MAX_LOOP_TRIPS;
use crate::graph::{
    Constant, Fusion, Graph, Lowering, Node, Operand, Precision, Storage, Target, Value,
};

/// A step, ready to be replayed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The buffers, by number.
    pub buffers: Vec<PlanBuffer>,
    /// The kernels in order.
    pub kernels: Vec<Kernel>,
    /// Where each tensor of the graph lives; `None` for tensors of nodes that need not run.
    regions: Vec<Option<Region>>,
    /// The largest sum of bytes that are needed at the same time: no plan can need less.
    pub lower_bound_bytes: usize,
}

/// One buffer of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanBuffer {
    /// The name under which it outlives the step; `None` for working memory.
    pub persistent: Option<String>,
    /// Its size.
    pub bytes: usize,
}

/// A part of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The buffer's number.
    pub buffer: usize,
    /// The first byte.
    pub offset: usize,
    /// The size in bytes, a multiple of 16, or of 8 where floats take 16 bits.
    pub bytes: usize,
}

/// How a kernel uses a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It reads it.
    Read,
    /// It writes it, and may read it.
    ReadWrite,
}

/// One kernel launch.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `layer/op.pass`, for profiles and messages.
    pub label: String,
    /// The shader's stem.
    pub shader: &'static str,
    /// The entry point.
    pub entry: &'static str,
    /// The values of the shader's constants.
    pub constants: Vec<(&'static str, Constant)>,
    /// The bindings in order.
    pub bindings: Vec<(Region, Access)>,
    /// The numbers of those whose floats are stored in 16 bits.
    pub half: Vec<usize>,
    /// Invocations wanted.
    pub invocations: usize,
    /// An upper bound of the loop iterations of one invocation.
    pub loop_trips: usize,
    /// Floating-point operations.
    pub flops: u64,
    /// What happens to the results before they are stored; the last bindings are its operands.
    pub fusion: Fusion,
}

/// Picks the place of one of the ways to compute a node of a graph.
pub type Choose<'a, E> = dyn FnMut(&Graph, &Node, &[Lowering]) -> Result<usize, E> + 'a;

impl Kernel {
    /// What every kernel must be, whatever made it.
    fn assert_sound(&self) {
        assert!(
            self.loop_trips < MAX_LOOP_TRIPS,
            "{}: {} loop iterations in one invocation",
            self.label,
            self.loop_trips
        );
        let binds = |access| {
            let bindings = self.bindings.iter().filter(move |(_, how)| *how == access);
            bindings.map(|(region, _)| region.buffer)
        };
        assert!(
            binds(Access::Read).all(|read| binds(Access::ReadWrite).all(|write| write != read)),
            "{}: a buffer is bound both to read and to write",
            self.label
        );
    }

    /// Bytes that it moves between memory and the adapter at least: what it binds, and what it changes in place twice. Of a data set
    /// it reads no more elements than it writes.
    pub fn traffic_bytes(&self) -> usize {
        let of = |access| {
            let bindings = self.bindings.iter().filter(move |(_, how)| *how == access);
            bindings.map(|(region, _)| region.bytes).sum::<usize>()
        };
        let (read, written) = (of(Access::Read), of(Access::ReadWrite));
        match self.shader {
            "gather_batch" | "gather_windows" | "embedding" => read.min(written) + written,
            "adam" | "sgd" => read + 2 * written,
            _ => read + written,
        }
    }
}

impl Plan {
    /// Plans a graph for an adapter of this kind: what can be one kernel is, and each node is computed in the way that is the best
    /// guess for it.
    ///
    /// # Panics
    /// As [`Plan::new`].
    pub fn for_target(graph: Graph, keep: &[Value], target: &Target) -> Self {
        let chosen = Self::chosen(graph, keep, target, &mut |_, _, _| {
            Ok::<_, std::convert::Infallible>(0)
        });
        let Ok(plan) = chosen;
        plan
    }

    /// As [`Plan::for_target`], where `choose` picks the way of each node that is needed and has several.
    ///
    /// # Errors
    /// Those of `choose`.
    ///
    /// # Panics
    /// As [`Plan::new`].
    pub fn chosen<E>(
        mut graph: Graph,
        keep: &[Value],
        target: &Target,
        choose: &mut Choose<'_, E>,
    ) -> Result<Self, E> {
        let mut target = *target;
        if graph.precision() == Precision::F16 && target.f16 {
            half::mark(&mut graph, keep);
            target.wide_loads = false;
        }
        fuse::fuse(&mut graph, keep, &target);
        let needed = needed(&graph, keep);
        for (index, needed) in needed.into_iter().enumerate() {
            let node = &graph.nodes()[index];
            let mut ways = graph.ways(node, &target);
            let place = if needed && ways.len() > 1 {
                choose(&graph, node, &ways)?
            } else {
                0
            };
            graph.choose(index, ways.swap_remove(place));
        }
        Ok(Self::new(&graph, keep))
    }

    /// Plans the nodes of a graph, in the way that each holds, that lead to the tensors of `keep` or change persistent ones.
    ///
    /// The tensors of `keep` can be read after a run; inputs of the graph can always be fed before one.
    ///
    /// # Panics
    /// If a kernel may loop more than [`MAX_LOOP_TRIPS`] times or binds a buffer both to read and to write, or a tensor is read after
    /// a node has changed it in place: mistakes of an op or of whoever built the graph.
    pub fn new(graph: &Graph, keep: &[Value]) -> Self {
        let needed = needed(graph, keep);
        let (memory, lower_bound_bytes) = memory::assign(graph, &needed, keep);
        let mut plan = Self {
            buffers: memory.buffers,
            kernels: Vec::new(),
            regions: memory.regions,
            lower_bound_bytes,
        };
        let mut changed = BTreeSet::new();
        for (index, node) in graph.nodes().iter().enumerate() {
            if needed[index] {
                for input in &node.inputs {
                    assert!(
                        !changed.contains(input),
                        "{} reads `{}` after it was changed in place",
                        node.name(),
                        graph.info(*input).label
                    );
                }
                changed.extend(updated(node));
                plan.push(graph, node, &memory.scratch[index]);
            }
        }
        plan
    }

    /// Kernels over buffers as they are given, with no graph behind them: for probes.
    ///
    /// # Panics
    /// If a kernel may loop more than [`MAX_LOOP_TRIPS`] times or binds a buffer both to read and to write.
    pub fn of_kernels(buffers: Vec<PlanBuffer>, kernels: Vec<Kernel>) -> Self {
        kernels.iter().for_each(Kernel::assert_sound);
        Self {
            lower_bound_bytes: buffers.iter().map(|buffer| buffer.bytes).sum(),
            buffers,
            kernels,
            regions: Vec::new(),
        }
    }

    fn push(&mut self, graph: &Graph, node: &Node, scratch: &[Region]) {
        let Lowering::Kernels { dispatches, .. } = &node.lowering else {
            return;
        };
        for dispatch in dispatches {
            let bindings: Vec<(Region, Access)> = dispatch
                .operands
                .iter()
                .map(|operand| match *operand {
                    Operand::Input(i) => (self.region(node.inputs[i]), Access::Read),
                    Operand::Output(i) => (self.region(node.outputs[i]), Access::ReadWrite),
                    Operand::Update { input, .. } => {
                        (self.region(node.inputs[input]), Access::ReadWrite)
                    }
                    Operand::Scratch(i) => (scratch[i], Access::ReadWrite),
                })
                .collect();
            let halves = dispatch.operands.iter().map(|operand| match *operand {
                Operand::Input(i) | Operand::Update { input: i, .. } => {
                    graph.is_half(node.inputs[i])
                }
                Operand::Output(i) => graph.is_half(node.outputs[i]),
                Operand::Scratch(_) => false,
            });
            let half = (0..).zip(halves).filter_map(|(i, half)| half.then_some(i));
            let separator = if node.scope.is_empty() { "" } else { "/" };
            let kernel = Kernel {
                label: format!("{}{separator}{}", node.scope, node.name()),
                shader: dispatch.shader,
                entry: dispatch.entry,
                constants: dispatch.constants.clone(),
                bindings,
                half: half.collect(),
                invocations: dispatch.invocations,
                loop_trips: dispatch.loop_trips,
                flops: dispatch.flops,
                fusion: dispatch.fusion.clone(),
            };
            kernel.assert_sound();
            self.kernels.push(kernel);
        }
    }

    /// Where a tensor lives.
    ///
    /// # Panics
    /// If it belongs to a node that is not run.
    pub fn region(&self, value: Value) -> Region {
        self.regions[value.index()].expect("a tensor of the plan")
    }

    /// Bytes of working memory and persistent buffers together: the peak.
    pub fn peak_bytes(&self) -> usize {
        self.buffers.iter().map(|buffer| buffer.bytes).sum()
    }

    /// The largest part of a buffer that a kernel binds, with the kernel's label.
    pub fn largest_binding(&self) -> (usize, &str) {
        self.kernels
            .iter()
            .flat_map(|kernel| {
                kernel
                    .bindings
                    .iter()
                    .map(|(region, _)| (region.bytes, kernel.label.as_str()))
            })
            .max_by_key(|&(bytes, _)| bytes)
            .unwrap_or((0, ""))
    }
}

/// The inputs that a node changes in place.
fn updated(node: &Node) -> impl Iterator<Item = Value> + '_ {
    let dispatches = match &node.lowering {
        Lowering::Kernels { dispatches, .. } => dispatches.as_slice(),
        Lowering::View => &[],
    };
    dispatches
        .iter()
        .flat_map(|dispatch| &dispatch.operands)
        .filter_map(|operand| match *operand {
            Operand::Update { input, .. } => Some(node.inputs[input]),
            _ => None,
        })
}

/// Which nodes must run: those that change persistent tensors, and all that lead to them or to `keep`.
fn needed(graph: &Graph, keep: &[Value]) -> Vec<bool> {
    let mut wanted = vec![false; graph.values().len()];
    for &value in keep {
        wanted[value.index()] = true;
    }
    let mut needed = vec![false; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        let writes_persistent = node.outputs.iter().any(|&output| {
            let (home, _) = graph.home(output);
            matches!(graph.info(home).storage, Storage::Persistent(_))
                && !matches!(node.lowering, Lowering::View)
        });
        // A tensor placed into a slice is wanted when the tensor it is a part of is.
        let fills_wanted = node
            .outputs
            .iter()
            .any(|&output| wanted[output.index()] || wanted[graph.home(output).0.index()]);
        if writes_persistent || fills_wanted {
            needed[index] = true;
            for &input in &node.inputs {
                wanted[input.index()] = true;
                wanted[graph.root(input).index()] = true;
            }
        }
    }
    needed
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, buffer) in self.buffers.iter().enumerate() {
            let name = buffer.persistent.as_deref().unwrap_or("working memory");
            writeln!(f, "buffer {number}: {} bytes, {name}", buffer.bytes)?;
        }
        for kernel in &self.kernels {
            write!(
                f,
                "{} = {}.{} ×{}:",
                kernel.label, kernel.shader, kernel.entry, kernel.invocations
            )?;
            for (region, access) in &kernel.bindings {
                let arrow = if *access == Access::Read { "" } else { "→" };
                write!(
                    f,
                    " {arrow}{}[{}+{}]",
                    region.buffer, region.offset, region.bytes
                )?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "peak {} bytes, lower bound {}",
            self.peak_bytes(),
            self.lower_bound_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::TensorType;
    use crate::ops::scale::Scale;
    use crate::ops::sgd::Sgd;
    use crate::ops::state;

    #[test]
    #[should_panic(expected = "reads `parameters` after it was changed in place")]
    fn a_tensor_read_after_its_update_is_a_bug() {
        let mut graph = Graph::new();
        let slab = || TensorType::f32([64]);
        let parameters = graph.persistent("parameters", slab());
        let gradients = graph.persistent("gradients", slab());
        let groups = graph.persistent("groups", state::groups(64));
        let schedule = graph.persistent("schedule", state::schedule());
        let counters = graph.persistent("counters", state::counters());
        let inputs = [parameters, gradients, groups, schedule, counters];
        graph
            .apply(std::sync::Arc::new(Sgd::default()), &inputs)
            .unwrap();
        let late = graph.one(Scale { alpha: 2.0 }, &[parameters]);
        Plan::new(&graph, &[late]);
    }

    #[test]
    #[should_panic(expected = "both to read and to write")]
    fn a_kernel_that_reads_and_writes_parts_of_one_buffer_is_a_bug() {
        let mut graph = Graph::new();
        let slab = graph.persistent("slab", TensorType::f32([128]));
        let first = graph.slice("first", slab, 0, [64]);
        let doubled = graph.one(Scale { alpha: 2.0 }, &[first]);
        assert!(graph.place(doubled, slab, 64));
        Plan::new(&graph, &[]);
    }

    #[test]
    fn tensors_that_never_live_together_share_a_buffer_and_the_peak_is_the_lower_bound() {
        let mut graph = Graph::new();
        let mut x = graph.input("x", TensorType::f32([256]));
        for _ in 0..9 {
            x = graph.one(Scale { alpha: 2.0 }, &[x]);
        }
        let plan = Plan::new(&graph, &[x]);
        assert_eq!(plan.kernels.len(), 9);
        assert_eq!(plan.buffers.len(), 2, "{plan}");
        assert_eq!((plan.peak_bytes(), plan.lower_bound_bytes), (2048, 2048));
    }
}
