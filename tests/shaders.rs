//! Every shader variant that a case of an op asks for, without an adapter: it is valid with no optional capability, within
//! WebGPU's default limits, translatable to what Vulkan, Metal and Direct3D read, and bound as its op says. And nothing hides:
//! no kernel without an op, no op without a reference, no fragment without an importer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anygrad::check::experiment::{CaseNode, nodes_of_case};
use anygrad::graph::{DType, Dispatch, Lowering, Operand};
use anygrad::{ops, wgsl};
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, ScalarKind, ShaderStage, StorageAccess, TypeInner};

/// WebGPU's default `maxComputeInvocationsPerWorkgroup`.
const MAX_INVOCATIONS: u32 = 256;

/// WebGPU's default `maxComputeWorkgroupStorageSize`, in bytes.
const MAX_WORKGROUP_BYTES: u32 = 16384;

/// WebGPU's default `maxStorageBuffersPerShaderStage`.
const MAX_STORAGE_BUFFERS: usize = 8;

/// Mesa's lavapipe up to 25.0 silently leaves loops after 65,535 iterations of one invocation, all loops added up.
const MAX_LOOP_TRIPS: usize = 60_000;

/// The fragments that own entry points: an elementwise op is the import and its functions.
const FUNCTORS: [&str; 2] = ["binary", "unary"];

/// The stems of the files of a folder with this extension.
fn stems(folder: &str, extension: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|stem| stem != "mod")
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every node of the forward and backward graphs of every case.
fn nodes() -> Vec<CaseNode> {
    let mut nodes = Vec::new();
    for definition in ops::OPS {
        for (index, case) in (definition.cases)().iter().enumerate() {
            nodes.extend(nodes_of_case(definition.name, index, case).unwrap());
        }
    }
    nodes
}

fn dispatches(node: &CaseNode) -> &[Dispatch] {
    match &node.node.lowering {
        Lowering::View => &[],
        Lowering::Kernels { dispatches, .. } => dispatches,
    }
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn an_op_is_three_files_of_one_stem_and_a_word_in_the_registry() {
    let registered: BTreeSet<String> = ops::OPS.iter().map(|op| op.name.to_owned()).collect();
    assert_eq!(registered.len(), ops::OPS.len(), "a name stands once");
    assert_eq!(stems("shaders", "wgsl"), registered, "shaders");
    let sources = stems("src/ops", "rs");
    let mut references = registered.clone();
    for stem in &sources {
        let source = read(&format!("src/ops/{stem}.rs"));
        let is_op = source.contains("impl Op for");
        if !is_op || registered.contains(stem) {
            continue;
        }
        // An op that is only a view has no kernel, and so no shader and no place in the registry.
        assert!(
            source.contains("Lowering::View") && !source.contains("Operand::Output"),
            "{stem} has kernels and is registered"
        );
        references.insert(stem.clone());
    }
    for op in &registered {
        assert!(sources.contains(op), "{op} has a file in src/ops");
    }
    let written = stems("src/reference", "rs");
    for op in &registered {
        assert!(written.contains(op), "{op} has a reference");
    }
    for reference in &written {
        assert!(
            references.contains(reference),
            "reference {reference} is that of an op"
        );
    }
}

#[test]
fn every_fragment_is_embedded_imported_and_without_entry_points() {
    let embedded: BTreeSet<String> = wgsl::FRAGMENTS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(stems("shaders/lib", "wgsl"), embedded);
    let shaders = ops::OPS.iter().map(|op| op.shader);
    let texts: Vec<&str> = shaders
        .chain(wgsl::FRAGMENTS.iter().map(|(_, text)| *text))
        .collect();
    for (name, text) in wgsl::FRAGMENTS {
        let import = format!("#import {name}");
        let imported = |text: &&str| text.lines().any(|line| line.trim_end() == import);
        assert!(texts.iter().any(imported), "{name} is imported");
        assert_eq!(
            text.contains("@compute"),
            FUNCTORS.contains(name),
            "{name}: entry points stand in shaders and in functors"
        );
        assert!(
            !text.contains("@binding") || FUNCTORS.contains(name),
            "{name}: bindings stand in shaders and in functors"
        );
    }
}

#[test]
fn every_entry_point_is_run_by_a_case_and_every_case_runs_one_that_exists() {
    let run: BTreeSet<(String, String)> = nodes()
        .iter()
        .flat_map(dispatches)
        .map(|dispatch| (dispatch.shader.to_owned(), dispatch.entry.to_owned()))
        .collect();
    let mut written = BTreeSet::new();
    for op in ops::OPS {
        let module = wgsl::parse(&wgsl::expand(op.shader));
        let module = module.unwrap_or_else(|error| panic!("{}: {error}", op.name));
        for entry in module.entry_points {
            written.insert((op.name.to_owned(), entry.name));
        }
    }
    assert_eq!(
        written, run,
        "entry points that exist, and those that cases run"
    );
}

#[test]
fn loops_stay_below_what_any_driver_runs_to_the_end() {
    let breaches: Vec<String> = nodes()
        .iter()
        .flat_map(|node| dispatches(node).iter().map(move |d| (node, d)))
        .filter(|(_, dispatch)| dispatch.loop_trips >= MAX_LOOP_TRIPS)
        .map(|(node, dispatch)| {
            let (entry, trips) = (dispatch.entry, dispatch.loop_trips);
            format!("{}: {entry} loops {trips} times", node.what)
        })
        .collect();
    assert_none(&breaches);
}

#[test]
fn every_case_names_its_tensors_as_they_are() {
    let mut breaches = Vec::new();
    for node in &nodes() {
        let mut written = BTreeSet::new();
        let mut updated = BTreeMap::new();
        let Lowering::Kernels {
            scratch,
            dispatches,
        } = &node.node.lowering
        else {
            continue;
        };
        let mut filled = vec![false; scratch.len()];
        for dispatch in dispatches {
            let mut refuse = |text: &str| breaches.push(format!("{}: {text}", node.what));
            if dispatch.invocations == 0 {
                refuse("a kernel has invocations");
            }
            for operand in &dispatch.operands {
                match *operand {
                    Operand::Input(i) if i >= node.types.len() => refuse("there is no such input"),
                    Operand::Scratch(i) if i >= scratch.len() => refuse("there is no such scratch"),
                    Operand::Scratch(i) => filled[i] = true,
                    Operand::Output(i) => {
                        written.insert(i);
                    }
                    Operand::Update { input, output } => {
                        if node.types.get(input) != node.output_types.get(output) {
                            refuse("an update keeps the type of its input");
                        }
                        if updated.insert(output, input).is_some_and(|i| i != input) {
                            refuse("an output is the new state of one input");
                        }
                        written.insert(output);
                    }
                    Operand::Input(_) => {}
                }
            }
        }
        if !filled.iter().all(|filled| *filled) {
            breaches.push(format!("{}: a scratch buffer is not used", node.what));
        }
        if written != (0..node.output_types.len()).collect() {
            breaches.push(format!("{}: kernels write {written:?}", node.what));
        }
    }
    assert_none(&breaches);
}

/// A shader with the constants of a case, validated.
struct Variant {
    module: naga::Module,
    info: ModuleInfo,
}

impl Variant {
    fn new(dispatch: &Dispatch) -> Result<Self, String> {
        let text = wgsl::specialise(ops::shader(dispatch.shader), &dispatch.constants);
        let module = wgsl::parse(&text)?.naga;
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .map_err(|error| error.emit_to_string(&text))?;
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
        let (mut text, options) = (String::new(), hlsl::Options::default());
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
        if kind.is_some_and(|kind| kind != wanted) && tensor.is_some() {
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
            let key = format!("{} {:?}", dispatch.shader, dispatch.constants);
            let mut check = || -> Result<(), String> {
                if !variants.contains_key(&key) {
                    variants.insert(key.clone(), Variant::new(dispatch)?);
                }
                let variant = &variants[&key];
                let entry = variant.entry(dispatch.entry)?;
                bound(node, dispatch, &variant.bindings(entry))?;
                if translated.insert((key.clone(), dispatch.entry)) {
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
            // The access modes are in the text, whatever the constants.
            let text = wgsl::specialise(ops::shader(dispatch.shader), &dispatch.constants);
            let module = wgsl::parse(&text).unwrap().naga;
            let variant = Variant {
                info: Validator::new(ValidationFlags::all(), Capabilities::empty())
                    .validate(&module)
                    .unwrap(),
                module,
            };
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
