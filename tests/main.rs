//! The integration tests: one binary, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

// The program as its users meet it: streams, exit codes, help.
mod cli;
// Every op's gradient against finite differences.
mod gradients;
// Who may use whom, and what stays out of where.
mod layering;
// Every shader variant: valid, within limits, translatable, claimed by an op.
mod shaders;

// What the tests share.
mod common;
// Every kernel on the adapter, against its reference.
mod kernels;
