//! Ops made one: a host, whose kernel hands its results on, and the guests that its epilogue does.

use super::array::Array;
use super::op::{Dispatch, Fusion, Gradient, Lowering, Op, OpRef, Operand, Tape, Target};
use super::shape::{ShapeError, TensorType};

/// A chain of ops in one kernel. The inputs are the host's, then those of each guest but for the one that is the chain.
#[derive(Clone, Debug)]
pub struct Fused {
    host: OpRef,
    /// How many inputs the host has.
    inputs: usize,
    guests: Vec<Guest>,
}

/// An op that has become a stage.
#[derive(Clone, Debug)]
struct Guest {
    op: OpRef,
    /// How many inputs it has.
    inputs: usize,
    /// Which of them is the chain.
    chain: usize,
}

impl Fused {
    /// A chain of the host alone, on so many inputs.
    pub fn new(host: OpRef, inputs: usize) -> Self {
        Self {
            host,
            inputs,
            guests: Vec::new(),
        }
    }

    /// The chain with one more op of so many inputs, of which number `chain` is the result so far.
    #[must_use]
    pub fn then(mut self, op: OpRef, inputs: usize, chain: usize) -> Self {
        self.guests.push(Guest { op, inputs, chain });
        self
    }

    /// Goes along the chain: `link` makes a result from an op and its inputs.
    fn fold<T: Clone, E>(
        &self,
        inputs: &[T],
        mut link: impl FnMut(&OpRef, &[T]) -> Result<T, E>,
    ) -> Result<T, E> {
        let (own, mut rest) = inputs.split_at(self.inputs);
        let mut result = link(&self.host, own)?;
        for guest in &self.guests {
            let (own, others) = rest.split_at(guest.inputs - 1);
            rest = others;
            let mut own = own.to_vec();
            own.insert(guest.chain, result);
            result = link(&guest.op, &own)?;
        }
        Ok(result)
    }

    /// The kernel of each guest by itself; `None` where one of them needs more than one, or is no stage.
    fn guests(&self, inputs: &[TensorType], target: &Target) -> Option<Vec<Dispatch>> {
        let mut kernels = Vec::new();
        let mut is_host = true;
        self.fold(inputs, |op, inputs| {
            let output = op.infer(inputs).map_err(|_| ())?.swap_remove(0);
            if !std::mem::replace(&mut is_host, false) {
                let ways = op.lower(inputs, std::slice::from_ref(&output), target);
                kernels.push(ways.into_iter().next().and_then(only_kernel).ok_or(())?);
            }
            Ok::<_, ()>(output)
        })
        .ok()?;
        Some(kernels)
    }

    /// A way of the host with the guests in its epilogue.
    fn in_epilogue(&self, way: &mut Lowering, inputs: usize, guests: &[Dispatch]) -> bool {
        let Lowering::Kernels { dispatches, .. } = way else {
            return false;
        };
        let Some(last) = dispatches.last_mut() else {
            return false;
        };
        let hosts = match &last.fusion {
            Fusion::Host(stages) => stages.is_empty(),
            Fusion::Guest { .. } => true,
            Fusion::None => false,
        };
        if !hosts {
            return false;
        }
        let stages = guests.iter().filter_map(|guest| match guest.fusion {
            Fusion::Guest { stage, .. } => Some(stage),
            Fusion::Host(_) | Fusion::None => None,
        });
        last.fusion = Fusion::Host(stages.collect());
        let operands = (self.inputs..inputs).map(Operand::Input);
        last.operands.extend(operands);
        last.flops += guests.iter().map(|guest| guest.flops).sum::<u64>();
        true
    }

    /// A way of the host, and the guests' kernels behind it: the results between them are scratch of so many elements.
    fn one_by_one(&self, way: &mut Lowering, elements: usize, guests: &[Dispatch]) {
        let Lowering::Kernels {
            scratch,
            dispatches,
        } = way
        else {
            unreachable!("a host computes");
        };
        let first = scratch.len();
        scratch.resize(first + guests.len(), elements);
        for operand in dispatches.iter_mut().flat_map(|d| &mut d.operands) {
            if *operand == Operand::Output(0) {
                *operand = Operand::Scratch(first);
            }
        }
        let mut next_input = self.inputs;
        for (i, (kernel, guest)) in guests.iter().zip(&self.guests).enumerate() {
            let mut kernel = kernel.clone();
            for operand in &mut kernel.operands {
                *operand = match *operand {
                    Operand::Input(input) if input == guest.chain => Operand::Scratch(first + i),
                    Operand::Input(input) => {
                        Operand::Input(next_input + input - usize::from(input > guest.chain))
                    }
                    Operand::Output(_) if i + 1 < guests.len() => Operand::Scratch(first + i + 1),
                    other => other,
                };
            }
            next_input += guest.inputs - 1;
            dispatches.push(kernel);
        }
    }
}

/// The kernel of a way to compute a stage.
fn only_kernel(way: Lowering) -> Option<Dispatch> {
    let Lowering::Kernels { mut dispatches, .. } = way else {
        return None;
    };
    let kernel = dispatches.pop()?;
    let is_stage = matches!(kernel.fusion, Fusion::Guest { .. });
    (dispatches.is_empty() && is_stage).then_some(kernel)
}

impl Op for Fused {
    fn name(&self) -> &'static str {
        self.host.name()
    }

    fn pass(&self) -> &'static str {
        self.host.pass()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let output = self.fold(inputs, |op, inputs| {
            op.infer(inputs).map(|mut outputs| outputs.swap_remove(0))
        })?;
        Ok(vec![output])
    }

    /// The ways of the host: with an epilogue where they have one, with the kernels of the guests behind them elsewhere. None where
    /// a guest is no stage.
    fn lower(
        &self,
        inputs: &[TensorType],
        outputs: &[TensorType],
        target: &Target,
    ) -> Vec<Lowering> {
        let Some(guests) = self.guests(inputs, target) else {
            return Vec::new();
        };
        let mut ways = self.host.lower(&inputs[..self.inputs], outputs, target);
        for way in &mut ways {
            if !self.in_epilogue(way, inputs.len(), &guests) {
                self.one_by_one(way, outputs[0].elements(), &guests);
            }
        }
        ways
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("ops are made one after their gradients have been made")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let result = self.fold(inputs, |op, inputs| {
            Ok::<_, std::convert::Infallible>(op.reference(inputs).swap_remove(0))
        });
        let Ok(output) = result;
        vec![output]
    }
}
