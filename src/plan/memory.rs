//! Which part of which buffer a tensor lives in: tensors whose lives do not overlap share bytes.
//!
//! A tensor is placed into a gap of a buffer that is free for its whole life, at the end of one, or into a new one, whichever takes
//! least (`pack`). That a buffer holds several tensors at once costs nothing: wgpu 30 puts a barrier before every dispatch that
//! writes to a buffer used before, whatever part of it (`skip_barrier` in wgpu-core). But no dispatch may bind one buffer both to
//! read and to write, so what it reads and what it writes never lie in the same.

mod pack;

use std::collections::{BTreeMap, BTreeSet};

use super::{PlanBuffer, Region};
use crate::graph::{Graph, Lowering, Operand, Storage, Value};
use pack::Want;

/// Where everything lives.
pub(super) struct Memory {
    pub(super) buffers: Vec<PlanBuffer>,
    pub(super) regions: Vec<Option<Region>>,
    /// The scratch regions of each node.
    pub(super) scratch: Vec<Vec<Region>>,
}

/// What wants a place: a tensor that owns its storage, or a scratch buffer of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Value(Value),
    Scratch { node: usize, index: usize },
}

/// Gives every tensor of the needed nodes a region. Also returns the largest sum of bytes alive at one time.
pub(super) fn assign(graph: &Graph, needed: &[bool], keep: &[Value]) -> (Memory, usize) {
    let mut memory = Memory {
        buffers: Vec::new(),
        regions: vec![None; graph.values().len()],
        scratch: vec![Vec::new(); graph.nodes().len()],
    };
    let mut homes: BTreeMap<Value, Region> = BTreeMap::new();
    for value in graph.values() {
        if let Storage::Persistent(name) = &graph.info(value).storage {
            let bytes = graph.bytes(value);
            let region = Region {
                buffer: memory.buffers.len(),
                offset: 0,
                bytes,
            };
            homes.insert(value, region);
            memory.buffers.push(PlanBuffer {
                persistent: Some(name.clone()),
                bytes,
            });
        }
    }
    let persistent_bytes: usize = memory.buffers.iter().map(|buffer| buffer.bytes).sum();

    let mut lives = Lives::of(graph, needed, keep);
    lives.set_apart(graph, needed);
    let lower_bound = pack::most_alive(&lives.wants);
    let packed = pack::pack(&lives.wants, lower_bound);
    let first = memory.buffers.len();
    memory
        .buffers
        .extend(packed.buffers.iter().map(|&bytes| PlanBuffer {
            persistent: None,
            bytes,
        }));
    for ((&owner, want), place) in lives.owners.iter().zip(&lives.wants).zip(&packed.places) {
        let region = Region {
            buffer: first + place.buffer,
            offset: place.offset,
            bytes: want.bytes,
        };
        match owner {
            Owner::Value(value) => {
                homes.insert(value, region);
            }
            // The scratch buffers of a node follow each other.
            Owner::Scratch { node, .. } => memory.scratch[node].push(region),
        }
    }
    for value in graph.values() {
        let (home, offset) = graph.home(value);
        if let Some(home) = homes.get(&home) {
            memory.regions[value.index()] = Some(Region {
                buffer: home.buffer,
                offset: home.offset + offset * 4,
                bytes: graph.bytes(value),
            });
        }
    }
    (memory, persistent_bytes + lower_bound)
}

/// How a dispatch binds an operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Read,
    Write,
    /// Scratch is written by one kernel of a node and read by another; the shader alone says which.
    Either,
}

impl Bound {
    fn of(operand: &Operand) -> Self {
        match operand {
            Operand::Input(_) => Self::Read,
            Operand::Output(_) | Operand::Update { .. } => Self::Write,
            Operand::Scratch(_) => Self::Either,
        }
    }
}

/// All tensors that own planned storage, and all scratch buffers, in the order of the graph.
#[derive(Default)]
struct Lives {
    owners: Vec<Owner>,
    wants: Vec<Want>,
    /// The place of each among them.
    place: BTreeMap<Owner, usize>,
}

impl Lives {
    fn of(graph: &Graph, needed: &[bool], keep: &[Value]) -> Self {
        let mut lives = Self::default();
        for (at, node) in graph.nodes().iter().enumerate() {
            if !needed[at] {
                continue;
            }
            for &value in node.inputs.iter().chain(&node.outputs) {
                lives.touch(graph, value, at);
            }
            if let Lowering::Kernels { scratch, .. } = &node.lowering {
                for (index, &elements) in scratch.iter().enumerate() {
                    let bytes = (elements * 4).next_multiple_of(16);
                    lives.live(Owner::Scratch { node: at, index }, bytes, at, at);
                }
            }
        }
        for &value in keep {
            lives.touch(graph, value, graph.nodes().len());
        }
        lives
    }

    /// A tensor is alive when a node touches it.
    fn touch(&mut self, graph: &Graph, value: Value, at: usize) {
        let (home, _) = graph.home(value);
        let info = graph.info(home);
        if info.storage == Storage::Planned {
            // An input is fed before the first node and must survive until it is read.
            let first = if info.producer.is_none() { 0 } else { at };
            self.live(Owner::Value(home), graph.bytes(home), first, at);
        }
    }

    fn live(&mut self, owner: Owner, bytes: usize, first: usize, last: usize) {
        let place = *self.place.entry(owner).or_insert(self.wants.len());
        if place == self.wants.len() {
            self.owners.push(owner);
            self.wants.push(Want {
                bytes,
                first,
                last,
                apart: BTreeSet::new(),
            });
        }
        let want = &mut self.wants[place];
        want.last = want.last.max(last);
    }

    /// What one dispatch reads and what it writes must not share a buffer; a scratch buffer shares it with nothing of its dispatch.
    fn set_apart(&mut self, graph: &Graph, needed: &[bool]) {
        for (at, node) in graph.nodes().iter().enumerate() {
            let Lowering::Kernels { dispatches, .. } = &node.lowering else {
                continue;
            };
            if !needed[at] {
                continue;
            }
            for dispatch in dispatches {
                let owner = |operand: &Operand| match *operand {
                    Operand::Input(i) | Operand::Update { input: i, .. } => {
                        Owner::Value(graph.home(node.inputs[i]).0)
                    }
                    Operand::Output(i) => Owner::Value(graph.home(node.outputs[i]).0),
                    Operand::Scratch(index) => Owner::Scratch { node: at, index },
                };
                let placed = dispatch.operands.iter().filter_map(|operand| {
                    let place = *self.place.get(&owner(operand))?;
                    Some((place, Bound::of(operand)))
                });
                let placed: Vec<(usize, Bound)> = placed.collect();
                for &(place, bound) in &placed {
                    let others = placed.iter().filter(|&&(other, how)| {
                        other != place && (how != bound || bound == Bound::Either)
                    });
                    let others = others.map(|&(other, _)| other);
                    self.wants[place].apart.extend(others);
                }
            }
        }
    }
}
