//! "Did you mean …?": the nearest known word, or what users of other libraries call it.

/// Words from PyTorch, Keras and common speech, and ours for them. One that is not known at the place is skipped.
#[rustfmt::skip]
const ELSEWHERE: &[(&str, &str)] = &[
    ("accumulate_grad_batches", "accumulate"),
    ("activation_function", "activation"),
    ("adamoptimizer", "adam"),
    ("adaptiveavgpool2d", "adaptive_avg_pool2d"),
    ("adaptivemaxpool2d", "adaptive_max_pool2d"),
    ("anneal_strategy", "anneal"),
    ("averagepooling2d", "avg_pool2d"),
    ("avg_pool", "avg_pool2d"),
    ("avgpool", "avg_pool2d"),
    ("batch_size", "batch"),
    ("batchnorm", "batch_norm"),
    ("batchnorm1d", "batch_norm"),
    ("batchnorm2d", "batch_norm"),
    ("batchnormalization", "batch_norm"),
    ("bce", "binary_cross_entropy"),
    ("bce_with_logits", "binary_cross_entropy"),
    ("binary_crossentropy", "binary_cross_entropy"),
    ("bn", "batch_norm"),
    ("categorical_crossentropy", "cross_entropy"),
    ("ce", "cross_entropy"),
    ("channels", "out_channels"),
    ("clip_grad_norm", "clip_norm"),
    ("clipnorm", "clip_norm"),
    ("clipvalue", "clip_value"),
    ("conv", "conv2d"),
    ("convolution", "conv2d"),
    ("cosine_annealing", "cosine"),
    ("cosine_decay", "cosine"),
    ("cosineannealinglr", "cosine"),
    ("cosineannealingwarmrestarts", "cosine_restarts"),
    ("decay", "weight_decay"),
    ("drop_prob", "p"),
    ("dropout_rate", "p"),
    ("elementwise_affine", "affine"),
    ("eps", "epsilon"),
    ("eta_min", "min_learning_rate"),
    ("exponentiallr", "exponential"),
    ("fc", "dense"),
    ("features", "out_features"),
    ("filters", "out_channels"),
    ("folder", "path"),
    ("fully_connected", "dense"),
    ("global_average_pooling", "global_avg_pool"),
    ("globalaveragepooling2d", "global_avg_pool"),
    ("gradient_accumulation_steps", "accumulate"),
    ("gradient_clip_val", "clip_norm"),
    ("groupnorm", "group_norm"),
    ("iterations", "steps"),
    ("is_causal", "causal"),
    ("kernel_size", "kernel"),
    ("l1", "mae"),
    ("l1_loss", "mae"),
    ("l2", "mse"),
    ("layernorm", "layer_norm"),
    ("layernormalization", "layer_norm"),
    ("leakyrelu", "leaky_relu"),
    ("linear", "dense"),
    ("lr", "learning_rate"),
    ("lr_mult", "lr_scale"),
    ("lr_schedule", "schedule"),
    ("lr_scheduler", "schedule"),
    ("max_pool", "max_pool2d"),
    ("maxpool", "max_pool2d"),
    ("maxpooling2d", "max_pool2d"),
    ("mean_absolute_error", "mae"),
    ("mean_squared_error", "mse"),
    ("min_lr", "min_learning_rate"),
    ("mnist", "idx"),
    ("multisteplr", "multi_step"),
    ("negative_slope", "slope"),
    ("num_groups", "groups"),
    ("onecyclelr", "one_cycle"),
    ("mha", "attention"),
    ("multi_head_attention", "attention"),
    ("multiheadattention", "attention"),
    ("n_head", "heads"),
    ("num_heads", "heads"),
    ("output_size", "output"),
    ("pool_size", "kernel"),
    ("pool", "max_pool2d"),
    ("rate", "p"),
    ("reducelronplateau", "reduce_on_plateau"),
    ("rho", "alpha"),
    ("rmsnorm", "rms_norm"),
    ("scale", "divide_by"),
    ("scheduler", "schedule"),
    ("size", "kernel"),
    ("smooth_l1", "huber"),
    ("sparse_categorical_crossentropy", "cross_entropy"),
    ("step_size", "every"),
    ("steplr", "step"),
    ("strides", "stride"),
    ("swish", "silu"),
    ("t_0", "period"),
    ("t_max", "period"),
    ("t_mult", "multiply"),
    ("total_steps", "period"),
    ("type", "kind"),
    ("units", "out_features"),
    ("use_bias", "bias"),
    ("val_acc", "validation_accuracy"),
    ("val_accuracy", "validation_accuracy"),
    ("val_loss", "validation_loss"),
    ("validation_split", "validation"),
    ("warmup_steps", "warmup"),
];

/// Longer words than this are nobody's slip.
const LONGEST: usize = 40;

/// The one of `known` that `word` probably stands for.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > LONGEST {
        return None;
    }
    let word = word.to_lowercase().replace(['-', ' '], "_");
    let known: Vec<&str> = known.into_iter().collect();
    let ours = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word);
    if let Some((_, ours)) = ours
        && let Some(found) = known.iter().find(|k| *k == ours)
    {
        return Some(found);
    }
    let allowed = |candidate: &str| match word.chars().count().min(candidate.chars().count()) {
        // A key of one letter is meant where the word begins with it.
        1 => usize::from(word.starts_with(candidate)),
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let length = word.chars().count();
    known
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed(candidate))
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= allowed(candidate))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, replacements and swaps of neighbours turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_find_the_word() {
        let known = ["epochs", "steps", "batch", "shuffle", "learning_rate"];
        for (slip, meant) in [
            ("epoch", Some("epochs")),
            ("Epochs", Some("epochs")),
            ("epcohs", Some("epochs")),
            ("bacth", Some("batch")),
            ("learning-rate", Some("learning_rate")),
            ("leraning_rate", Some("learning_rate")),
            ("lr", Some("learning_rate")),
            ("batch_size", Some("batch")),
            ("momentum", None),
            ("", None),
            ("kernel_size", None),
        ] {
            assert_eq!(nearest(slip, known), meant, "{slip}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }
}
