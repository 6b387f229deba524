//! `environment.json`: what a result depends on beside configuration and data.

use serde::Serialize;

use super::AdapterRecord;
use crate::train::{Start, Tuning};

/// The circumstances of a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Environment<'a> {
    version: &'static str,
    /// The commit the program was built from, where the build said so.
    commit: Option<&'static str>,
    os: &'static str,
    arch: &'static str,
    command: &'a [String],
    seed: u64,
    adapter: AdapterRecord,
    limits: Limits,
    subgroups: [u32; 2],
    features: &'a [&'static str],
    /// Which ways the kernels are computed: they decide the bits.
    kernels: &'a Tuning,
}

/// The limits of the adapter.
#[derive(Clone, Debug, Serialize)]
struct Limits {
    max_binding_bytes: u64,
    max_buffer_bytes: u64,
    max_storage_buffers: u32,
    max_workgroup_invocations: u32,
    max_workgroup_bytes: u32,
}

impl<'a> Environment<'a> {
    /// The circumstances of a training that was begun with this command line.
    pub(super) fn new(start: &'a Start, command: &'a [String]) -> Self {
        let limits = &start.adapter.limits;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("ANYGRAD_COMMIT").filter(|commit| !commit.is_empty()),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            command,
            seed: start.seed,
            adapter: AdapterRecord::from(start),
            limits: Limits {
                max_binding_bytes: limits.max_binding_bytes,
                max_buffer_bytes: limits.max_buffer_bytes,
                max_storage_buffers: limits.max_storage_buffers,
                max_workgroup_invocations: limits.max_workgroup_invocations,
                max_workgroup_bytes: limits.max_workgroup_bytes,
            },
            subgroups: start.adapter.subgroups,
            features: &start.adapter.features,
            kernels: &start.kernels,
        }
    }
}
