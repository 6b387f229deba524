// The words of the two small tensors that hold where the training is. The twin of src/ops/state.rs.

// counters: U32 [8]. The other words are reserved and 0.
const STEP: u32 = 0u;
const EPOCH: u32 = 1u;
const POSITION: u32 = 2u;

// schedule: F32 [4]. The other words are reserved and 0.
const LEARNING_RATE: u32 = 0u;
const BASE: u32 = 1u;
const GRADIENT_NORM: u32 = 2u;
