//! Files that are right: defaults, names, and writing them again.

use super::super::keys::{self, Fallback, Key};
use super::*;

#[test]
fn a_small_file_gets_every_default() {
    let config = right(SMALL);
    assert_eq!(config.name, "small");
    assert_eq!(config.seed, 0);
    let data = Data {
        source: DataSource::Digits,
        path: None,
        task: Task::Classification,
        test: 0.2,
        validation: 0.0,
        split: Split::Tail,
        divide_by: 240.0,
        normalize: Normalize::None,
        mean: None,
        std: None,
        stream: Streaming::Auto,
        augment: None,
        class_weights: None,
        images: Images::default(),
        table: Table::default(),
        text: Text {
            context: 64,
            stride: 64,
        },
    };
    assert_eq!(config.data, data);
    let loss = Loss::CrossEntropy {
        label_smoothing: 0.0,
    };
    let train = Train {
        batch: 32,
        accumulate: 1,
        micro_batch: MicroBatch::Whole,
        length: Length::Epochs(1),
        shuffle: true,
        loss,
        precision: Precision::F32,
    };
    assert_eq!(config.train, train);
    let sgd = Sgd {
        learning_rate: 0.01,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    assert_eq!(config.optimizer, Optimizer::Sgd(sgd));
    assert_eq!(config.schedule, Schedule::default());
    assert_eq!((config.clip, config.average), (None, None));
    assert_eq!(config.params, []);
    let names: Vec<_> = config.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["flatten1", "dense1"]);
    let dense = Dense {
        out_features: 10,
        bias: true,
        activation: None,
        init: Initializer::Auto,
    };
    assert_eq!(config.layers[1].kind, LayerKind::Dense(dense));
    for layer in &config.layers {
        let kind = format!("kind = \"{}\"", layer.kind.word());
        assert_eq!(config.source.text[layer.span.clone()], kind);
    }
}

#[test]
fn adam_and_adamw_have_the_defaults_of_pytorch() {
    for (kind, weight_decay) in [("adam", 0.0), ("adamw", 0.01)] {
        let adam = Adam {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
        };
        let config = right(&SMALL.replace("sgd", kind));
        match config.optimizer {
            Optimizer::Adam(read) | Optimizer::AdamW(read) => assert_eq!(read, adam, "{kind}"),
            other => panic!("{kind} is not {other:?}"),
        }
    }
}

#[test]
fn a_path_alone_means_idx() {
    let config = right(&SMALL.replace("source = \"digits\"", "path = \"mnist\""));
    assert_eq!(config.data.source, DataSource::Idx);
    assert_eq!(config.data.divide_by, 255.0);
}

#[test]
fn the_shipped_networks_are_what_they_say() {
    let [digits, mlp, cnn, fast, resnet] =
        SHIPPED.map(|(name, text)| parse(name, text, &[]).unwrap_or_else(|e| panic!("{e}")));
    assert_eq!((digits.name.as_str(), digits.seed), ("digits", 1));
    assert_eq!(digits.data.source, DataSource::Digits);
    assert_eq!(mlp.train.length, Length::Steps(1000));
    assert_eq!(mlp.layers.len(), 3);
    assert_eq!(cnn.data.split, Split::Tail);
    assert_eq!(fast.data.validation, 0.0);
    // Nine blocks of two convolutions, the first one, and the dense layer.
    let convs = resnet.layers.iter();
    let convs = convs.filter(|l| matches!(l.kind, LayerKind::Conv2d(_)));
    assert_eq!(convs.count(), 19);
    assert!(
        matches!(&cnn.optimizer, Optimizer::Adam(a) if a.epsilon == 1e-7),
        "{cnn:?}"
    );
    let names: Vec<_> = cnn.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "conv1", "pool1", "conv2", "pool2", "conv3", "flatten1", "dense1", "dense2"
        ]
    );
}

#[test]
fn to_toml_is_read_as_an_equal_configuration() {
    let mut texts: Vec<String> = SHIPPED.iter().map(|(_, text)| (*text).to_owned()).collect();
    texts.extend(all_full());
    texts.push(format!("seed = {}\nname = \"a'b é\"\n{SMALL}", u64::MAX));
    for train in [
        "loss = \"mse\"\nsteps = 9",
        "loss = \"mae\"",
        "loss = \"huber\"\nhuber_delta = 0.5",
        "loss = \"binary_cross_entropy\"\nmicro_batch = \"auto\"",
    ] {
        texts.push(SMALL.replace("[optimizer]", &format!("[train]\n{train}\n[optimizer]")));
    }
    texts.push(format!("{SMALL}[average]\nkind = \"ema\"\ndecay = 0.5\n"));
    for text in texts {
        let config = right(&text);
        let written = config.to_toml();
        let again = parse("other.toml", &written, &[]).unwrap_or_else(|e| panic!("{written}\n{e}"));
        assert_eq!(again, config, "{written}");
        assert_eq!(again.to_toml(), written, "writing is stable");
    }
}

/// Keys of the tables that `config` has, with a fixed default.
fn fixed(keys: &'static [Key]) -> impl Iterator<Item = &'static Key> {
    keys.iter()
        .filter(|k| !matches!(k.default, Fallback::Rule(_)))
}

#[test]
fn to_toml_writes_every_key_of_the_tables() {
    for (optimizer, variant) in FULL.iter().zip(keys::OPTIMIZER.variants) {
        let written = right(&full(optimizer)).to_toml();
        let mut all: Vec<&Key> = vec![&keys::TOP[0], &keys::TOP[1]];
        // Of the numbers of the losses only those of the one in the file.
        let of_other_losses = |key: &&Key| key.name != "huber_delta";
        all.extend(fixed(keys::DATA).filter(|key| keys::has(DataSource::Idx, key.name)));
        all.extend(fixed(keys::TRAIN).filter(of_other_losses));
        all.extend(keys::PARAM);
        all.extend(keys::CHECKPOINT.iter().chain(keys::EARLY_STOPPING));
        all.extend(variant.keys);
        // Blocks are written out.
        let kinds = keys::LAYER.variants.iter().filter(|v| v.kind != "block");
        all.extend(kinds.flat_map(|v| v.keys));
        for key in all {
            assert!(
                written.contains(&format!("\n{} = ", key.name)) || written.starts_with(key.name),
                "{}\n{written}",
                key.name
            );
        }
    }
}

#[test]
fn to_toml_writes_every_key_of_every_schedule() {
    for (text, variant) in all_full()[FULL.len()..].iter().zip(keys::SCHEDULE.variants) {
        let written = right(text).to_toml();
        let (_, schedule) = written.split_once("\n[schedule]\n").unwrap();
        for key in keys::SCHEDULE.common.iter().chain(variant.keys) {
            let line = format!("{} = ", key.name);
            assert!(
                schedule.starts_with(&line) || schedule.contains(&format!("\n{line}")),
                "{line}\n{written}"
            );
        }
    }
}

#[test]
fn defaults_in_the_tables_are_themselves_allowed() {
    let sections = keys::DATA.iter().chain(keys::TRAIN).chain(keys::TOP);
    for key in sections
        .chain(keys::OPTIMIZER.keys())
        .chain(keys::SCHEDULE.keys())
        .chain(keys::AVERAGE.keys())
        .chain(keys::PARAM)
        .chain(keys::CHECKPOINT)
        .chain(keys::EARLY_STOPPING)
        .chain(keys::LAYER.keys())
    {
        use keys::Takes;
        let fits = match (key.default, key.takes) {
            (Fallback::Int(d), Takes::Int(min, max) | Takes::Size(min, max)) => {
                (min..=max).contains(&d)
            }
            (Fallback::Float(d), Takes::Float(b)) => (b.min..=b.max).contains(&d),
            (Fallback::Bool(_), Takes::Bool) => true,
            (Fallback::Word(d), Takes::Text) => d.parse::<Every>().is_ok(),
            (Fallback::Word(d), Takes::Choice(words)) => words().contains(&d),
            (Fallback::Required | Fallback::Rule(_), _) => true,
            _ => false,
        };
        assert!(fits && !key.doc.is_empty(), "{key:?}");
    }
}

#[test]
fn rmsprop_has_the_defaults_of_pytorch_and_lion_those_of_its_paper() {
    let rmsprop = RmsProp {
        learning_rate: 0.01,
        alpha: 0.99,
        epsilon: 1e-8,
        momentum: 0.0,
        centered: false,
        weight_decay: 0.0,
    };
    let config = right(&SMALL.replace("sgd", "rmsprop"));
    assert_eq!(config.optimizer, Optimizer::RmsProp(rmsprop));
    let lion = Lion {
        learning_rate: 1e-4,
        beta1: 0.9,
        beta2: 0.99,
        weight_decay: 0.0,
    };
    let config = right(&SMALL.replace("sgd", "lion"));
    assert_eq!(config.optimizer, Optimizer::Lion(lion));
}

#[test]
fn an_update_is_computed_in_as_many_parts_as_its_samples_take() {
    let train = |keys: &str| {
        right(&SMALL.replace("[optimizer]", &format!("[train]\n{keys}\n[optimizer]"))).train
    };
    for (keys, samples, rows, parts) in [
        ("batch = 10", 10, 10, 1),
        ("batch = 10\naccumulate = 3", 30, 10, 3),
        ("batch = 10\nmicro_batch = 4", 10, 4, 3),
        ("batch = 10\nmicro_batch = 40", 10, 10, 1),
        ("batch = 10\naccumulate = 3\nmicro_batch = 4", 30, 4, 8),
    ] {
        let train = train(keys);
        let found = (train.samples_per_update(), train.rows(), train.parts());
        assert_eq!(found, (samples, rows, parts), "{keys}");
    }
}

#[test]
fn giving_a_layer_a_name_renames_no_other() {
    let text = SMALL.replace(
        "[[layer]]\nkind = \"flatten\"",
        "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nname = \"hidden\"\nout_features = 3",
    );
    let names: Vec<_> = right(&text).layers.into_iter().map(|l| l.name).collect();
    assert_eq!(names, ["flatten1", "hidden", "dense2"]);
}

#[test]
fn later_stages_can_point_at_a_layer() {
    let config = right(SMALL);
    let error = config.error_at(
        &config.layers[1].span,
        "it does not fit",
        "here",
        "change it",
    );
    assert_eq!(
        error.to_string(),
        "nets/small.toml:8:1: it does not fit; here; change it"
    );
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_change_nothing() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(right(&text), right(SMALL));
    let found = mistake(&text.replace("= 10", "= 0"));
    assert!(found.starts_with("9: `0`: "), "{found}");
}

#[test]
fn what_a_source_is_decides_its_defaults() {
    let with = |data: &str, loss: &str| {
        right(&SMALL.replace(
            "source = \"digits\"",
            &format!("{data}\n[train]\nloss = \"{loss}\""),
        ))
        .data
    };
    let csv = with("path = \"a/b.csv\"", "mse");
    assert_eq!((csv.source, csv.task), (DataSource::Csv, Task::Regression));
    assert_eq!(
        (csv.normalize, csv.split, csv.divide_by),
        (Normalize::Standard, Split::Stratified, 1.0)
    );
    assert_eq!(
        with("path = \"a/b.csv\"", "cross_entropy").task,
        Task::Classification
    );
    let of_classes = with("source = \"csv\"\ntask = \"classification\"", "mse");
    assert_eq!(of_classes.task, Task::Classification);
    let images = with("source = \"images\"\nmean = 0.5", "mse");
    assert_eq!(
        (images.task, images.normalize),
        (Task::Classification, Normalize::None)
    );
    let idx = with("path = \"mnist\"", "mse");
    assert_eq!(
        (idx.source, idx.task, idx.split),
        (DataSource::Idx, Task::Classification, Split::Tail)
    );
}

#[test]
fn files_of_every_source_are_written_and_read_again() {
    for text in all_full() {
        let config = right(&text);
        let written = config.to_toml();
        assert_eq!(right(&written), config, "{written}");
        for line in text.lines().filter(|line| line.contains(" = ")) {
            let key = line.split(' ').next().unwrap();
            assert!(
                written.contains(&format!("{key} = ")),
                "{key} in\n{written}"
            );
        }
    }
}

#[test]
fn weights_of_classes_are_balanced_or_a_table_by_name() {
    let with = |weights: &str| {
        SMALL.replace(
            "source = \"digits\"",
            &format!("source = \"digits\"\nclass_weights = {weights}"),
        )
    };
    let table = right(&with("{ cat = 2, \"big dog\" = 0.5 }"));
    let expected = [("big dog".to_owned(), 0.5), ("cat".to_owned(), 2.0)];
    let Some(ClassWeights::Table(mut weights)) = table.data.class_weights.clone() else {
        panic!("{:?}", table.data)
    };
    weights.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(weights, expected);
    assert_eq!(right(&table.to_toml()), table);
    let balanced = right(&with("\"balanced\""));
    assert_eq!(balanced.data.class_weights, Some(ClassWeights::Balanced));
    assert_eq!(right(&balanced.to_toml()), balanced);
    for (weights, word) in [
        ("\"balance\"", "did you mean"),
        ("{}", "must be"),
        ("{ a = -1 }", "too small"),
        ("{ a = \"x\" }", "this is text"),
        ("[1, 2]", "this is a list"),
    ] {
        let found = mistake(&with(weights));
        assert!(found.contains(word), "{found}");
    }
}

#[test]
fn changes_of_pictures_have_a_table_of_their_own() {
    let with = |augment: &str| {
        SMALL.replace(
            "[optimizer]",
            &format!("[data.augment]\n{augment}\n[optimizer]"),
        )
    };
    let config = right(&with("shift = 2\nflip = \"both\"\nrotate = 15"));
    let augment = config.data.augment.clone().unwrap();
    assert_eq!(
        (augment.shift, augment.flip, augment.rotate, augment.scale),
        (2, Flip::Both, 15.0, 0.0)
    );
    assert_eq!(right(&config.to_toml()), config);
    let set = set(SMALL, &["data.augment.cutout=3"]).unwrap();
    assert_eq!(set.data.augment.unwrap().cutout, 3);
    let mixed = right(&with("mixup = 0.2")).data.augment.unwrap();
    assert_eq!((mixed.mixup, mixed.changes_pictures()), (0.2, false));
    assert!(config.data.augment.unwrap().changes_pictures(), "it shifts");
    for (line, word) in [
        ("rotate = 91", "too large"),
        ("mixup = 9", "too large"),
        ("flip = \"sideways\"", "must be one of none"),
        ("shfit = 1", "did you mean `shift`?"),
    ] {
        let found = mistake(&with(line));
        assert!(found.contains(word), "{found}");
    }
    let csv = with("shift = 1").replace("\"digits\"", "\"csv\"");
    assert!(
        mistake(&csv).contains("belongs to source"),
        "tables have no pictures"
    );
}
