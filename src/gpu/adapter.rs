//! Which adapters there are, and which one to take.

use std::fmt;

use crate::error::{Error, Result};

/// The adapter a user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The fastest kind there is: discrete, integrated, virtual, software.
    #[default]
    Best,
    /// The adapter of this place in [`list`].
    Index(usize),
    /// A software adapter.
    Software,
    /// The first adapter whose name or driver contains this, ignoring case.
    Name(String),
}

impl From<&str> for Choice {
    fn from(text: &str) -> Self {
        match (text, text.parse()) {
            ("" | "best", _) => Self::Best,
            ("software", _) => Self::Software,
            (_, Ok(index)) => Self::Index(index),
            (name, Err(_)) => Self::Name(name.to_owned()),
        }
    }
}

/// The limits of an adapter that decide what can be trained on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest part of a buffer that a kernel can bind.
    pub max_binding_bytes: u64,
    /// Largest buffer.
    pub max_buffer_bytes: u64,
    /// Storage buffers per kernel.
    pub max_storage_buffers: u32,
    /// Invocations per workgroup.
    pub max_workgroup_invocations: u32,
    /// Workgroup memory.
    pub max_workgroup_bytes: u32,
}

/// What is known of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Its name, as the driver gives it.
    pub name: String,
    /// The interface it is reached by: `Vulkan`, `Metal`, `DX12`.
    pub backend: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software`, `other`.
    pub kind: &'static str,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// Smallest and largest subgroup.
    pub subgroups: [u32; 2],
    /// Its limits.
    pub limits: Limits,
    /// Features of WebGPU and beyond that matter here, those that the adapter has.
    pub features: Vec<&'static str>,
}

impl AdapterInfo {
    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.kind == "software"
    }
}

impl fmt::Display for AdapterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}", self.name, self.backend, self.kind)?;
        if !self.driver.is_empty() {
            write!(f, ", {} {}", self.driver, self.driver_info)?;
        }
        write!(f, ")")
    }
}

/// A wgpu instance that sees every native adapter.
pub(super) fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    descriptor.flags = wgpu::InstanceFlags::empty();
    wgpu::Instance::new(descriptor)
}

/// All adapters, best first: a discrete GPU before an integrated one before software.
pub(super) fn adapters(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    adapters
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// What is known of every adapter of this machine, best first.
pub fn list() -> Vec<AdapterInfo> {
    adapters(&instance()).iter().map(describe).collect()
}

/// The features beyond WebGPU's floor that kernels and measurements use where the adapter has them.
pub(super) fn used_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    let used = wgpu::Features::SUBGROUP
        | wgpu::Features::SHADER_INT64
        | wgpu::Features::SHADER_F16
        | wgpu::Features::TIMESTAMP_QUERY
        | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES;
    adapter.features() & used
}

pub(super) fn describe(adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let features = [
        (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
        (wgpu::Features::SUBGROUP, "subgroups"),
        (wgpu::Features::SHADER_F16, "f16"),
    ];
    AdapterInfo {
        name: info.name,
        backend: match info.backend {
            wgpu::Backend::Dx12 => "DX12".to_owned(),
            other => format!("{other:?}"),
        },
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete GPU",
            wgpu::DeviceType::IntegratedGpu => "integrated GPU",
            wgpu::DeviceType::VirtualGpu => "virtual GPU",
            wgpu::DeviceType::Cpu => "software",
            wgpu::DeviceType::Other => "other",
        },
        driver: info.driver,
        driver_info: info.driver_info,
        subgroups: [info.subgroup_min_size, info.subgroup_max_size],
        limits: Limits {
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
            max_workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
        },
        features: features
            .iter()
            .filter(|(feature, _)| adapter.features().contains(*feature))
            .map(|(_, name)| *name)
            .collect(),
    }
}

/// The adapter of a choice.
pub(super) fn select(instance: &wgpu::Instance, choice: &Choice) -> Result<wgpu::Adapter> {
    let mut adapters = adapters(instance);
    if adapters.is_empty() {
        return Err(Error::device(
            "no GPU adapter was found on this machine",
            install_help(),
        ));
    }
    let infos: Vec<AdapterInfo> = adapters.iter().map(describe).collect();
    let place = match choice {
        Choice::Best => Some(0),
        Choice::Index(index) => (*index < infos.len()).then_some(*index),
        Choice::Software => infos.iter().position(AdapterInfo::is_software),
        Choice::Name(name) => {
            let name = name.to_lowercase();
            infos.iter().position(|info| {
                info.name.to_lowercase().contains(&name)
                    || info.driver.to_lowercase().contains(&name)
            })
        }
    };
    match place {
        Some(place) => Ok(adapters.swap_remove(place)),
        None => {
            let wanted = match choice {
                Choice::Software => "no software adapter is installed".to_owned(),
                Choice::Index(index) => format!("adapter {index} does not exist"),
                Choice::Name(name) => format!("no adapter is called `{name}`"),
                Choice::Best => unreachable!("the best of some adapters exists"),
            };
            let there = infos
                .iter()
                .enumerate()
                .map(|(i, info)| format!("{i}: {}", info.name))
                .collect::<Vec<_>>()
                .join(", ");
            let install = if *choice == Choice::Software {
                install_help()
            } else {
                String::new()
            };
            Err(Error::device(
                wanted,
                format!("the adapters of this machine are {there}. {install}")
                    .trim()
                    .to_owned(),
            ))
        }
    }
}

/// What to install where there is no adapter.
fn install_help() -> String {
    if cfg!(target_os = "linux") {
        "install a Vulkan driver: the one of your GPU's vendor, or Mesa's with `apt-get install mesa-vulkan-drivers` \
         (Debian, Ubuntu), `dnf install mesa-vulkan-drivers` (Fedora) or `pacman -S vulkan-swrast` (Arch); these also \
         contain a software adapter"
            .to_owned()
    } else if cfg!(target_os = "windows") {
        "install the driver of your GPU's vendor; Windows 10 and newer bring a software adapter (WARP)".to_owned()
    } else {
        "a Mac with Metal is needed".to_owned()
    }
}
