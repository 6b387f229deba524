//! The one place with `unsafe`: shader modules without run-time checks, and a word in the environment of drivers.
//!
//! wgpu's checks (index clamps, loop counters) keep drivers from unrolling loops over private arrays, which costs these kernels
//! a factor of three to eight. The kernels guard their own indices; tests run every one of them with the checks and without,
//! compare the results, and ask each access whether it lies inside (`wgsl::watched`).
#![expect(
    unsafe_code,
    reason = "wgpu and the standard library mark these calls as unsafe"
)]

/// Keeps Mesa's device-selection layer out of this process: it changes nothing here (adapters are chosen by this crate), but
/// writes to the terminal on machines without a desktop. To be called first thing in `main`, while there is one thread.
pub fn quiet_drivers() {
    // SAFETY: called before any thread is started, so that nobody reads the environment meanwhile.
    unsafe { std::env::set_var("NODEVICE_SELECT", "1") }
}

/// A shader module without run-time checks.
pub(super) fn shader_module(
    device: &wgpu::Device,
    descriptor: wgpu::ShaderModuleDescriptor<'_>,
) -> wgpu::ShaderModule {
    // SAFETY: the text comes from this crate's own `shaders/`, never from outside. Every access of every kernel lies inside its
    // binding (explicit guards or clamped indices), and every loop ends: the proofs run all kernels over the shapes of their
    // cases with every index compared with the length of its array and every loop iteration counted.
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}
