//! Which buffer a tensor lives in: tensors whose lives do not overlap share one.
//!
//! wgpu orders work by whole buffers, so every slot is a buffer of its own. Tensors are placed from the largest to the smallest,
//! each into the first slot that is free for its whole life; a slot is therefore as large as the first tensor in it.

use std::collections::BTreeMap;

use super::{PlanBuffer, Region};
use crate::graph::{Graph, Lowering, Storage, Value};

/// Where everything lives.
pub(super) struct Memory {
    pub(super) buffers: Vec<PlanBuffer>,
    pub(super) regions: Vec<Option<Region>>,
    /// The scratch regions of each node.
    pub(super) scratch: Vec<Vec<Region>>,
}

/// What wants a place: a tensor that owns its storage, or a scratch buffer of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Value(Value),
    Scratch { node: usize, index: usize },
}

/// A want: its owner, its size, and the first and last node (inclusive) that touch it.
struct Want {
    owner: Owner,
    bytes: usize,
    first: usize,
    last: usize,
}

/// Gives every tensor of the needed nodes a region. Also returns the largest sum of bytes alive at one time.
pub(super) fn assign(graph: &Graph, needed: &[bool], keep: &[Value]) -> (Memory, usize) {
    let mut memory = Memory {
        buffers: Vec::new(),
        regions: vec![None; graph.values().len()],
        scratch: vec![Vec::new(); graph.nodes().len()],
    };
    let mut homes: BTreeMap<Value, usize> = BTreeMap::new();
    for value in graph.values() {
        if let Storage::Persistent(name) = &graph.info(value).storage {
            let bytes = graph.tensor(value).bytes();
            homes.insert(value, memory.buffers.len());
            memory.buffers.push(PlanBuffer {
                persistent: Some(name.clone()),
                bytes,
            });
        }
    }
    let persistent_bytes: usize = memory.buffers.iter().map(|buffer| buffer.bytes).sum();

    let mut wants = lives(graph, needed, keep);
    let lower_bound = most_alive(&wants);

    // Largest first; the order of the graph breaks ties, so that a plan is a function of its graph.
    wants.sort_by_key(|want| std::cmp::Reverse(want.bytes));
    let first_slot = memory.buffers.len();
    let mut lives_in_slot: Vec<Vec<(usize, usize)>> = Vec::new();
    for want in &wants {
        let free = |lives: &Vec<(usize, usize)>| {
            lives
                .iter()
                .all(|&(first, last)| want.last < first || last < want.first)
        };
        let slot = lives_in_slot.iter().position(free).unwrap_or_else(|| {
            lives_in_slot.push(Vec::new());
            memory.buffers.push(PlanBuffer {
                persistent: None,
                bytes: want.bytes,
            });
            lives_in_slot.len() - 1
        });
        lives_in_slot[slot].push((want.first, want.last));
        let buffer = first_slot + slot;
        match want.owner {
            Owner::Value(value) => {
                homes.insert(value, buffer);
            }
            Owner::Scratch { node, index } => {
                let regions = &mut memory.scratch[node];
                let unset = Region {
                    buffer: usize::MAX,
                    offset: 0,
                    bytes: 0,
                };
                regions.resize(regions.len().max(index + 1), unset);
                regions[index] = Region {
                    buffer,
                    offset: 0,
                    bytes: want.bytes,
                };
            }
        }
    }
    for value in graph.values() {
        let (home, offset) = graph.home(value);
        if let Some(&buffer) = homes.get(&home) {
            let tensor = graph.tensor(value);
            memory.regions[value.index()] = Some(Region {
                buffer,
                offset: offset * 4,
                bytes: tensor.bytes(),
            });
        }
    }
    (memory, persistent_bytes + lower_bound)
}

/// The largest sum of bytes alive at one node.
fn most_alive(wants: &[Want]) -> usize {
    let mut changes: Vec<(usize, bool, usize)> = wants
        .iter()
        .flat_map(|want| {
            [
                (want.first, true, want.bytes),
                (want.last + 1, false, want.bytes),
            ]
        })
        .collect();
    // At one node the dead go before the living come.
    changes.sort_unstable();
    let (mut alive, mut most) = (0, 0);
    for (_, begins, bytes) in changes {
        if begins {
            alive += bytes;
            most = most.max(alive);
        } else {
            alive -= bytes;
        }
    }
    most
}

/// The lives of all tensors that own planned storage, and of all scratch buffers, in the order of the graph.
fn lives(graph: &Graph, needed: &[bool], keep: &[Value]) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    let mut position: BTreeMap<Value, usize> = BTreeMap::new();
    let mut touch = |wants: &mut Vec<Want>, value: Value, at: usize| {
        let (home, _) = graph.home(value);
        if graph.info(home).storage != Storage::Planned {
            return;
        }
        let index = *position.entry(home).or_insert_with(|| {
            // An input is fed before the first node and must survive until it is read.
            let first = if graph.info(home).producer.is_none() {
                0
            } else {
                at
            };
            wants.push(Want {
                owner: Owner::Value(home),
                bytes: graph.tensor(home).bytes(),
                first,
                last: at,
            });
            wants.len() - 1
        });
        wants[index].last = wants[index].last.max(at);
    };
    for (at, node) in graph.nodes().iter().enumerate() {
        if !needed[at] {
            continue;
        }
        for &value in node.inputs.iter().chain(&node.outputs) {
            touch(&mut wants, value, at);
        }
        if let Lowering::Kernels { scratch, .. } = &node.lowering {
            for (index, &elements) in scratch.iter().enumerate() {
                wants.push(Want {
                    owner: Owner::Scratch { node: at, index },
                    bytes: (elements * 4).next_multiple_of(16),
                    first: at,
                    last: at,
                });
            }
        }
    }
    let end = graph.nodes().len();
    for &value in keep {
        touch(&mut wants, value, end);
    }
    wants
}
