//! `anygrad` trains neural networks on any GPU from the command line.
//!
//! WGSL kernels are dispatched by a scheduler that keeps every tensor on the GPU and runs the whole training loop there. This
//! page is the map: the rooms in the order in which a training passes through them, each with its invariant.
//!
//! ```text
//! TOML text ─→ config ─→ nn ─→ graph (+ autograd) ─→ plan ─→ gpu ─→ train ─→ report
//!                                    ↑                 ↑
//!                                   ops ── reference  wgsl ── shaders/
//! ```
//!
//! The arrows are never walked backwards; `tests/layering.rs` holds who may use whom.
//!
//! | room | what happens there | invariant |
//! |---|---|---|
//! | [`error`] | one error type; its class decides the exit code | whatever a user can cause is an error, never a panic |
//! | [`rng`] | random numbers from counters, on the CPU and on the GPU | a number follows from seed, purpose and place: no state |
//! | [`metrics`] | probabilities and labels → accuracy, F1, AUC, calibration | pure functions in f64, equal to scikit-learn's |
//! | [`config`] | TOML text → a checked configuration | behind it nothing is optional, and all mistakes are told at once |
//! | [`data`] | files → samples, labels, normalisation | nothing that is read is trusted |
//! | [`graph`] | shapes, tensors, nodes; gradients as a graph → graph step | it does not know what a buffer or an adapter is |
//! | [`mod@reference`] | every op as naive f64 loops | it knows shapes and numbers, nothing else |
//! | [`wgsl`] | imports and constants of shader text; what naga says of it | what leaves it is valid, or a bug of the project |
//! | [`ops`] | every op: shape rule, kernels, gradient rule, cases | an op does not know on which adapter it runs |
//! | [`nn`] | the layers of a configuration → graph; first values | layers are compositions of ops; nothing is computed |
//! | [`plan`] | graph → kernel launches over numbered buffers | plain data, complete before anything is allocated |
//! | [`gpu`] | adapters, pipelines, buffers, the executor, reading back | nothing outside names wgpu, nothing inside knows layers |
//! | [`train`] | the loop, evaluation, prediction, weights as files | nothing is printed; what happens is told as events |
//! | [`check`] | kernels against references, gradients against finite differences | a comparison that cannot fail is an error |
//! | [`bench`](mod@bench) | what the adapter can do, and what each kernel and step makes of it | what is wrong is not timed |
//! | [`report`] | run folders: written, and read back | a file is there whole or not at all |
//! | [`cli`] | the verbs, their help, errors shown in place | the only room that prints; every end has a documented exit code |
//!
//! An op is three files of one name: `src/ops/x.rs`, `src/reference/x.rs`, `shaders/x.wgsl`. `CONTRIBUTING.md` says how to add
//! one.

pub mod bench;
pub mod check;
pub mod cli;
pub mod config;
pub mod data;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod metrics;
pub mod nn;
pub mod ops;
pub mod plan;
pub mod reference;
pub mod report;
pub mod rng;
pub mod train;
pub mod wgsl;
