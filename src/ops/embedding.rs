//! `y = weight[ids]`: a row of a table for each token.

use super::reduce_sum;
use crate::graph::{
    Array, Case, CaseInput, Constant, DType, Dispatch, Fusion, Gradient, Lowering, Op, Operand,
    Shape, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `ids` (…) of 32-bit integers and `weight` (V, C) → `y` (…, C), as PyTorch's `torch.nn.functional.embedding`.
///
/// An id beyond the vocabulary counts as the last one: data are checked where they are read, and no kernel reads outside.
#[derive(Clone, Debug)]
pub enum Embedding {
    /// `ids, weight` → `y`.
    Forward {
        /// The id whose row is zero and has no gradient, as a row of PyTorch's `padding_idx` is that was not set to anything else.
        padding: Option<usize>,
    },
    /// `ids, dy` → `dweight`: for each id the sum of the gradients of its rows, in their order.
    BackwardWeight {
        /// As in the forward pass.
        padding: Option<usize>,
        /// The shape of the weight.
        weight: Shape,
    },
}

/// A sum over rows is cut into chunks of at most so many.
const MAX_CHUNK: usize = 32_768;

/// Below this many invocations it is cut to give every core work, into chunks of at least [`MIN_CHUNK`].
const WANTED_INVOCATIONS: usize = 2048;

/// A shorter chunk costs more to add up than it gains.
const MIN_CHUNK: usize = 256;

/// At most so many rows are made lists of by one invocation each, which looks at all of them.
const MAX_LINKED: usize = 50_000;

/// Rows, vocabulary and channels, and what the kernels are told of them.
struct Extents {
    rows: usize,
    vocabulary: usize,
    channels: usize,
    padding: Option<usize>,
}

impl Extents {
    /// Invocations of one row.
    fn items(&self) -> usize {
        self.channels / if self.vec4() { 4 } else { 1 }
    }

    fn vec4(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn dispatch(&self, entry: &'static str, operands: Vec<Operand>) -> Dispatch {
        let padding = self.padding.map_or(Constant::U32(u32::MAX), Into::into);
        Dispatch {
            shader: "embedding",
            entry,
            constants: vec![
                ("ROWS", self.rows.into()),
                ("VOCABULARY", self.vocabulary.into()),
                ("C", self.channels.into()),
                ("PADDING", padding),
                ("VEC4", self.vec4().into()),
            ],
            operands,
            invocations: 0,
            loop_trips: 0,
            flops: 0,
            fusion: Fusion::None,
        }
    }

    /// Each invocation looks at the ids of all rows, or of those of a chunk.
    fn by_search(&self) -> Lowering {
        let elements = self.vocabulary * self.channels;
        let lanes = self.vocabulary * self.items();
        let for_trips = self.rows.div_ceil(MAX_CHUNK);
        let for_work = WANTED_INVOCATIONS
            .div_ceil(lanes)
            .min(self.rows / MIN_CHUNK);
        let chunk = self.rows.div_ceil(for_trips.max(for_work).max(1));
        let chunks = self.rows.div_ceil(chunk);
        reduce_sum::of_planes(chunks, elements, |to| {
            let operands = vec![Operand::Input(0), Operand::Input(1), to];
            let mut dispatch = self.dispatch("backward_weight", operands);
            dispatch.constants.push(("CHUNK", chunk.into()));
            Dispatch {
                invocations: chunks * lanes,
                loop_trips: chunk,
                flops: (self.rows * self.channels) as u64,
                ..dispatch
            }
        })
    }

    /// Each id has a list of its rows.
    fn by_list(&self) -> Lowering {
        let [heads, links] = [Operand::Scratch(0), Operand::Scratch(1)];
        let empty = self.dispatch("backward_weight_empty", vec![heads]);
        let link = self.dispatch(
            "backward_weight_link",
            vec![Operand::Input(0), heads, links],
        );
        let follow = vec![heads, links, Operand::Input(1), Operand::Output(0)];
        let follow = self.dispatch("backward_weight_follow", follow);
        Lowering::Kernels {
            scratch: vec![self.vocabulary, self.rows],
            dispatches: vec![
                Dispatch {
                    invocations: self.vocabulary,
                    ..empty
                },
                Dispatch {
                    invocations: self.rows,
                    loop_trips: self.rows,
                    ..link
                },
                Dispatch {
                    invocations: self.vocabulary * self.items(),
                    loop_trips: self.rows,
                    flops: (self.rows * self.channels) as u64,
                    ..follow
                },
            ],
        }
    }
}

impl Embedding {
    fn extents(&self, ids: &TensorType, weight: &Shape) -> Extents {
        let (Self::Forward { padding } | Self::BackwardWeight { padding, .. }) = self;
        Extents {
            rows: ids.elements(),
            vocabulary: weight.dims()[0],
            channels: weight.dims()[1],
            padding: *padding,
        }
    }
}

impl Op for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::BackwardWeight { .. } => "backward_weight",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let (ids, other) = (&inputs[0], &inputs[1]);
        let refuse = |why: &str| {
            Err(ShapeError::new(format!(
                "embedding of {ids} and {other}: {why}"
            )))
        };
        if ids.dtype != DType::U32 || ids.elements() == 0 {
            return refuse("the ids must be integers, at least one");
        }
        match self {
            Self::Forward { padding } => {
                let &[vocabulary, channels] = other.shape.dims() else {
                    return refuse("the weight must have a row for each id");
                };
                if other.dtype != DType::F32 || vocabulary * channels == 0 {
                    return refuse("the weight must be floats, at least one");
                }
                if padding.is_some_and(|padding| padding >= vocabulary) {
                    return refuse("the padding must be one of the ids");
                }
                let dims = [ids.shape.dims(), &[channels]].concat();
                Ok(vec![TensorType::f32(dims)])
            }
            Self::BackwardWeight { weight, .. } => Ok(vec![TensorType::f32(weight.clone())]),
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        match self {
            Self::Forward { .. } => {
                let extents = self.extents(&inputs[0], &inputs[1].shape);
                let operands = vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)];
                vec![Lowering::one(Dispatch {
                    invocations: extents.rows * extents.items(),
                    ..extents.dispatch("forward", operands)
                })]
            }
            Self::BackwardWeight { weight, .. } => {
                let extents = self.extents(&inputs[0], weight);
                let mut ways = vec![extents.by_search()];
                if extents.rows <= MAX_LINKED {
                    // Comparisons: every row with every other one, or every item of the weight with every row.
                    let lists_first = extents.rows < extents.vocabulary * extents.items() / 4;
                    ways.insert(usize::from(!lists_first), extents.by_list());
                }
                ways
            }
        }
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match self {
            Self::Forward { padding } => {
                let weight = tape.graph.shape(tape.inputs[1]).clone();
                let dweight = tape.dy[0].filter(|_| tape.wanted[1]).map(|dy| {
                    let backward = Self::BackwardWeight {
                        padding: *padding,
                        weight,
                    };
                    tape.graph.one(backward, &[tape.inputs[0], dy])
                });
                Gradient::Of(vec![None, dweight])
            }
            Self::BackwardWeight { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Forward { padding } => {
                reference::embedding::forward(&inputs[0], &inputs[1], *padding)
            }
            Self::BackwardWeight { padding, weight } => {
                reference::embedding::backward_weight(&inputs[0], &inputs[1], weight, *padding)
            }
        }]
    }
}

/// One token and many, channels with and without `vec4`s, more rows than one chunk, ids that do not occur, ids beyond the
/// vocabulary, and padding.
pub fn cases() -> Vec<Case> {
    let case = |ids: CaseInput, weight: [usize; 2], padding| {
        Case::new(
            Embedding::Forward { padding },
            vec![ids, CaseInput::normal(weight)],
        )
    };
    let below = |dims: &[usize], vocabulary| CaseInput::below(dims.to_vec(), vocabulary);
    vec![
        case(below(&[1], 1), [1, 1], None),
        case(below(&[3, 7], 5), [5, 3], None),
        case(below(&[2, 3, 5], 11), [11, 4], None),
        case(below(&[65], 7), [7, 12], Some(2)),
        case(below(&[4, 9], 13), [13, 5], Some(12)),
        case(below(&[12, 64], 65), [65, 16], None),
        case(below(&[40, 53], 3), [3, 8], None),
        case(below(&[1031], 2), [2, 1], None),
        case(below(&[17], 4000), [4000, 20], None),
        case(
            CaseInput::words(&[0, 9, u32::MAX, 4, 3, 0, 5]),
            [5, 4],
            None,
        ),
        case(CaseInput::words(&[7, 2, 2, 1_000_000]), [4, 3], Some(2)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_of_rows_is_refused() {
        let infer = |ids: TensorType, weight: TensorType, padding| {
            Embedding::Forward { padding }.infer(&[ids, weight])
        };
        let (ids, weight) = (TensorType::u32([2, 3]), TensorType::f32([5, 4]));
        let fits = infer(ids.clone(), weight.clone(), Some(4));
        assert_eq!(fits, Ok(vec![TensorType::f32([2, 3, 4])]));
        for (ids, weight, padding) in [
            (TensorType::f32([2, 3]), weight.clone(), None),
            (ids.clone(), TensorType::f32([5]), None),
            (ids.clone(), TensorType::u32([5, 4]), None),
            (ids, weight, Some(5)),
        ] {
            let error = infer(ids, weight, padding).unwrap_err();
            assert!(error.0.starts_with("embedding of "), "{error}");
        }
    }

    #[test]
    fn many_rows_are_searched_in_chunks_that_end() {
        let op = Embedding::BackwardWeight {
            padding: None,
            weight: Shape::from([70, 8]),
        };
        for rows in [8192, 60_000, 200_000] {
            let ids = TensorType::u32([rows]);
            let dy = TensorType::f32([rows, 8]);
            let outputs = op.infer(&[ids.clone(), dy.clone()]).unwrap();
            let ways = op.lower(&[ids, dy], &outputs, &Target::FLOOR);
            assert!(ways.iter().all(Lowering::ends), "{rows}");
        }
    }
}
