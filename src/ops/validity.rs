//! What an op can be asked without a GPU.

use crate::graph::{Array, Case, DType, Domain, Lowering, Op, Operand};

/// Asserts that every case has fitting inputs, lowers to kernels that naga finds valid with base capabilities, whose operands
/// are those of their entry points, and that the reference gives outputs of the inferred shapes.
pub(super) fn check(cases: Vec<Case>) {
    for case in cases {
        let what = format!("{:?}", case.op);
        let inputs: Vec<_> = case.inputs.iter().map(|i| i.tensor.clone()).collect();
        let outputs = case.op.infer(&inputs).expect("the inputs of a case fit");
        let Lowering::Kernels { dispatches, .. } = case.op.lower(&inputs, &outputs) else {
            continue;
        };
        for dispatch in &dispatches {
            assert!(dispatch.loop_trips < 60_000, "{what}: too many iterations");
            let text = crate::wgsl::specialise(super::shader(dispatch.shader), &dispatch.constants);
            let module = crate::wgsl::parse(&text)
                .unwrap_or_else(|error| panic!("{what}: {error}"))
                .naga;
            let info = naga::valid::Validator::new(
                naga::valid::ValidationFlags::all(),
                naga::valid::Capabilities::empty(),
            )
            .validate(&module)
            .unwrap_or_else(|error| panic!("{what}: {}", error.emit_to_string(&text)));
            let entry = module
                .entry_points
                .iter()
                .position(|entry| entry.name == dispatch.entry)
                .unwrap_or_else(|| panic!("{what}: no entry point {}", dispatch.entry));
            // Binding and whether it is written, of the variables that the entry point uses.
            let mut bindings: Vec<(u32, bool)> = module
                .global_variables
                .iter()
                .filter(|(handle, _)| !info.get_entry_point(entry)[*handle].is_empty())
                .filter_map(|(_, variable)| match variable.space {
                    naga::AddressSpace::Storage { access } => Some((
                        variable.binding?.binding,
                        access.contains(naga::StorageAccess::STORE),
                    )),
                    _ => None,
                })
                .collect();
            bindings.sort_unstable();
            let operands: Vec<(u32, bool)> = (0..)
                .zip(&dispatch.operands)
                .map(|(i, operand)| (i, !matches!(operand, Operand::Input(_))))
                .collect();
            assert_eq!(bindings, operands, "{what}: bindings and operands");
        }
        let arrays: Vec<Array> = case
            .inputs
            .iter()
            .map(|input| {
                let data = match (&input.domain, input.tensor.dtype) {
                    (Domain::Given(numbers), _) => numbers.clone(),
                    (_, DType::F32) => vec![0.5; input.tensor.elements()],
                    (_, DType::U32 | DType::U8) => vec![0.0; input.tensor.elements()],
                };
                Array::new(input.tensor.shape.clone(), data)
            })
            .collect();
        let shapes: Vec<_> = case
            .op
            .reference(&arrays)
            .into_iter()
            .map(|y| y.shape)
            .collect();
        let inferred: Vec<_> = outputs.into_iter().map(|y| y.shape).collect();
        assert_eq!(shapes, inferred, "{what}: the shapes of the reference");
    }
}

/// Runs the reference of an optimiser on the parabolas ½ a (p − c)² with learning rate 0.1 and asserts where it is after some
/// steps. `moments` slabs stand between the gradients and `schedule`, and begin as zeros.
pub(super) fn assert_descends(
    op: &dyn Op,
    moments: usize,
    places: &[(usize, [f64; 4])],
    tolerance: f64,
) {
    let a = [1.0, 0.5, 2.0, -0.3];
    let c = [0.3, -1.0, 0.05, 2.0];
    let mut state = vec![Array::new([4], vec![1.0, -2.0, 0.5, 3.0])];
    state.extend(vec![Array::zeros([4]); moments]);
    let last = places.iter().map(|&(step, _)| step).max().unwrap_or(0);
    for step in 0..last {
        let gradients = (0..4).map(|i| a[i] * (state[0].data[i] - c[i])).collect();
        let mut inputs = vec![state[0].clone(), Array::new([4], gradients)];
        inputs.extend_from_slice(&state[1..]);
        inputs.push(Array::new([4], vec![0.1, 0.0, 0.0, 0.0]));
        let mut counters = Array::zeros([8]);
        counters.data[0] = step as f64;
        inputs.push(counters);
        state = op.reference(&inputs);
        for (_, place) in places.iter().filter(|&&(steps, _)| steps == step + 1) {
            for (p, expected) in state[0].data.iter().zip(place) {
                assert!(
                    (p - expected).abs() < tolerance,
                    "{op:?} after {} steps: {:?}, not {place:?}",
                    step + 1,
                    state[0].data
                );
            }
        }
    }
}
