//! The integration tests: one binary, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

// Whole trainings on the adapter.
mod training;
// Every op's gradient against finite differences, every comparison against sabotage.
mod gradients;
// Who may use whom, and what stays out of where.
mod layering;
// Shaders, ops and references belong together, file by file and tensor by tensor.
mod shaders;
// Every specialised shader: valid, within limits, translatable, bound as its op says.
mod variants;

// What the tests share.
mod common;
// Whole trainings against PyTorch.
mod golden;
// Every kernel on the adapter, against its reference.
mod kernels;
