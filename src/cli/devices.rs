//! `anygrad devices`: which adapters there are.

use serde::Serialize;

use super::format;
use super::output::Out;
use crate::error::Result;
use crate::gpu::{self, AdapterInfo, Choice, Gpu, Trust};

/// List the adapters of this machine, the one that is used by default first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad devices
  anygrad train --adapter 1           by number
  anygrad train --adapter radeon      by part of its name
  anygrad train --adapter software    on the CPU")]
pub(super) struct Options {}

pub(super) fn run(_options: &Options, out: &Out) -> Result<()> {
    let adapters = gpu::list();
    if adapters.is_empty() {
        // Opening one says why there is none, and what to install.
        Gpu::open(&Choice::Best, Trust::Trusted)?;
    }
    for (index, adapter) in adapters.iter().enumerate() {
        if index > 0 {
            out.line("")?;
        }
        out.lines(&describe(index, adapter))?;
        out.object(&Object::new(index, adapter))?;
    }
    Ok(())
}

fn describe(index: usize, adapter: &AdapterInfo) -> Vec<String> {
    let limits = &adapter.limits;
    let features = match adapter.features[..] {
        [] => "none".to_owned(),
        _ => adapter.features.join(", "),
    };
    vec![
        format!("{index}: {}", format::clean(&adapter.name)),
        format!(
            "   {}, {}, driver {}",
            adapter.backend,
            adapter.kind,
            driver(adapter)
        ),
        format!(
            "   a binding holds {}, a buffer {}; {} storage buffers per kernel",
            format::bytes(limits.max_binding_bytes),
            format::bytes(limits.max_buffer_bytes),
            limits.max_storage_buffers
        ),
        format!(
            "   a workgroup has up to {} invocations and {} of memory; subgroups of {}",
            format::count(limits.max_workgroup_invocations),
            format::bytes(limits.max_workgroup_bytes.into()),
            match adapter.subgroups {
                [smallest, largest] if smallest == largest => smallest.to_string(),
                [smallest, largest] => format!("{smallest} to {largest}"),
            }
        ),
        format!("   features: {features}"),
    ]
}

/// Name and version of the driver.
fn driver(adapter: &AdapterInfo) -> String {
    let driver = format!("{} {}", adapter.driver, adapter.driver_info);
    match driver.trim() {
        "" => "unknown".to_owned(),
        driver => format::clean(driver),
    }
}

/// An adapter for machines.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    index: usize,
    name: &'a str,
    backend: &'a str,
    kind: &'a str,
    driver: &'a str,
    driver_info: &'a str,
    limits: Limits,
    subgroups: [u32; 2],
    features: &'a [&'static str],
}

#[derive(Serialize)]
struct Limits {
    max_binding_bytes: u64,
    max_buffer_bytes: u64,
    max_storage_buffers: u32,
    max_workgroup_invocations: u32,
    max_workgroup_bytes: u32,
}

impl<'a> Object<'a> {
    fn new(index: usize, adapter: &'a AdapterInfo) -> Self {
        let limits = &adapter.limits;
        Self {
            index,
            name: &adapter.name,
            backend: &adapter.backend,
            kind: adapter.kind,
            driver: &adapter.driver,
            driver_info: &adapter.driver_info,
            limits: Limits {
                max_binding_bytes: limits.max_binding_bytes,
                max_buffer_bytes: limits.max_buffer_bytes,
                max_storage_buffers: limits.max_storage_buffers,
                max_workgroup_invocations: limits.max_workgroup_invocations,
                max_workgroup_bytes: limits.max_workgroup_bytes,
            },
            subgroups: adapter.subgroups,
            features: &adapter.features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fabricated;

    #[test]
    fn an_adapter_is_told_in_five_lines() {
        assert_eq!(
            describe(1, &fabricated::adapter()),
            [
                "1: Radeon RX 6700",
                "   Vulkan, discrete GPU, driver radv Mesa 25.0.7",
                "   a binding holds 2.0 GiB, a buffer 4.0 GiB; 16 storage buffers per kernel",
                "   a workgroup has up to 1,024 invocations and 32.0 KiB of memory; subgroups of 32 to 64",
                "   features: timestamps, subgroups",
            ]
        );
    }

    #[test]
    fn machines_get_the_limits_in_bytes() {
        let adapter = fabricated::adapter();
        let object = serde_json::to_value(Object::new(0, &adapter)).unwrap();
        assert_eq!(object["limits"]["max_binding_bytes"], 1_u64 << 31);
        assert_eq!(object["features"][1], "subgroups");
    }
}
