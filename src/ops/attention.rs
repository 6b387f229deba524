//! `y = softmax(q · kᵀ / √d) · v` for each head: scaled dot-product attention that never stores the scores.

use crate::graph::{
    Array, Case, CaseInput, Constant, Dispatch, Domain, Fusion, Gradient, Lowering, MAX_LOOP_TRIPS,
    Op, Operand, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// Attention of `heads` heads within `qkv` (N, T, 3·C): the queries, keys and values of T tokens side by side, as one product
/// with a weight of (3·C, C) makes them; each is (heads, C / heads).
///
/// As PyTorch's `scaled_dot_product_attention` without dropout, with the scale 1/√(C / heads).
#[derive(Clone, Copy, Debug)]
pub enum Attention {
    /// `qkv` → `y, lse`: (N, T, C), and the logarithms of the sums of exponentials, (N, heads, T).
    Forward {
        /// Heads; they divide C.
        heads: usize,
        /// Whether a token sees itself and those before it only.
        causal: bool,
    },
    /// `qkv, y, lse, dy` → `dqkv`: the scores are computed once more.
    Backward {
        /// As in the forward pass.
        heads: usize,
        /// As in the forward pass.
        causal: bool,
    },
}

/// Rows for each lane of a subgroup, the best guess first.
const ROWS: [usize; 3] = [2, 1, 4];

/// Software adapters have subgroups of so many lanes; for those of GPUs the kernels for subgroups are not made.
const LANES: std::ops::RangeInclusive<usize> = 4..=16;

/// Samples, tokens, heads and numbers of a row.
#[derive(Clone, Copy)]
struct Extents {
    samples: usize,
    tokens: usize,
    heads: usize,
    channels: usize,
    causal: bool,
}

/// The rows of a head that one subgroup computes together.
#[derive(Clone, Copy)]
struct Tile {
    lanes: usize,
    rows: usize,
}

impl Tile {
    fn candidates(tokens: usize, target: &Target) -> Vec<Self> {
        let lanes = target.subgroup.map_or(0, |lanes| lanes as usize);
        if !LANES.contains(&lanes) || target.workgroup_tiles {
            return Vec::new();
        }
        // More rows than half a head has are no better than half of them.
        let rows = ROWS.into_iter().filter(|rows| rows / 2 * lanes < tokens);
        rows.map(|rows| Self { lanes, rows }).collect()
    }
}

impl Extents {
    fn of(attention: &Attention, qkv: &TensorType) -> Result<Self, ShapeError> {
        let (heads, causal) = match *attention {
            Attention::Forward { heads, causal } | Attention::Backward { heads, causal } => {
                (heads, causal)
            }
        };
        let refuse = |why: String| {
            Err(ShapeError::new(format!(
                "attention of {heads} heads over {}: {why}",
                qkv.shape
            )))
        };
        let &[samples, tokens, width] = qkv.shape.dims() else {
            return refuse("it must be (samples, tokens, 3 · channels)".to_owned());
        };
        if samples * tokens * width * heads == 0 || !width.is_multiple_of(3 * heads) {
            return refuse(format!(
                "the last axis must hold queries, keys and values of {heads} heads: a multiple of {}",
                3 * heads
            ));
        }
        let extents = Self {
            samples,
            tokens,
            heads,
            channels: width / (3 * heads),
            causal,
        };
        if extents.trips() >= MAX_LOOP_TRIPS {
            let per_four = 1 + 2 * extents.vec4s();
            return refuse(format!(
                "there must be fewer than {} tokens for rows of {} channels",
                (MAX_LOOP_TRIPS / per_four - 10) * 4,
                extents.channels
            ));
        }
        Ok(extents)
    }

    /// `vec4`s of a row.
    fn vec4s(&self) -> usize {
        self.channels.div_ceil(4)
    }

    fn rows(&self) -> usize {
        self.samples * self.heads * self.tokens
    }

    /// Loop iterations of an invocation that computes one row, at most; stores may go number by number.
    fn trips(&self) -> usize {
        self.tokens.div_ceil(4) * (1 + 2 * self.vec4s()) + 10 * self.vec4s()
    }

    /// The same for the rows of one lane.
    fn trips_of_lane(&self, Tile { lanes, rows }: Tile) -> usize {
        let [vec4s, fours] = [self.vec4s(), lanes / 4];
        let of_four = 1 + 2 * vec4s * (1 + rows) + rows;
        let of_lanes = 1 + vec4s + fours * (1 + of_four) + rows * (1 + 2 * fours + vec4s);
        self.tokens.div_ceil(lanes) * of_lanes + rows * (2 + 10 * vec4s)
    }

    /// Products of a row of queries and one of keys, all heads together.
    fn pairs(&self) -> u64 {
        let seen = if self.causal {
            self.tokens * (self.tokens + 1) / 2
        } else {
            self.tokens * self.tokens
        };
        (self.samples * self.heads * seen) as u64
    }

    fn constants(&self, tile: Option<Tile>) -> Vec<(&'static str, Constant)> {
        let mut constants = vec![
            ("N", self.samples.into()),
            ("T", self.tokens.into()),
            ("HEADS", self.heads.into()),
            ("D", self.channels.into()),
            ("SCALE", Constant::F32(1.0 / (self.channels as f32).sqrt())),
            ("CAUSAL", self.causal.into()),
            ("VEC4", self.channels.is_multiple_of(4).into()),
        ];
        if let Some(Tile { lanes, rows }) = tile {
            constants.extend([("LANES", lanes.into()), ("ROWS", rows.into())]);
        }
        constants
    }

    /// A kernel with one invocation per row.
    fn by_rows(&self, entry: &'static str, operands: Vec<Operand>, products: u64) -> Dispatch {
        Dispatch {
            shader: "attention",
            entry,
            constants: self.constants(None),
            operands,
            invocations: self.rows(),
            loop_trips: self.trips(),
            flops: products * 2 * self.channels as u64 * self.pairs(),
            fusion: Fusion::None,
        }
    }

    /// A kernel with one subgroup per tile.
    fn by_tiles(&self, dispatch: Dispatch, entry: &'static str, tile: Tile) -> Dispatch {
        let tiles = self.tokens.div_ceil(tile.lanes * tile.rows);
        let mut constants = self.constants(Some(tile));
        constants.push(("WORKGROUP", tile.lanes.into()));
        Dispatch {
            entry,
            constants,
            invocations: self.samples * self.heads * tiles * tile.lanes,
            loop_trips: self.trips_of_lane(tile),
            ..dispatch
        }
    }

    fn forward(&self, tile: Option<Tile>) -> Lowering {
        let operands = vec![Operand::Input(0), Operand::Output(0), Operand::Output(1)];
        let plain = self.by_rows("forward", operands, 2);
        Lowering::one(match tile {
            None => plain,
            Some(tile) => self.by_tiles(plain, "forward_subgroup", tile),
        })
    }

    fn backward(&self, tile: Option<Tile>) -> Lowering {
        let [qkv, y, lse, dy] = [0, 1, 2, 3].map(Operand::Input);
        let delta = Operand::Scratch(0);
        let mut first = self.by_rows("backward_delta", vec![y, dy, delta], 0);
        first.constants = self.constants(tile);
        first.flops = 2 * (self.rows() * self.channels) as u64;
        let operands = vec![qkv, dy, lse, delta, Operand::Output(0)];
        let query = self.by_rows("backward_query", operands.clone(), 3);
        let key_value = self.by_rows("backward_key_value", operands, 4);
        Lowering::Kernels {
            scratch: vec![self.rows()],
            dispatches: match tile {
                None => vec![first, query, key_value],
                Some(tile) => vec![
                    first,
                    self.by_tiles(query, "backward_query_subgroup", tile),
                    self.by_tiles(key_value, "backward_key_value_subgroup", tile),
                ],
            },
        }
    }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let qkv = &inputs[0];
        let extents = Extents::of(self, qkv)?;
        Ok(match self {
            Self::Forward { .. } => {
                let width = extents.heads * extents.channels;
                vec![
                    TensorType::f32([extents.samples, extents.tokens, width]),
                    TensorType::f32([extents.samples, extents.heads, extents.tokens]),
                ]
            }
            Self::Backward { .. } => vec![qkv.clone()],
        })
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], target: &Target) -> Vec<Lowering> {
        let extents = Extents::of(self, &inputs[0]).expect("the shapes were inferred");
        let tiles = Tile::candidates(extents.tokens, target).into_iter();
        let ways = tiles.map(Some).chain([None]).map(|tile| match self {
            Self::Forward { .. } => extents.forward(tile),
            Self::Backward { .. } => extents.backward(tile),
        });
        ways.filter(Lowering::ends).collect()
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match *self {
            Self::Forward { heads, causal } => Gradient::Of(vec![tape.dy[0].map(|dy| {
                let inputs = [tape.inputs[0], tape.outputs[0], tape.outputs[1], dy];
                tape.graph.one(Self::Backward { heads, causal }, &inputs)
            })]),
            Self::Backward { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        match *self {
            Self::Forward { heads, causal } => {
                reference::attention::forward(&inputs[0], heads, causal)
            }
            Self::Backward { heads, causal } => vec![reference::attention::backward(
                &inputs[0], &inputs[1], &inputs[2], &inputs[3], heads, causal,
            )],
        }
    }
}

/// One token and odd numbers of them, more than a tile; rows with and without `vec4`s; one head and several; scores that differ by
/// hundreds.
pub fn cases() -> Vec<Case> {
    // Samples, tokens, heads, channels of a head.
    let list = [
        ([1, 1, 1, 1], true),
        ([2, 1, 3, 4], false),
        ([1, 2, 1, 3], true),
        ([2, 7, 3, 4], true),
        ([2, 7, 3, 4], false),
        ([3, 5, 2, 5], false),
        ([2, 19, 1, 7], true),
        ([1, 33, 2, 8], true),
        ([1, 67, 1, 12], false),
    ];
    let mut cases: Vec<Case> = list
        .into_iter()
        .map(|([samples, tokens, heads, channels], causal)| {
            let qkv = CaseInput::normal([samples, tokens, 3 * heads * channels]);
            Case::new(Attention::Forward { heads, causal }, vec![qkv])
        })
        .collect();
    // Two heads of one number: the scores of a row lie between −600 and 600.
    let tokens = [[20.0, 30.0], [-1.0, 2.0], [30.0, -20.0], [0.5, 0.25]];
    let numbers = tokens.iter().flat_map(|&[a, b]| [a, b, b, a, 1.0, -1.0]);
    let far = CaseInput::floats([1, 4, 6], Domain::Given(numbers.collect()));
    let op = Attention::Forward {
        heads: 2,
        causal: false,
    };
    cases.push(Case::new(op, vec![far]));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(dims: &[usize], heads: usize) -> Result<Vec<TensorType>, ShapeError> {
        let causal = true;
        Attention::Forward { heads, causal }.infer(&[TensorType::f32(dims.to_vec())])
    }

    #[test]
    fn heads_that_do_not_divide_the_channels_are_refused() {
        let fits = infer(&[2, 7, 36], 3);
        let expected = [TensorType::f32([2, 7, 12]), TensorType::f32([2, 3, 7])];
        assert_eq!(fits, Ok(expected.to_vec()));
        for (dims, heads) in [(&[2, 7, 36][..], 5), (&[2, 36], 3), (&[2, 7, 36], 0)] {
            let error = infer(dims, heads).unwrap_err();
            let begin = format!("attention of {heads} heads over (");
            assert!(error.0.starts_with(&begin), "{error}");
        }
    }

    #[test]
    fn as_many_tokens_as_an_invocation_can_walk_are_taken_and_more_refused() {
        let most = |channels: usize| {
            let error = infer(&[1, 1 << 20, 3 * channels], 1).unwrap_err().0;
            let (_, after) = error.split_once("fewer than ").expect("a number is named");
            let (number, _) = after.split_once(' ').expect("a number is a word");
            number.parse::<usize>().expect("a number")
        };
        for channels in [1, 5, 32, 64, 128] {
            let most = most(channels);
            assert!(most > 3500, "{most} tokens of {channels}");
            assert!(infer(&[1, most - 1, 3 * channels], 1).is_ok(), "{most}");
        }
    }
}
