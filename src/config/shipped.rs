//! The texts that come with the program.

/// The networks that come with the program: file name and text.
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

/// Configurations to begin with, by what they learn from: each line says what it is for.
pub static STARTERS: [(&str, &str); 5] = [
    ("digits", SHIPPED[0].1),
    ("images", include_str!("../../assets/starters/images.toml")),
    ("csv", include_str!("../../assets/starters/csv.toml")),
    ("idx", include_str!("../../assets/starters/idx.toml")),
    ("text", include_str!("../../assets/nets/char-gpt.toml")),
];
