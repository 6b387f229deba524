//! Files that are wrong: every mistake, at its place, with what to do.

use super::*;

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_text() {
    let text = "\
sede = 1
[data]
source = \"digit\"
validation = 1.0
[train]
batch = 0
epoch = 3
shuffle = \"false\"
[optimizer]
kind = \"adam\"
momentum = 0.9
learning_rate = nan
[[layer]]
kind = \"conv2d\"
kernel = [3, 3, 3]
filters = 8
[[layer]]
kind = \"dence\"
[[layer]]
kind = \"dense\"
";
    let expected = [
        "1: `sede`: unknown key `sede` in the top of the file; did you mean `seed`?; ",
        "3: `\"digit\"`: `source` must be one of digits, idx, cifar10, images, csv, npy, text, not \"digit\"; did you mean \"digits\"?; ",
        "4: `1.0`: `validation` must be a number of at least 0 and below 1, not 1.0; too large; ",
        "6: `0`: `batch` must be a whole number from 1 to 65536, not 0; too small; ",
        "7: `epoch`: unknown key `epoch` in [train]; did you mean `epochs`?; ",
        "8: `\"false\"`: `shuffle` must be true or false, not \"false\"; this is text; write false without quotes",
        "11: `momentum`: `momentum` belongs to sgd and rmsprop, not adam; not known here; remove it, or change `kind`",
        "12: `nan`: `learning_rate` must be a number above 0, not nan; not a finite number; ",
        "15: `[3, 3, 3]`: `kernel` must be a whole number from 1 to 1024, or two of them as [height, width], not [3, 3, 3]; a list of 3; give [height, width], or one number for both",
        "16: `filters`: unknown key `filters` in layer 1; did you mean `out_channels`?; ",
        "18: `\"dence\"`: `kind` must be one of KINDS, not \"dence\"; did you mean \"dense\"?; ",
        "19: `[[layer]]`: `out_features` is missing in layer 3; needs `out_features`; add `out_features = …`, a whole number from 1 to 1048576",
    ];
    let kinds: Vec<&str> = keys::LAYER.variants.iter().map(|v| v.kind).collect();
    let expected = expected.map(|line| line.replace("KINDS", &kinds.join(", ")));
    let found = mistakes(text);
    assert_eq!(found, expected, "{found:#?}");
}

#[test]
fn a_syntax_error_is_reported_alone_and_at_its_place() {
    let text = SMALL.replace("\"sgd\"", "sgd") + "nonsense = 0\n";
    let found = mistake(&text);
    assert!(
        found.starts_with("4: `sgd`: invalid TOML: string values must be quoted"),
        "{found}"
    );
    assert!(
        found.ends_with("put text in double quotes: \"like this\""),
        "{found}"
    );
}

#[test]
fn a_key_that_is_there_twice_is_one_mistake_among_the_others() {
    let text = SMALL.replace(
        "kind = \"sgd\"",
        "kind = \"sgd\"\nkind = \"adam\"\nmomentum = 2",
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("5: `kind`: a key or table is there twice"),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("6: `2`: `momentum` must be"),
        "{found:#?}"
    );
}

#[test]
fn an_empty_file_lacks_its_three_tables() {
    for text in ["", "\n \n", "# nothing\n"] {
        let found = mistakes(text);
        let said = |i: usize, what: &str| found[i].contains(what);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(
            said(0, "[data] is") && said(1, "[optimizer] is") && said(2, "[[layer]] is"),
            "{found:#?}"
        );
    }
}

#[test]
fn every_required_key_is_missed_when_it_is_dropped() {
    for required in [
        "source = \"idx\"",
        "kind = \"sgd\"",
        "out_channels = 6",
        "kernel = [3, 5]",
        "kernel = 2",
        "kind = \"flatten\"",
        "out_features = 12",
    ] {
        // With `path` the source has a default.
        let text = full(FULL[0]).replace("path = \"some/folder\"\n", "");
        assert!(text.contains(required), "{required}");
        let found = mistake(&text.replacen(&format!("{required}\n"), "", 1));
        let (key, _) = required.split_once(' ').unwrap();
        assert!(
            found.contains(&format!("`{key}` is missing in ")),
            "{found}"
        );
    }
}

#[test]
fn every_key_with_a_slip_is_one_mistake_that_knows_what_was_meant() {
    for text in all_full() {
        for (i, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once(" = ") else {
                continue;
            };
            let slip = format!("{key}x");
            let with_slip: Vec<_> = text
                .lines()
                .enumerate()
                .map(|(j, l)| {
                    if i == j {
                        format!("{slip} = {value}")
                    } else {
                        l.to_owned()
                    }
                })
                .collect();
            let found = mistake(&with_slip.join("\n"));
            let start = format!("{}: `{slip}`: unknown key `{slip}` in ", i + 1);
            assert!(found.starts_with(&start), "{found}");
            assert!(found.contains(&format!("did you mean `{key}`?")), "{found}");
        }
    }
}

#[test]
fn every_value_of_a_wrong_type_is_one_mistake_at_the_value() {
    for text in all_full() {
        for (i, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once(" = ") else {
                continue;
            };
            for value in ["1979-05-27", "{ a = 1 }", "[[]]", "\"\\u0000\""] {
                let changed: Vec<_> = text
                    .lines()
                    .enumerate()
                    .map(|(j, l)| {
                        if i == j {
                            format!("{key} = {value}")
                        } else {
                            l.to_owned()
                        }
                    })
                    .collect();
                let is_text = ["path", "target", "weight", "text", "init_from"].contains(&key)
                    && value.starts_with('"');
                if is_text || (key == "class_weights" && value.starts_with('{')) {
                    continue;
                }
                let found = mistake(&changed.join("\n"));
                assert!(found.starts_with(&format!("{}: `", i + 1)), "{found}");
                assert!(
                    found.contains(&format!("`{key}` must be")) || found.contains("`name` must"),
                    "{found}"
                );
                assert!(!found.contains('\0'), "{found}");
            }
        }
    }
}

#[test]
fn misspelt_tables_are_one_mistake_each() {
    for (right, slip) in [
        ("[data]", "[dat]"),
        ("[optimizer]", "[optimiser]"),
        ("[[layer]]", "[[layers]]"),
    ] {
        let found = mistake(&SMALL.replace(right, slip));
        assert!(
            found.contains(&format!(
                "did you mean `{}`?",
                right.trim_matches(['[', ']'])
            )),
            "{found}"
        );
    }
    let found = mistake(
        "[data]\nsource = \"idx\"\n[optimizer]\nkind = \"sgd\"\n[layer]\nkind = \"dense\"\n",
    );
    assert!(
        found.contains("write [[layer]], in two brackets"),
        "{found}"
    );
    let found = mistake(&format!("train = 3\n{SMALL}"));
    assert!(
        found.starts_with("1: `3`: `train` must be a table"),
        "{found}"
    );
}

#[test]
fn a_key_of_another_table_is_sent_home() {
    let found = mistake_with("[data]", "batch = 3");
    assert!(found.contains("`batch` belongs to [train]"), "{found}");
    let found = mistake_with("[optimizer]", "seed = 3");
    assert!(
        found.contains("`seed` belongs to the top of the file"),
        "{found}"
    );
    let found = mistake_with("kind = \"dense\"", "kernel = 3");
    assert!(
        found.contains("`kernel` belongs to conv2d, conv1d, conv_transpose2d, max_pool2d, avg_pool2d, max_pool1d and avg_pool1d, not dense"),
        "{found}"
    );
    let found = mistake_with("[optimizer]", "beta1 = 0.9");
    assert!(
        found.contains("`beta1` belongs to adam, adamw and lion, not sgd"),
        "{found}"
    );
    let found = mistake_with("[data]", "colour = 3");
    assert!(
        found.ends_with(
            "not known here; keys of [data]: source, path, task, test, validation, split, divide_by, normalize, mean, std, \
             stream, class_weights, augment, size, channels, target, weight, ignore, categorical, categories, missing, text, tokens, max_tokens, max_vocabulary, context, \
             stride"
        ),
        "{found}"
    );
}

#[test]
fn numbers_out_of_range_are_refused_at_their_place() {
    for (after, line, label) in [
        ("[data]", "validation = -0.1", "too small"),
        ("[data]", "validation = 0.99999999999", "too large"),
        ("[data]", "std = 0", "too small"),
        ("[data]", "mean = [0.0, inf]", "not a finite number"),
        ("[data]", "mean = []", "an empty list"),
        ("[data]", "divide_by = 1e-300", "too small"),
        (
            "[data]",
            "path = \"x\"",
            "the digits are inside the program",
        ),
        ("[optimizer]", "learning_rate = 0", "too small"),
        (
            "[optimizer]",
            "learning_rate = 1e999",
            "not a finite number",
        ),
        (
            "[optimizer]",
            "learning_rate = \"0.1\"",
            "write 0.1 without quotes",
        ),
        ("[optimizer]", "momentum = 1", "too large"),
        (
            "[optimizer]",
            "nesterov = true",
            "nothing to look ahead along",
        ),
        (
            "[optimizer]",
            "weight_decay = 123456789012345678901234567890123456789012345",
            "not a finite number",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"step\"\nevery = 0",
            "too small",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"multi_step\"\nmilestones = []",
            "a list of 0",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"multi_step\"\nmilestones = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
            "a list of 9",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"multi_step\"\nmilestones = [1, 2.5]",
            "this is a number with a fraction",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"multi_step\"\nmilestones = 30",
            "write it in brackets",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"multi_step\"\nmilestones = [9, 2]",
            "not in order",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"cosine\"\nmin_learning_rate = 0.1",
            "the curve goes down to it",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"one_cycle\"\npct_start = 1",
            "too large",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"StepLR\"",
            "did you mean \"step\"?",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"cosine\"\nT_max = 3",
            "did you mean `period`?",
        ),
        (
            "kind = \"sgd\"",
            "[schedule]\nkind = \"cosine\"\ngamma = 0.1",
            "`gamma` belongs to step, multi_step and exponential, not cosine",
        ),
        ("kind = \"dense\"", "name = \"7\"", "not a layer's name"),
        ("kind = \"dense\"", "name = \"a.b\"", "not a layer's name"),
        ("kind = \"dense\"", "name = \"flatten1\"", "not unique"),
        (
            "kind = \"dense\"",
            "activation = \"Relu\"",
            "did you mean \"relu\"?",
        ),
    ] {
        let found = mistake_with(after, line);
        assert!(found.contains(label), "{line}: {found}");
    }
    for (value, label) in [
        ("-1", "too small"),
        ("0", "too small"),
        ("1048577", "too large"),
        ("18446744073709551616", "too large"),
        ("-9223372036854775809", "too small"),
        (
            "0xffffffffffffffffffffffffffffffffffffffffff",
            "out of range",
        ),
        ("10.0", "write 10"),
        ("10.5", "this is a number with a fraction"),
        ("\"10\"", "write 10 without quotes"),
        ("nan", "this is a number with a fraction"),
    ] {
        let found =
            mistake(&SMALL.replace("out_features = 10", &format!("out_features = {value}")));
        assert!(
            found.starts_with(&format!("9: `{value}`: `out_features` must")),
            "{found}"
        );
        assert!(found.contains(label), "{found}");
    }
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    let with = |layer: &str| SMALL.replace("kind = \"flatten\"", layer);
    for (text, place, message) in [
        (
            SMALL.replace("[optimizer]", "[train]\nepochs = 1\nsteps = 2\n[optimizer]"),
            "5: `2`",
            "are both given",
        ),
        (
            SMALL.replace(
                "[optimizer]",
                "[train]\nloss = \"mse\"\nlabel_smoothing = 0.1\n[optimizer]",
            ),
            "5: `0.1`",
            "belongs to loss cross_entropy, not mse",
        ),
        (
            SMALL.replace("[optimizer]", "[train]\nhuber_delta = 0.1\n[optimizer]"),
            "4: `0.1`",
            "belongs to loss huber, not cross_entropy",
        ),
        (
            SMALL.replace("\"sgd\"", "\"sgd\"\nclip_norm = 1\nclip_value = 1"),
            "6: `1`",
            "are both given",
        ),
        (
            SMALL.replace(
                "[optimizer]",
                "[train]\nbatch = 4000\nmicro_batch = 15\n[optimizer]",
            ),
            "5: `15`",
            "at least 16 fit",
        ),
        (
            SMALL.replace("[optimizer]", "[train]\nmicro_batch = \"all\"\n[optimizer]"),
            "4: `\"all\"`",
            "or \"auto\"",
        ),
        (
            format!("{SMALL}[[param]]\nmatch = \"a\"\nfreeze = true\nlr_scale = 0.5\n"),
            "13: `0.5`",
            "has no effect",
        ),
        (
            format!("{SMALL}[[param]]\nmatch = \"\"\n"),
            "11: `\"\"`",
            "no pattern",
        ),
        (
            format!("{SMALL}[[param]]\nfreeze = true\n"),
            "10: `[[param]]`",
            "`match` is missing in param 1",
        ),
        (
            format!("param = 3\n{SMALL}"),
            "1: `3`",
            "`param` must be a list of tables",
        ),
        (
            format!("{SMALL}[average]\nkind = \"ema\"\nbegin = 3\n"),
            "12: `begin`",
            "`begin` belongs to swa, not ema",
        ),
        (
            format!(
                "{SMALL}[[layer]]\nkind = \"sigmoid\"\n[train]\nloss = \"binary_cross_entropy\"\n"
            ),
            "11: `\"sigmoid\"`",
            "applies sigmoid itself",
        ),
        (
            format!("{SMALL}activation = \"sigmoid\"\n[train]\nloss = \"binary_cross_entropy\"\n"),
            "10: `\"sigmoid\"`",
            "remove this activation",
        ),
        (
            format!("{SMALL}[[layer]]\nkind = \"softmax\"\n"),
            "11: `\"softmax\"`",
            "takes logits",
        ),
        (
            format!("{SMALL}[[layer]]\nkind = \"log_softmax\"\n"),
            "11: `\"log_softmax\"`",
            "takes logits",
        ),
        (
            with("kind = \"max_pool2d\"\nkernel = 3\npadding = [1, 2]"),
            "8: `[1, 2]`",
            "at most half",
        ),
        (
            with("kind = \"conv2d\"\nkernel = 3\nout_channels = 8\ngroups = 3"),
            "9: `3`",
            "do not divide",
        ),
        (
            with("kind = \"embedding\"\nnum_embeddings = 5\nembedding_dim = 4\npadding_idx = 5"),
            "9: `5`",
            "must be one of 5 tokens",
        ),
        (
            SMALL.replace("[optimizer]", "mean = [0, 0]\nstd = [1, 1, 1]\n[optimizer]"),
            "4: `[1, 1, 1]`",
            "`mean` has 2",
        ),
    ] {
        let found = mistake(&text);
        assert!(
            found.starts_with(place) && found.contains(message),
            "{found}"
        );
    }
    let text = format!("{SMALL}[[layer]]\nkind = \"softmax\"\n[train]\nloss = \"mse\"\n");
    assert_eq!(right(&text).layers[2].kind, LayerKind::Softmax);
}

#[test]
fn names_of_runs_are_names_of_folders() {
    for name in [
        "", ".", "..", "a/b", "a\\\\b", "a\\u0000", ".hidden", "x.", "-x", "NUL", "com1.x", "a:b",
    ] {
        let found = mistake(&format!("name = \"{name}\"\n{SMALL}"));
        assert!(
            found.starts_with("1: `\"") && found.contains("not a folder's name"),
            "{found}"
        );
    }
    for (file, name) in [
        ("a/b/net.toml", "net"),
        ("a\\net.v2.toml", "net.v2"),
        ("net", "net"),
        ("", "run"),
        ("..", "run"),
        (".toml", "run"),
        ("a?b.toml", "a-b"),
    ] {
        assert_eq!(parse(file, SMALL, &[]).unwrap().name, name, "{file}");
    }
}

#[test]
fn what_steers_a_training_is_checked_like_everything_else() {
    let with = |tables: &str| mistake(&format!("{tables}{SMALL}"));
    for wrong in ["10", "0 steps", "soon"] {
        let found = with(&format!("[checkpoint]\nevery = \"{wrong}\"\n"));
        assert!(
            found.starts_with(&format!(
                "2: `\"{wrong}\"`: `every` must be a number with a unit"
            )),
            "{found}"
        );
    }
    let found = with("[early_stopping]\nmonitor = \"val_loss\"\n");
    assert!(
        found.contains("did you mean \"validation_loss\"?"),
        "{found}"
    );
    let found = with(
        "[checkpoint]\nbest = \"train_loss\"\n[early_stopping]\nmonitor = \"validation_accuracy\"\n",
    );
    assert!(found.contains("another metric"), "{found}");
    let found = with("[early_stoping]\npatience = 3\n");
    assert!(found.contains("did you mean `early_stopping`?"), "{found}");
    let found = with("[checkpoint]\nevery = \"10m\"\non_nan = \"rollback\"\n");
    assert!(
        found.starts_with("2: `\"10m\"`: ") && found.contains("fixed steps"),
        "{found}"
    );
}
