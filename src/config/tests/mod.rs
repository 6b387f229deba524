//! Tests of the whole room: text in, configuration or mistakes out.

use super::*;

mod blocks;
mod hostile;
mod layers;
mod mistakes;
mod overrides;
mod reading;
mod sources;

/// A small file that is right.
pub(super) const SMALL: &str = "\
[data]
source = \"digits\"
[optimizer]
kind = \"sgd\"
[[layer]]
kind = \"flatten\"
[[layer]]
kind = \"dense\"
out_features = 10
";

/// A file with every key that goes together, for each optimizer.
const FULL: [&str; 5] = [
    "kind = \"sgd\"\nlearning_rate = 0.1\nmomentum = 0.9\nnesterov = true\nweight_decay = 1e-4\nclip_norm = 2.5",
    "kind = \"adam\"\nlearning_rate = 0.1\nbeta1 = 0.8\nbeta2 = 0.9\nepsilon = 1e-7\nweight_decay = 0.1",
    "kind = \"adamw\"\nlearning_rate = 0.1\nbeta1 = 0.8\nbeta2 = 0.9\nepsilon = 1e-7\nweight_decay = 0.1",
    "kind = \"rmsprop\"\nlearning_rate = 0.1\nalpha = 0.8\nepsilon = 1e-7\nmomentum = 0.5\ncentered = true\nweight_decay = 0.1",
    "kind = \"lion\"\nlearning_rate = 0.1\nbeta1 = 0.8\nbeta2 = 0.9\nweight_decay = 0.1\nclip_value = 0.25",
];

/// The keys of every schedule, for a learning rate of 0.01 and above.
const SCHEDULES: [&str; 8] = [
    "kind = \"constant\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"step\"\nevery = 3\ngamma = 0.5\nunit = \"step\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"multi_step\"\nmilestones = [3, 5, 5]\ngamma = 0.5\nunit = \"step\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"exponential\"\ngamma = 1.5\nunit = \"step\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"cosine\"\nperiod = 7\nmin_learning_rate = 0.01\nunit = \"epoch\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"cosine_restarts\"\nperiod = 7\nmultiply = 3\nmin_learning_rate = 0.01\nunit = \"epoch\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"one_cycle\"\nperiod = 9\npct_start = 0.25\ndiv_factor = 2\nfinal_div_factor = 3\nanneal = \"linear\"\nwarmup = 5\nwarmup_from = 0.5",
    "kind = \"reduce_on_plateau\"\nfactor = 0.5\npatience = 3\nthreshold = 0.01\ncooldown = 2\nmin_learning_rate = 0.01\nwarmup = 5\nwarmup_from = 0.5",
];

/// The full file, once for each optimizer, for each schedule and for each source of data.
pub(super) fn all_full() -> Vec<String> {
    let with_schedule = |schedule: &str| full(&format!("{}\n[schedule]\n{schedule}", FULL[0]));
    let begin = full(FULL[0]).find("source").unwrap();
    let end = full(FULL[0]).find("[train]").unwrap();
    let of_source = |data: &str| {
        let mut text = full(FULL[0]);
        text.replace_range(begin..end, data);
        text
    };
    let of_optimizers = FULL.into_iter().map(full);
    of_optimizers
        .chain(SCHEDULES.into_iter().map(with_schedule))
        .chain(SOURCES.into_iter().map(of_source))
        .collect()
}

fn full(optimizer: &str) -> String {
    format!(
        "name = \"all keys\"
seed = 7
init_from = \"runs/first\"
init = \"kaiming_normal\"
[data]
source = \"idx\"
path = \"some/folder\"
validation = 0.25
split = \"random\"
divide_by = 2.5
normalize = \"none\"
stream = \"never\"
mean = [0.1, 0.2, 0.3]
std = 0.5
[train]
batch = 16
accumulate = 2
micro_batch = 8
epochs = 3
shuffle = false
loss = \"cross_entropy\"
label_smoothing = 0.1
[optimizer]
{optimizer}
[average]
kind = \"swa\"
begin = 3
every = 2
[[param]]
match = \"stem\"
init_scale = 0.25
lr_scale = 0.5
decay_scale = 0.0
[[param]]
match = \"dense?.*\"
freeze = true
[checkpoint]
every = \"3 epochs\"
keep = 5
best = \"validation_loss\"
on_nan = \"rollback\"
rollback_factor = 0.25
rollbacks = 5
[early_stopping]
monitor = \"validation_loss\"
patience = 7
min_delta = 0.001
restore_best = false
[[layer]]
kind = \"conv2d\"
name = \"stem\"
out_channels = 6
kernel = [3, 5]
stride = [1, 2]
padding = 1
dilation = 2
groups = 3
bias = false
activation = \"relu\"
[[layer]]
kind = \"max_pool2d\"
kernel = [2, 3]
stride = 1
padding = [1, 0]
[[layer]]
kind = \"avg_pool2d\"
kernel = 2
[[layer]]
kind = \"upsample\"
scale = [2, 3]
mode = \"bilinear\"
[[layer]]
kind = \"conv_transpose2d\"
out_channels = 4
kernel = 3
stride = 2
padding = 1
output_padding = 1
dilation = 1
groups = 2
bias = false
activation = \"relu\"
[[layer]]
kind = \"pad\"
height = [1, 2]
width = [3]
time = [4, 5]
channels = [6, 7]
[[layer]]
kind = \"slice\"
axis = \"height\"
begin = 1
step = 2
size = 3
[[layer]]
kind = \"concat\"
axis = \"width\"
inputs = [\"slice1\", \"slice1\"]
[[layer]]
kind = \"conv1d\"
out_channels = 6
kernel = 3
stride = 2
padding = 1
dilation = 3
groups = 2
bias = false
activation = \"relu\"
[[layer]]
kind = \"max_pool1d\"
kernel = 3
stride = 2
padding = 1
[[layer]]
kind = \"avg_pool1d\"
kernel = 2
[[layer]]
kind = \"flatten\"
[[layer]]
kind = \"dense\"
out_features = 12
bias = true
activation = \"tanh\"
[[layer]]
kind = \"sigmoid\"
[[layer]]
kind = \"batch_norm\"
epsilon = 1e-4
momentum = 0.2
activation = \"relu\"
[[layer]]
kind = \"embedding\"
num_embeddings = 70
embedding_dim = 12
padding_idx = 3
[[layer]]
kind = \"position_embedding\"
init = \"normal\"
[[layer]]
kind = \"attention\"
heads = 3
causal = true
rotary = true
bias = false
[[layer]]
kind = \"rnn\"
hidden = 9
layers = 2
nonlinearity = \"relu\"
return = \"last\"
[[layer]]
kind = \"lstm\"
hidden = 9
init = \"pytorch\"
[[layer]]
kind = \"gru\"
hidden = 9
[[layer]]
kind = \"gelu\"
approximate = \"tanh\"
[[layer]]
kind = \"leaky_relu\"
slope = 0.25
[[layer]]
kind = \"elu\"
alpha = 0.5
[[layer]]
kind = \"silu\"
[[layer]]
kind = \"softplus\"
[[layer]]
kind = \"layer_norm\"
epsilon = 1e-4
bias = false
[[layer]]
kind = \"rms_norm\"
affine = false
[[layer]]
kind = \"group_norm\"
groups = 3
activation = \"silu\"
[[layer]]
kind = \"dropout\"
p = 0.25
[[layer]]
kind = \"dropout2d\"
[[layer]]
kind = \"global_avg_pool\"
[[layer]]
kind = \"adaptive_avg_pool2d\"
output = [2, 3]
[[layer]]
kind = \"adaptive_max_pool2d\"
output = 2
[[layer]]
kind = \"dense\"
out_features = 10
"
    )
}

/// The tables `[data]` of other sources with all their keys.
const SOURCES: [&str; 4] = [
    "source = \"images\"\npath = \"p\"\ntest = 0.1\nvalidation = 0.2\nsplit = \"tail\"\ndivide_by = 2.5\n\
     normalize = \"standard\"\nclass_weights = \"balanced\"\nsize = [7, 9]\nchannels = 3\n",
    "source = \"csv\"\npath = \"p\"\ntask = \"classification\"\ntest = 0.1\nvalidation = 0.2\nsplit = \"random\"\n\
     divide_by = 2.5\nnormalize = \"none\"\ntarget = \"y\"\nweight = \"w\"\nignore = [\"a\", \"b\"]\n\
     categorical = [\"c\"]\ncategories = \"ordinal\"\nmissing = \"fill\"\n",
    "source = \"csv\"\ntext = \"review\"\ntokens = \"characters\"\nmax_tokens = 99\nmax_vocabulary = 500\nmissing = \"drop\"\n",
    "source = \"text\"\npath = \"p\"\ntest = 0.1\nvalidation = 0.2\ncontext = 32\nstride = 8\n",
];

fn right(text: &str) -> Config {
    parse("nets/small.toml", text, &[]).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

fn set(text: &str, overrides: &[&str]) -> Result<Config> {
    let overrides: Vec<String> = overrides.iter().map(|&o| o.to_owned()).collect();
    parse("small.toml", text, &overrides)
}

fn wrong(read: Result<Config>) -> SourceErrors {
    match read {
        Err(Error::Source(errors)) => *errors,
        other => panic!("expected mistakes, not {other:?}"),
    }
}

/// Every mistake as "line: `text at the place`: message; label; help".
fn lines(errors: &SourceErrors) -> Vec<String> {
    let line = |d: &Diagnostic| {
        let (line, _) = errors.line_column(d.span.start);
        let at = &errors.text[d.span.clone()];
        format!("{line}: `{at}`: {}; {}; {}", d.message, d.label, d.help)
    };
    errors.diagnostics.iter().map(line).collect()
}

fn mistakes(text: &str) -> Vec<String> {
    lines(&wrong(parse("small.toml", text, &[])))
}

/// The one mistake of a text.
#[track_caller]
fn mistake(text: &str) -> String {
    let mut all = mistakes(text);
    assert_eq!(all.len(), 1, "one mistake in\n{text}\n{all:#?}");
    all.remove(0)
}

/// The one mistake of the small file with a line put behind a header or another line.
#[track_caller]
fn mistake_with(after: &str, line: &str) -> String {
    assert!(SMALL.contains(after), "{after}");
    mistake(&SMALL.replacen(after, &format!("{after}\n{line}"), 1))
}
