//! `anygrad` trains neural networks on any GPU from the command line.

pub mod config;
pub mod data;
pub mod error;
pub mod rng;
