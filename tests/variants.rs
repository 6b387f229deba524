//! Every shader variant that a case of an op asks for, without an adapter: it is valid with no optional capability, within
//! WebGPU's default limits, translatable to what Vulkan, Metal and Direct3D read, and bound as its op says.

use std::collections::{BTreeMap, BTreeSet};

use anygrad::check::experiment::CaseNode;
use anygrad::graph::{DType, Dispatch, Operand};
use anygrad::{ops, wgsl};
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, ScalarKind, ShaderStage, StorageAccess, TypeInner};

use crate::shaders::{assert_none, dispatches, nodes};

/// WebGPU's default `maxComputeInvocationsPerWorkgroup`.
const MAX_INVOCATIONS: u32 = 256;

/// WebGPU's default `maxComputeWorkgroupStorageSize`, in bytes.
const MAX_WORKGROUP_BYTES: u32 = 16384;

/// WebGPU's default `maxStorageBuffersPerShaderStage`.
const MAX_STORAGE_BUFFERS: usize = 8;

/// A shader with the constants of a case, validated.
struct Variant {
    module: naga::Module,
    info: ModuleInfo,
}

impl Variant {
    fn new(dispatch: &Dispatch) -> Result<Self, String> {
        let text = ops::text(
            dispatch.shader,
            &dispatch.constants,
            dispatch.fusion.stages(),
            dispatch.operands.len(),
        );
        // Subgroups and wide loads are asked for by what the ops offer to adapters that have them, and by nothing else.
        let mut capabilities = Capabilities::empty();
        capabilities.set(Capabilities::SUBGROUP, dispatch.entry.contains("subgroup"));
        let wide = dispatch.constants.contains(&("WIDE", true.into()));
        capabilities.set(Capabilities::SHADER_INT64, wide);
        Self::of_text(&text, dispatch.entry, capabilities)
    }

    fn of_text(text: &str, entry: &str, capabilities: Capabilities) -> Result<Self, String> {
        let module = wgsl::parse(text)?.only(entry)?.naga;
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .map_err(|error| error.emit_to_string(text))?;
        Ok(Self { module, info })
    }

    fn entry(&self, name: &str) -> Result<usize, String> {
        let mut entries = self.module.entry_points.iter();
        let found = entries.position(|entry| entry.name == name);
        found.ok_or_else(|| "there is no such entry point".to_owned())
    }

    /// Whether an entry point is within the default limits.
    fn limits(&self, entry: usize) -> Result<(), String> {
        let invocations: u32 = self.module.entry_points[entry]
            .workgroup_size
            .iter()
            .product();
        if invocations > MAX_INVOCATIONS {
            return Err(format!("{invocations} invocations in a workgroup"));
        }
        let info = self.info.get_entry_point(entry);
        let (mut bytes, mut buffers) = (0, 0);
        for (handle, variable) in self.module.global_variables.iter() {
            if info[handle].is_empty() {
                continue;
            }
            match variable.space {
                AddressSpace::WorkGroup => {
                    let size = self.module.types[variable.ty]
                        .inner
                        .size(self.module.to_ctx());
                    bytes += size.next_multiple_of(16);
                }
                AddressSpace::Storage { .. } => buffers += 1,
                AddressSpace::Private => {}
                space => return Err(format!("a variable in {space:?}")),
            }
        }
        if bytes > MAX_WORKGROUP_BYTES {
            return Err(format!("{bytes} bytes of workgroup memory"));
        }
        if buffers > MAX_STORAGE_BUFFERS {
            return Err(format!("{buffers} storage buffers"));
        }
        Ok(())
    }

    /// The bindings that an entry point uses: access and kind of number.
    fn bindings(&self, entry: usize) -> BTreeMap<u32, (StorageAccess, Option<ScalarKind>)> {
        let info = self.info.get_entry_point(entry);
        let mut bindings = BTreeMap::new();
        for (handle, variable) in self.module.global_variables.iter() {
            let AddressSpace::Storage { access } = variable.space else {
                continue;
            };
            if info[handle].is_empty() {
                continue;
            }
            let binding = variable.binding.as_ref().expect("a buffer has a binding");
            assert_eq!(binding.group, 0, "there is one group");
            bindings.insert(binding.binding, (access, self.kind(variable.ty)));
        }
        bindings
    }

    /// The kind of number in a tensor of this type; `None` for a structure.
    fn kind(&self, ty: naga::Handle<naga::Type>) -> Option<ScalarKind> {
        match self.module.types[ty].inner {
            TypeInner::Scalar(scalar)
            | TypeInner::Atomic(scalar)
            | TypeInner::Vector { scalar, .. } => Some(scalar.kind),
            TypeInner::Array { base, .. } => self.kind(base),
            _ => None,
        }
    }

    /// Whether an entry point can be said in SPIR-V, MSL and HLSL.
    fn translate(&self, name: &str) -> Result<(), String> {
        let stage = ShaderStage::Compute;
        let pipeline = spv::PipelineOptions {
            shader_stage: stage,
            entry_point: name.to_owned(),
        };
        let (module, info) = (&self.module, &self.info);
        spv::write_vec(module, info, &spv::Options::default(), Some(&pipeline))
            .map_err(|error| format!("SPIR-V: {error}"))?;

        let pipeline = msl::PipelineOptions {
            entry_point: Some((stage, name.to_owned())),
            ..Default::default()
        };
        let (_, translated) = msl::write_string(module, info, &msl::Options::default(), &pipeline)
            .map_err(|error| format!("MSL: {error}"))?;
        for entry in translated.entry_point_names {
            entry.map_err(|error| format!("MSL: {error}"))?;
        }

        let pipeline = hlsl::PipelineOptions {
            entry_point: Some((stage, name.to_owned())),
        };
        let mut text = String::new();
        // What wgpu asks for; halves exist from 6.2 on.
        let options = hlsl::Options {
            shader_model: hlsl::ShaderModel::V6_2,
            ..Default::default()
        };
        let translated = hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(module, info, None)
            .map_err(|error| format!("HLSL: {error}"))?;
        for entry in translated.entry_point_names {
            entry.map_err(|error| format!("HLSL: {error}"))?;
        }
        Ok(())
    }
}

/// Whether the bindings of an entry point are the operands of its dispatch: one each, read where only read.
fn bound(
    node: &CaseNode,
    dispatch: &Dispatch,
    bindings: &BTreeMap<u32, (StorageAccess, Option<ScalarKind>)>,
) -> Result<(), String> {
    let numbers: Vec<usize> = bindings.keys().map(|&binding| binding as usize).collect();
    let operands = &dispatch.operands;
    if numbers != (0..operands.len()).collect::<Vec<_>>() {
        return Err(format!("bindings {numbers:?} for operands {operands:?}"));
    }
    for (operand, (binding, (access, kind))) in operands.iter().zip(bindings) {
        let writes = access.contains(StorageAccess::STORE);
        let (may, tensor) = match *operand {
            Operand::Input(i) => (!writes, Some(&node.types[i])),
            Operand::Output(i) => (writes, Some(&node.output_types[i])),
            Operand::Update { input, .. } => (writes, Some(&node.types[input])),
            // Written by one kernel and read by the next; it holds floats.
            Operand::Scratch(_) => (true, None),
        };
        if !may {
            return Err(format!("binding {binding} is {access:?} for {operand:?}"));
        }
        let wanted = match tensor.map_or(DType::F32, |tensor| tensor.dtype) {
            DType::F32 => ScalarKind::Float,
            DType::U32 | DType::U8 => ScalarKind::Uint,
        };
        // A wide load is of 64-bit words, whatever they hold.
        let wide =
            *kind == Some(ScalarKind::Uint) && dispatch.constants.contains(&("WIDE", true.into()));
        if kind.is_some_and(|kind| kind != wanted) && tensor.is_some() && !wide {
            return Err(format!("binding {binding} holds {kind:?} for {operand:?}"));
        }
    }
    Ok(())
}

#[test]
fn every_variant_is_valid_within_default_limits_translatable_and_bound_as_its_op_says() {
    let mut variants: BTreeMap<String, Variant> = BTreeMap::new();
    let mut translated = BTreeSet::new();
    let mut breaches = BTreeSet::new();
    for node in &nodes() {
        for dispatch in dispatches(node) {
            let (shader, entry) = (dispatch.shader, dispatch.entry);
            let key = format!(
                "{shader} {entry} {:?} {:?}",
                dispatch.constants, dispatch.fusion
            );
            let mut check = || -> Result<(), String> {
                if !variants.contains_key(&key) {
                    variants.insert(key.clone(), Variant::new(dispatch)?);
                }
                let variant = &variants[&key];
                let entry = variant.entry(dispatch.entry)?;
                bound(node, dispatch, &variant.bindings(entry))?;
                if translated.insert(key.clone()) {
                    variant.limits(entry)?;
                    variant.translate(dispatch.entry)?;
                }
                Ok(())
            };
            if let Err(error) = check() {
                let (shader, entry) = (dispatch.shader, dispatch.entry);
                breaches.insert(format!("{}, {shader}.{entry}: {error}", node.what));
            }
        }
    }
    assert_none(&breaches.into_iter().collect::<Vec<_>>());
    assert!(variants.len() >= ops::OPS.len(), "there are variants");
}

#[test]
fn every_variant_between_16_bits_is_valid_and_translatable() {
    let mut seen = BTreeSet::new();
    let mut breaches = BTreeSet::new();
    for node in &nodes() {
        for dispatch in dispatches(node) {
            let wide = dispatch.constants.contains(&("WIDE", true.into()));
            let (shader, entry) = (dispatch.shader, dispatch.entry);
            let key = format!(
                "{shader} {entry} {:?} {:?}",
                dispatch.constants, dispatch.fusion
            );
            if wide || !seen.insert(key) {
                continue;
            }
            let count = dispatch.operands.len();
            let text = ops::text(shader, &dispatch.constants, dispatch.fusion.stages(), count);
            let bindings: Vec<usize> = (0..count).collect();
            let text = wgsl::halved(&text, &bindings);
            let mut capabilities = Capabilities::SHADER_FLOAT16;
            capabilities.set(Capabilities::SUBGROUP, entry.contains("subgroup"));
            let check = || {
                let variant = Variant::of_text(&text, entry, capabilities)?;
                variant.limits(variant.entry(entry)?)?;
                variant.translate(entry)
            };
            if let Err(error) = check() {
                breaches.insert(format!("{}, {shader}.{entry}: {error}", node.what));
            }
        }
    }
    assert_none(&breaches.into_iter().collect::<Vec<_>>());
    assert!(seen.len() >= ops::OPS.len(), "there are variants");
}

#[test]
fn every_probe_is_valid_within_default_limits_and_translatable() {
    let mut breaches = Vec::new();
    for (name, text) in ops::PROBES {
        let text = wgsl::expand(text);
        let capabilities = if name.contains("f16") {
            Capabilities::SHADER_FLOAT16
        } else {
            Capabilities::empty()
        };
        for entry in wgsl::parse(&text).unwrap().entry_points {
            let check = || {
                let variant = Variant::of_text(&text, &entry.name, capabilities)?;
                variant.limits(variant.entry(&entry.name)?)?;
                variant.translate(&entry.name)
            };
            if let Err(error) = check() {
                breaches.push(format!("{name}.{}: {error}", entry.name));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn a_scratch_buffer_is_written_before_it_is_read() {
    let mut breaches = BTreeSet::new();
    for node in &nodes() {
        let mut full = BTreeSet::new();
        for dispatch in dispatches(node) {
            let scratch = dispatch.operands.iter().enumerate();
            let scratch = scratch.filter_map(|(binding, operand)| match *operand {
                Operand::Scratch(i) => Some((binding, i)),
                _ => None,
            });
            let scratch: Vec<(usize, usize)> = scratch.collect();
            if scratch.is_empty() {
                continue;
            }
            let variant = Variant::new(dispatch).unwrap();
            let bindings = variant.bindings(variant.entry(dispatch.entry).unwrap());
            for (binding, i) in scratch {
                let (access, _) = bindings[&u32::try_from(binding).unwrap()];
                if access.contains(StorageAccess::STORE) {
                    full.insert(i);
                } else if !full.contains(&i) {
                    breaches.insert(format!("{}: {} reads it first", node.what, dispatch.entry));
                }
            }
        }
    }
    assert_none(&breaches.into_iter().collect::<Vec<_>>());
}
