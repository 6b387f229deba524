//! How many invocations make a workgroup.

use crate::graph::Constant;

/// Below this many invocations of a register-tiled kernel, workgroups are halved, so that more cores get one.
const FEW: usize = 4096;

/// The constant `WORKGROUP` of `lib/flat.wgsl` for a register-tiled kernel of so many invocations.
pub(super) fn of_tiles(invocations: usize) -> (&'static str, Constant) {
    (
        "WORKGROUP",
        Constant::U32(if invocations < FEW { 32 } else { 64 }),
    )
}
