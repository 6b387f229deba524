//! The texts that come with the program.

/// The networks for pictures that come with the program: file name and text.
pub static SHIPPED: [(&str, &str); 5] = [
    ("digits.toml", include_str!("../../assets/nets/digits.toml")),
    (
        "mnist-mlp.toml",
        include_str!("../../assets/nets/mnist-mlp.toml"),
    ),
    (
        "mnist-cnn.toml",
        include_str!("../../assets/nets/mnist-cnn.toml"),
    ),
    (
        "mnist-99.toml",
        include_str!("../../assets/nets/mnist-99.toml"),
    ),
    (
        "cifar-resnet20.toml",
        include_str!("../../assets/nets/cifar-resnet20.toml"),
    ),
];

/// The networks for texts that come with the program: file name and text.
pub static SHIPPED_FOR_TEXTS: [(&str, &str); 3] = [
    (
        "char-gpt.toml",
        include_str!("../../assets/nets/char-gpt.toml"),
    ),
    (
        "char-lstm.toml",
        include_str!("../../assets/nets/char-lstm.toml"),
    ),
    (
        "text-classify.toml",
        include_str!("../../assets/nets/text-classify.toml"),
    ),
];

/// All networks that come with the program: file name and text.
pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHIPPED.iter().chain(&SHIPPED_FOR_TEXTS).copied()
}

/// Configurations to begin with, by what they learn from: each line says what it is for.
pub static STARTERS: [(&str, &str); 5] = [
    ("digits", SHIPPED[0].1),
    ("images", include_str!("../../assets/starters/images.toml")),
    ("csv", include_str!("../../assets/starters/csv.toml")),
    ("idx", include_str!("../../assets/starters/idx.toml")),
    ("text", SHIPPED_FOR_TEXTS[0].1),
];
