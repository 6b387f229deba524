//! Layers of tokens: their rows and those of their places, and attention between them.

use super::{Append, Check, Refusal, Rule, Words};
use crate::config::{self, Initializer};
use crate::graph::{DType, Shape, ShapeError, Value};
use crate::nn::{Border, Init, Signal};
use crate::ops::{self, add_bias::AddBias, matmul::Matmul, rotary};

/// `embedding`: a row of numbers for each token.
pub(super) struct Embedding<'a>(pub(super) &'a config::Embedding);

impl Rule for Embedding<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let Self(embedding) = self;
        let input = at.input();
        let (DType::U32, &[length]) = (input.dtype, input.shape.as_slice()) else {
            return Err(Refusal::new(
                format!(
                    "it needs the numbers of tokens, but its input is {}",
                    input.words()
                ),
                "comes where there are no tokens",
                "make it the first layer of a network of texts",
            ));
        };
        let [rows, channels] = [embedding.num_embeddings, embedding.embedding_dim];
        if let Some(vocabulary) = input.vocabulary.filter(|&vocabulary| vocabulary > rows) {
            return Err(Refusal::new(
                format!(
                    "it has rows for {rows} tokens, but the data has {vocabulary} different ones"
                ),
                "too few rows",
                format!("set `num_embeddings = {vocabulary}`"),
            ));
        }
        let init = rows_of(embedding.init, [rows, channels]);
        at.parameter("weight", Shape::from([rows, channels]), Border::Same, init);
        Ok(Signal::floats([length, channels]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let padding = self.0.padding_idx;
        let op = ops::embedding::Embedding::Forward { padding };
        to.apply(op, &[to.input(), to.parameters[0]])
    }

    fn describe(&self, words: &mut Words) {
        let Self(embedding) = self;
        words.add(format!("of {}", embedding.num_embeddings));
    }
}

/// The first values of a table of (rows, channels). PyTorch's own are standard normal.
fn rows_of(init: Initializer, [rows, channels]: [usize; 2]) -> Init {
    match init {
        Initializer::Auto => Init::weight(Initializer::Normal, channels, rows),
        Initializer::Pytorch => Init::Normal(1.0),
        init => Init::weight(init, channels, rows),
    }
}

/// `position_embedding`: a learned row for each place of a sequence, which is added to what is there.
pub(super) struct Positions<'a>(pub(super) &'a config::PositionEmbedding);

impl Rule for Positions<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let [length, channels] = sequence(at.input())?;
        let init = rows_of(self.0.init, [length, channels]);
        let shape = Shape::from([length, channels]);
        at.parameter("weight", shape, Border::Same, init);
        Ok(Signal::floats([length, channels]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        // All places of a sample are one long row, which every sample gets.
        let shape = to.graph.shape(to.input()).clone();
        let elements = shape.elements() / to.batch();
        let rows = to.reshaped(to.input(), [to.batch(), elements]);
        let row = to.reshaped(to.parameters[0], [elements]);
        let y = to.apply(AddBias, &[rows, row])?;
        Ok(to.reshaped(y, shape))
    }

    fn describe(&self, _: &mut Words) {}
}

/// `attention`: every step of a sequence from those that it attends to, in several heads.
pub(super) struct Attention<'a>(pub(super) &'a config::Attention);

impl Rule for Attention<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let Self(attention) = self;
        let [length, channels] = sequence(at.input())?;
        let heads = attention.heads;
        if !channels.is_multiple_of(heads) {
            return Err(Refusal::new(
                format!("{channels} channels do not divide into {heads} `heads`"),
                "has the channels of its input",
                "every head has the same number of channels",
            ));
        }
        if attention.rotary && channels / heads % 2 != 0 {
            return Err(Refusal::new(
                format!(
                    "`rotary` turns pairs of channels, but a head has {}",
                    channels / heads
                ),
                "has an odd number of channels in each head",
                "use another number of `heads`, or a `position_embedding` layer instead",
            ));
        }
        // As torch.nn.MultiheadAttention begins: biases are zero, and the packed weight is Xavier's.
        let rule = at.resolve(attention.init, None);
        let packed = match rule {
            Initializer::Pytorch => Initializer::XavierUniform,
            rule => rule,
        };
        for (what, out, rule) in [
            ("in_proj_", 3 * channels, packed),
            ("out_proj.", channels, rule),
        ] {
            let shape = Shape::from([out, channels]);
            let init = Init::weight(rule, channels, out);
            at.parameter(&format!("{what}weight"), shape, Border::Same, init);
            if attention.bias {
                let shape = Shape::from([out]);
                at.parameter(&format!("{what}bias"), shape, Border::Same, Init::Zeros);
            }
        }
        Ok(Signal::floats([length, channels]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let Self(attention) = self;
        let shape = to.graph.shape(to.input()).clone();
        let &[samples, tokens, channels] = shape.dims() else {
            unreachable!("a sequence was checked");
        };
        let mut parameters = to.parameters.iter().copied();
        let mut next = || parameters.next().expect("every parameter was added");
        let [in_weight, in_bias] = [next(), next()];
        let (in_bias, out_weight, out_bias) = match attention.bias {
            true => (Some(in_bias), next(), Some(next())),
            false => (None, in_bias, None),
        };
        let product = Matmul {
            transpose_a: false,
            transpose_b: true,
        };
        let heads = attention.heads;
        let rows = to.reshaped(to.input(), [samples * tokens, channels]);
        let qkv = to.apply(product, &[rows, in_weight])?;
        let qkv = to.finish(qkv, in_bias, None);
        let mut qkv = to.reshaped(qkv, [samples, tokens, 3 * channels]);
        if attention.rotary {
            let turn = rotary::Turn {
                channels: channels / heads,
                turned: 2 * channels,
                base: rotary::BASE,
            };
            qkv = to.apply(rotary::Rotary::Forward(turn), &[qkv])?;
        }
        let causal = attention.causal;
        let y = to.apply(ops::attention::Attention::Forward { heads, causal }, &[qkv])?;
        let y = to.reshaped(y, [samples * tokens, channels]);
        let y = to.apply(product, &[y, out_weight])?;
        let y = to.finish(y, out_bias, None);
        Ok(to.reshaped(y, shape))
    }

    fn describe(&self, words: &mut Words) {
        let Self(attention) = self;
        let heads = attention.heads;
        words.add(format!(
            "{heads} {}",
            if heads == 1 { "head" } else { "heads" }
        ));
        for (word, is) in [("causal", attention.causal), ("rotary", attention.rotary)] {
            if is {
                words.add(word);
            }
        }
    }
}

/// Length and channels of a sequence; tokens were refused before.
fn sequence(input: &Signal) -> Result<[usize; 2], Refusal> {
    if let &[length, channels] = input.shape.as_slice() {
        return Ok([length, channels]);
    }
    Err(Refusal::new(
        format!(
            "it needs a sequence (length, channels), but its input is {}",
            input.words()
        ),
        "comes where there is no sequence",
        "put it where a sequence is",
    ))
}
