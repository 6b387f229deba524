//! The integration tests: one binary, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

// What the tests share.
mod common;

// The program as its users meet it: streams, exit codes, help.
mod cli;
// Early stopping, best epoch, time, numbers that are none.
mod control;
// What single layers are, by PyTorch.
mod definitions;
// What plans do to graphs, over random ones.
mod fusion;
// Whole trainings against PyTorch.
mod golden;
// Every op's gradient against finite differences, every comparison against sabotage.
mod gradients;
// Tensors stored in 16 bits.
mod half;
// Every kernel on the adapter, against its reference.
mod kernels;
// Who may use whom, and what stays out of where.
mod layering;
// Single layers and small networks, computed by the references.
mod layers;
// Networks that are graphs, and the layers that join and reshape, against PyTorch.
mod networks;
// A hundred steps of every optimiser against PyTorch.
mod optimizers;
// Recurrent layers against PyTorch.
mod recurrent;
// A training that was stopped and goes on.
mod resume;
// The learning rate of every step against PyTorch.
mod schedules;
// Attention and embeddings against PyTorch.
mod sequences;
// Shaders, ops and references belong together, file by file and tensor by tensor.
mod shaders;
// Whole trainings: against the references, against themselves, and what they cost the host.
mod training;
// Every specialised shader: valid, within limits, translatable, bound as its op says.
mod variants;
