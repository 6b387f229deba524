//! The keys of `[[layer]]`.

use super::choice::{Approximate, words};
use super::keys::Fallback::{Bool, Float, Int, Required, Rule, Word};
use super::keys::{
    BELOW_ONE, BELOW_ONE_NOT_ZERO, Family, Key, NOT_NEGATIVE, POSITIVE, Takes, Variant, key,
};
use super::{Activation, Axis, Initializer, MAX_LAYERS, Nonlinearity, Returns, UpsampleMode};

const MAX_WIDTH: u64 = 1 << 20;
const MAX_WINDOW: u64 = 1024;
const MAX_HIDDEN: u64 = 4096;
const MAX_STACK: u64 = 64;

fn layer_kinds() -> Vec<&'static str> {
    LAYER.variants.iter().map(|v| v.kind).collect()
}

#[rustfmt::skip]
const BIAS: Key = key("bias", Takes::Bool, Bool(true), "add a learned number to every output channel");
#[rustfmt::skip]
const ACTIVATION: Key = key("activation", Takes::Choice(words::<Option<Activation>>), Word("none"), "applied to the result");
#[rustfmt::skip]
const fn epsilon(default: f64) -> Key {
    key("epsilon", Takes::Float(&POSITIVE), Float(default), "added to what the root is taken of")
}
#[rustfmt::skip]
const AFFINE: Key = key("affine", Takes::Bool, Bool(true), "multiply by a learned number per feature");
#[rustfmt::skip]
const DROPOUT: &[Key] = &[key("p", Takes::Float(&BELOW_ONE), Float(0.5), "probability of a zero; the rest is divided by 1 - p")];
#[rustfmt::skip]
const ADAPTIVE: &[Key] = &[key("output", Takes::Size(1, MAX_WINDOW), Required, "size that it makes of any image, in pixels")];
#[rustfmt::skip]
const INIT: Key = key("init", Takes::Choice(words::<Initializer>), Rule("as the top of the file says"), "the first weights");
#[rustfmt::skip]
const KERNEL: Key = key("kernel", Takes::Size(1, MAX_WINDOW), Required, "window in pixels");
#[rustfmt::skip]
const AXIS: Key = key("axis", Takes::Choice(words::<Axis>), Word("channels"), "along which axis; channels are the features of a row, too");
const BOTH_ENDS: Takes = Takes::Ints(0, MAX_WIDTH, 2);
const MAX_SCALE: u64 = 32;
#[rustfmt::skip]
const POOL1D: &[Key] = &[
    key("kernel", Takes::Int(1, MAX_WINDOW), Required, "window in steps"),
    key("stride", Takes::Int(1, MAX_WINDOW), Rule("the kernel"), "steps from window to window"),
    key("padding", Takes::Int(0, MAX_WINDOW), Int(0), "steps before and behind, at most half the kernel"),
];
#[rustfmt::skip]
const POOL: &[Key] = &[
    KERNEL,
    key("stride", Takes::Size(1, MAX_WINDOW), Rule("the kernel"), "pixels from window to window"),
    key("padding", Takes::Size(0, MAX_WINDOW), Int(0), "pixels on every side, at most half the kernel"),
];

#[rustfmt::skip]
const HIDDEN: Key = key("hidden", Takes::Int(1, MAX_HIDDEN), Required, "how many units");
#[rustfmt::skip]
const LAYERS: Key = key("layers", Takes::Int(1, MAX_STACK), Int(1), "how many, each over the sequence of the one before");
#[rustfmt::skip]
const RETURN: Key = key("return", Takes::Choice(words::<Returns>), Word("sequence"), "the state after every step, or after the last");
#[rustfmt::skip]
const WITH: Key = key("with", Takes::Arguments, Rule("what the block says"), "values for the arguments of the block: x is put where a layer of it says \"$x\"");

/// `[block.NAME]`.
#[rustfmt::skip]
pub static BLOCK: &[Key] = &[
    key("layer", Takes::Tables, Required, "its layers, as those of the network"),
    key("with", Takes::Arguments, Rule("given where it is used"), "values for its arguments where a use gives none"),
];

/// `[[layer]]`.
#[rustfmt::skip]
pub static LAYER: Family = Family {
    common: &[
        key("kind", Takes::Choice(layer_kinds), Required, "what the layer does"),
        key("name", Takes::Text, Rule("what it is and its number among those, as conv1"), "unique name of letters, digits, _ and -"),
        key("inputs", Takes::Texts, Rule("the layer before it"), "names of the layers whose outputs come in; \"input\": what comes into the block or network"),
        key("repeat", Takes::Int(1, MAX_LAYERS as u64), Int(1), "so many of it, one behind the other: NAME/1, NAME/2, …"),
    ],
    variants: &[
        Variant { kind: "conv2d", keys: &[
            key("out_channels", Takes::Int(1, MAX_WIDTH), Required, "how many filters"),
            KERNEL,
            key("stride", Takes::Size(1, MAX_WINDOW), Int(1), "pixels from window to window"),
            key("padding", Takes::Size(0, MAX_WINDOW), Int(0), "zeros on every side, in pixels"),
            key("dilation", Takes::Size(1, MAX_WINDOW), Int(1), "pixels from tap to tap"),
            key("groups", Takes::Int(1, MAX_WIDTH), Int(1), "independent groups of channels, divides out_channels"),
            BIAS,
            ACTIVATION,
            INIT,
        ] },
        Variant { kind: "conv1d", keys: &[
            key("out_channels", Takes::Int(1, MAX_WIDTH), Required, "how many filters"),
            key("kernel", Takes::Int(1, MAX_WINDOW), Required, "window in steps"),
            key("stride", Takes::Int(1, MAX_WINDOW), Int(1), "steps from window to window"),
            key("padding", Takes::Int(0, MAX_WINDOW), Int(0), "zeros before and behind, in steps"),
            key("dilation", Takes::Int(1, MAX_WINDOW), Int(1), "steps from tap to tap"),
            key("groups", Takes::Int(1, MAX_WIDTH), Int(1), "independent groups of channels, divides out_channels"),
            BIAS,
            ACTIVATION,
            INIT,
        ] },
        Variant { kind: "conv_transpose2d", keys: &[
            key("out_channels", Takes::Int(1, MAX_WIDTH), Required, "how many channels come out"),
            KERNEL,
            key("stride", Takes::Size(1, MAX_WINDOW), Int(1), "how many times larger the image becomes"),
            key("padding", Takes::Size(0, MAX_WINDOW), Int(0), "pixels cut off on every side"),
            key("output_padding", Takes::Size(0, MAX_WINDOW), Int(0), "rows and columns more at the end, below stride or dilation"),
            key("dilation", Takes::Size(1, MAX_WINDOW), Int(1), "pixels from tap to tap"),
            key("groups", Takes::Int(1, MAX_WIDTH), Int(1), "independent groups of channels, divides out_channels"),
            BIAS,
            ACTIVATION,
            INIT,
        ] },
        Variant { kind: "max_pool2d", keys: POOL },
        Variant { kind: "avg_pool2d", keys: POOL },
        Variant { kind: "max_pool1d", keys: POOL1D },
        Variant { kind: "avg_pool1d", keys: POOL1D },
        Variant { kind: "upsample", keys: &[
            key("scale", Takes::Size(1, MAX_SCALE), Required, "how many times as high and as wide"),
            key("mode", Takes::Choice(words::<UpsampleMode>), Word("nearest"), "whether pixels are repeated or lie between those around"),
        ] },
        Variant { kind: "pad", keys: &[
            key("height", BOTH_ENDS, Rule("no zeros"), "rows of zeros [above, below]; [n] for both"),
            key("width", BOTH_ENDS, Rule("no zeros"), "columns of zeros [left, right]; [n] for both"),
            key("time", BOTH_ENDS, Rule("no zeros"), "steps of zeros [before, behind]; [n] for both"),
            key("channels", BOTH_ENDS, Rule("no zeros"), "channels or features of zeros [before, behind]; [n] for both"),
        ] },
        Variant { kind: "slice", keys: &[
            AXIS,
            key("begin", Takes::Int(0, MAX_WIDTH), Int(0), "the first that is taken, counted from 0"),
            key("step", Takes::Int(1, MAX_WIDTH), Int(1), "from one to the next"),
            key("size", Takes::Int(1, MAX_WIDTH), Rule("as many as there are"), "how many are taken"),
        ] },
        Variant { kind: "concat", keys: &[AXIS] },
        Variant { kind: "dense", keys: &[
            key("out_features", Takes::Int(1, MAX_WIDTH), Required, "how many outputs"),
            BIAS,
            ACTIVATION,
            INIT,
        ] },
        Variant { kind: "rnn", keys: &[
            HIDDEN,
            LAYERS,
            key("nonlinearity", Takes::Choice(words::<Nonlinearity>), Word("tanh"), "applied to the sums of a step"),
            RETURN,
            INIT,
        ] },
        Variant { kind: "lstm", keys: &[HIDDEN, LAYERS, RETURN, INIT] },
        Variant { kind: "gru", keys: &[HIDDEN, LAYERS, RETURN, INIT] },
        Variant { kind: "embedding", keys: &[
            key("num_embeddings", Takes::Int(1, MAX_WIDTH), Required, "how many tokens there are"),
            key("embedding_dim", Takes::Int(1, MAX_WIDTH), Required, "numbers of the row of a token"),
            key("padding_idx", Takes::Int(0, MAX_WIDTH - 1), Rule("no token"), "a token whose row is zero and stays so"),
            INIT,
        ] },
        Variant { kind: "position_embedding", keys: &[INIT] },
        Variant { kind: "attention", keys: &[
            key("heads", Takes::Int(1, MAX_WIDTH), Required, "heads, each with its share of the channels"),
            key("causal", Takes::Bool, Bool(false), "a step attends to itself and those before it only"),
            key("rotary", Takes::Bool, Bool(false), "queries and keys are turned by an angle that grows with their place"),
            key("bias", Takes::Bool, Bool(true), "add learned numbers to queries, keys, values and the result"),
            INIT,
        ] },
        Variant { kind: "flatten", keys: &[] },
        Variant { kind: "relu", keys: &[] },
        Variant { kind: "sigmoid", keys: &[] },
        Variant { kind: "tanh", keys: &[] },
        Variant { kind: "gelu", keys: &[
            key("approximate", Takes::Choice(words::<Approximate>), Word("none"), "how the normal distribution function is computed"),
        ] },
        Variant { kind: "silu", keys: &[] },
        Variant { kind: "leaky_relu", keys: &[key("slope", Takes::Float(&NOT_NEGATIVE), Float(0.01), "slope below 0")] },
        Variant { kind: "elu", keys: &[key("alpha", Takes::Float(&NOT_NEGATIVE), Float(1.0), "what it approaches far below 0, negated")] },
        Variant { kind: "softplus", keys: &[] },
        Variant { kind: "dropout", keys: DROPOUT },
        Variant { kind: "dropout2d", keys: DROPOUT },
        Variant { kind: "batch_norm", keys: &[
            epsilon(1e-5),
            key("momentum", Takes::Float(&BELOW_ONE_NOT_ZERO), Float(0.1), "share of each batch in the running statistics"),
            ACTIVATION,
        ] },
        Variant { kind: "layer_norm", keys: &[epsilon(1e-5), AFFINE, BIAS] },
        Variant { kind: "rms_norm", keys: &[epsilon(f32::EPSILON as f64), AFFINE] },
        Variant { kind: "group_norm", keys: &[
            key("groups", Takes::Int(1, MAX_WIDTH), Required, "groups of neighbouring channels, divides the channels"),
            epsilon(1e-5),
            ACTIVATION,
        ] },
        Variant { kind: "global_avg_pool", keys: &[] },
        Variant { kind: "adaptive_avg_pool2d", keys: ADAPTIVE },
        Variant { kind: "adaptive_max_pool2d", keys: ADAPTIVE },
        Variant { kind: "softmax", keys: &[] },
        Variant { kind: "log_softmax", keys: &[] },
        Variant { kind: "add", keys: &[] },
        Variant { kind: "mul", keys: &[] },
        Variant { kind: "block", keys: &[
            key("block", Takes::Text, Required, "the name of a block, whose layers stand here"),
            WITH,
        ] },
    ],
};
