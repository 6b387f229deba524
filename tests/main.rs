//! The integration tests: one binary, one module per subject.

// Every op's gradient against finite differences.
mod gradients;
// Who may use whom, and what stays out of where.
mod layering;
// Every shader variant: valid, within limits, translatable, claimed by an op.
mod shaders;
