//! `anygrad` trains neural networks on any GPU from the command line.

pub mod check;
pub mod cli;
pub mod config;
pub mod data;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod nn;
pub mod ops;
pub mod plan;
pub mod reference;
pub mod report;
pub mod rng;
pub mod train;
pub mod wgsl;
