//! `--set`.

use super::*;

#[test]
fn overrides_are_applied_before_anything_is_checked() {
    let config = set(
        &SMALL.replace("out_features = 10\n", ""),
        &[
            "optimizer.kind=adam",
            " optimizer . learning_rate = 0x10 ",
            "layer.2.out_features=64",
            "layer.dense1.name=2nd",
            "layer.dense1.activation=\"relu\"",
            "train.steps=5",
            "name=2024-01-01",
            "data.mean=[0.5, 0.25]",
            "seed=1",
            "seed=2",
        ],
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert!(
        matches!(&config.optimizer, Optimizer::Adam(a) if a.learning_rate == 16.0),
        "{config:?}"
    );
    let dense = Dense {
        out_features: 64,
        bias: true,
        activation: Some(Activation::Relu),
        init: Initializer::Auto,
    };
    assert_eq!(config.layers[1].kind, LayerKind::Dense(dense));
    assert_eq!(config.layers[1].name, "2nd");
    assert_eq!((config.name.as_str(), config.seed), ("2024-01-01", 2));
    assert_eq!(config.train.length, Length::Steps(5));
    assert_eq!(config.data.mean, Some(vec![0.5, 0.25]));
}

#[test]
fn an_override_of_steps_puts_the_files_epochs_aside() {
    let text = SMALL.replace("[optimizer]", "[train]\nepochs = 4\n[optimizer]");
    let length = |overrides| set(&text, overrides).map(|c| c.train.length);
    assert_eq!(length(&[]).unwrap(), Length::Epochs(4));
    assert_eq!(length(&["train.steps=9"]).unwrap(), Length::Steps(9));
    let both = wrong(set(&text, &["train.steps=9", "train.epochs=2"]));
    assert_eq!(both.diagnostics.len(), 1, "{both}");
}

#[test]
fn mistakes_in_overrides_show_the_override() {
    for (text, at, message) in [
        ("train.batch=0", "0", "`batch` must be a whole number"),
        ("train.bach=1", "bach", "did you mean `batch`?"),
        ("trian.batch=1", "trian", "did you mean `train`?"),
        ("optimizer.kind=adma", "adma", "did you mean \"adam\"?"),
        (
            "optimizer.beta1=0.9",
            "beta1",
            "belongs to adam, adamw and lion, not sgd",
        ),
        ("train", "train", "has no `=`"),
        ("train.=1", "", "a key is empty"),
        ("=", "", "a key is empty"),
        ("train.batch=", "", "the value is empty"),
        ("layer.3.bias=true", "3", "layers count from 1 to 2"),
        ("layer.0.bias=true", "0", "layers count from 1 to 2"),
        ("layer.dense2.bias=true", "dense2", "did you mean `dense1`?"),
        ("layer.2=1", "2", "which key?"),
        ("layer=1", "layer", "which layer?"),
        ("data.source.x=1", "source", "is no table"),
        ("train.batch.x=1", "x=1", "`batch` must be"),
        ("train=1", "1", "`train` must be a table"),
        ("train.batch = [1", "[1", "`batch` must be"),
        ("data.path=x", "x", "`path` belongs to source idx"),
    ] {
        let errors = wrong(set(SMALL, &["seed=1", text]));
        assert_eq!(
            (errors.name.as_str(), errors.text.as_str()),
            ("--set", text)
        );
        let found = lines(&errors);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with(&format!("1: `{at}`: ")), "{found:#?}");
        assert!(found[0].contains(message), "{found:#?}");
    }
    let errors = wrong(set(SMALL, &["train.batch=0", "seed=1", "seed=-1"]));
    assert_eq!(errors.text, "train.batch=0\nseed=-1");
    assert!(lines(&errors)[1].starts_with("2: `-1`: "), "{errors}");
}

#[test]
fn a_key_made_foreign_by_an_override_says_so() {
    let text = SMALL.replace("kind = \"sgd\"", "kind = \"sgd\"\nmomentum = 0.9");
    let errors = wrong(set(&text, &["optimizer.kind=adam"]));
    let found = lines(&errors);
    assert_eq!(errors.name, "small.toml");
    assert!(
        found[0].contains("`momentum` belongs to sgd and rmsprop, not adam, as set by --set"),
        "{found:#?}"
    );
}
