//! Where the training is, and what differs from parameter to parameter: small tensors that steps, data order and optimisers share.
//!
//! `counters` is U32 (8): word 0 [`STEP`], 1 [`EPOCH`], 2 [`POSITION`]. `schedule` is F32 (4): word 0 [`LEARNING_RATE`], 1 [`BASE`],
//! 2 [`GRADIENT_NORM`]. The other words are reserved and 0. `groups` is F32 (rows, 2), with a row for every [`GROUP`] elements of a
//! slab: the factors of their learning rate ([`LEARNING_RATE_SCALE`]) and of their weight decay ([`DECAY_SCALE`]). `shaders/lib/state.wgsl` and
//! `groups.wgsl` hold the same names for the kernels.

use crate::graph::{CaseInput, DType, Domain, SLICE_ALIGNMENT, ShapeError, TensorType};

/// Words of `counters`.
pub const COUNTERS: usize = 8;

/// In `counters`: updates done so far (for an evaluation: batches).
pub const STEP: usize = 0;

/// In `counters`: passes over the part of the data set completed so far.
pub const EPOCH: usize = 1;

/// In `counters`: samples of this epoch already used.
pub const POSITION: usize = 2;

/// Words of `schedule`.
pub const SCHEDULE: usize = 4;

/// In `schedule`: the learning rate of the next update.
pub const LEARNING_RATE: usize = 0;

/// In `schedule`: the learning rate that a schedule multiplies, as the host has set it.
pub const BASE: usize = 1;

/// In `schedule`: the words that the host has set and a smaller learning rate changes.
pub const BASES: [usize; 2] = [LEARNING_RATE, BASE];

/// In `schedule`: the norm of the last gradient before it was clipped; 0 where nobody asks for it.
pub const GRADIENT_NORM: usize = 2;

/// Elements of a slab that have a row of `groups` in common: no two tensors share them.
pub const GROUP: usize = SLICE_ALIGNMENT;

/// In a row of `groups`: the factor of the learning rate. Where it is 0, parameters and moments are not touched.
pub const LEARNING_RATE_SCALE: usize = 0;

/// In a row of `groups`: the factor of the weight decay.
pub const DECAY_SCALE: usize = 1;

/// The type of `counters`.
pub fn counters() -> TensorType {
    TensorType::u32([COUNTERS])
}

/// The type of `schedule`.
pub fn schedule() -> TensorType {
    TensorType::f32([SCHEDULE])
}

/// The type of `groups` for slabs of so many elements.
pub fn groups(elements: usize) -> TensorType {
    TensorType::f32([elements.div_ceil(GROUP), 2])
}

/// The last inputs of a case of an optimiser: groups, some of them still, `schedule` and `counters`.
pub(super) fn cases(elements: usize, learning_rate: f64, step: u32) -> [CaseInput; 3] {
    [
        CaseInput::floats(groups(elements).shape, Domain::Weights),
        CaseInput::floats(
            [SCHEDULE],
            Domain::Given(vec![learning_rate, 0.0, 0.0, 0.0]),
        ),
        CaseInput::words(&[step, 3, 64, 0, 0, 0, 0, 0]),
    ]
}

/// Refuses inputs of other types than these.
pub(super) fn expect(
    op: &str,
    inputs: &[TensorType],
    expected: &[(&str, TensorType)],
) -> Result<(), ShapeError> {
    if inputs.len() != expected.len() {
        return Err(ShapeError::new(format!(
            "{op} of {} tensors: it takes {}",
            inputs.len(),
            expected.len()
        )));
    }
    for (input, (name, tensor)) in inputs.iter().zip(expected) {
        if input != tensor {
            return Err(ShapeError::new(format!(
                "{op} with {name} of {input}: it must be {tensor}"
            )));
        }
    }
    Ok(())
}

/// Refuses an optimiser's inputs unless all but the last three are one slab's parameters, gradients and moments, and the last
/// three are `groups`, `schedule` and `counters`.
pub(super) fn expect_slabs(
    op: &str,
    inputs: &[TensorType],
    slabs: &[&str],
) -> Result<(), ShapeError> {
    let Some(parameters) = inputs.first() else {
        return Err(ShapeError::new(format!("{op} of no tensors")));
    };
    if parameters.dtype != DType::F32 || parameters.shape.rank() != 1 {
        return Err(ShapeError::new(format!(
            "{op} of {parameters}: the parameters are one slab of floats"
        )));
    }
    let mut expected: Vec<(&str, TensorType)> = slabs
        .iter()
        .map(|&name| (name, parameters.clone()))
        .collect();
    expected.push(("groups", groups(parameters.elements())));
    expected.push(("schedule", schedule()));
    expected.push(("counters", counters()));
    expect(op, inputs, &expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shader_twin_has_the_same_words() {
        let twin: Vec<String> = crate::wgsl::expand("#import state")
            .lines()
            .filter(|line| line.starts_with("const "))
            .map(str::to_owned)
            .collect();
        let here = [
            ("STEP", STEP),
            ("EPOCH", EPOCH),
            ("POSITION", POSITION),
            ("LEARNING_RATE", LEARNING_RATE),
            ("BASE", BASE),
            ("GRADIENT_NORM", GRADIENT_NORM),
        ]
        .map(|(name, word)| format!("const {name}: u32 = {word}u;"));
        assert_eq!(twin, here);
        let groups = crate::wgsl::expand("#import groups");
        assert!(groups.contains(&format!("const GROUP4: u32 = {}u;", GROUP / 4)));
    }
}
