//! The one place with `unsafe`: shader modules without run-time checks.
//!
//! wgpu's checks (index clamps, loop counters) keep drivers from unrolling loops over private arrays, which costs these kernels
//! a factor of three to eight. The kernels guard their own indices; tests run every one of them with the checks and without, and
//! compare the results.
#![expect(
    unsafe_code,
    reason = "wgpu marks modules without run-time checks as unsafe"
)]

/// A shader module without run-time checks.
pub(super) fn shader_module(
    device: &wgpu::Device,
    descriptor: wgpu::ShaderModuleDescriptor<'_>,
) -> wgpu::ShaderModule {
    // SAFETY: the text comes from this crate's own `shaders/`, never from outside. Every access of every kernel lies inside its
    // binding (explicit guards or clamped indices), and every loop ends: both are exercised by the proofs of all kernels over
    // generated shapes, with wgpu's checks on and off.
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}
