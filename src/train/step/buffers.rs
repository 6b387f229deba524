//! Names of the buffers that outlive a step.

/// All trained tensors, one after the other.
pub const PARAMETERS: &str = "parameters";
/// What layers remember of what went through them, one after the other.
pub const STATISTICS: &str = "statistics";
/// The gradient of each, at the same place.
pub const GRADIENTS: &str = "gradients";
/// The same of a part of a batch, before it is added.
pub const PART_GRADIENTS: &str = "gradients of a part";
/// What an optimiser remembers of each.
pub const MOMENTS: [&str; 3] = ["first moments", "second moments", "third moments"];
/// The average of each over the steps so far.
pub const AVERAGED: &str = "averaged parameters";
/// What differs between them for an optimiser.
pub const GROUPS: &str = "parameter groups";
/// The learning rate, and what it comes from.
pub const SCHEDULE: &str = "schedule";
/// All samples of the data set.
pub const SAMPLES: &str = "samples";
/// All labels.
pub const LABELS: &str = "labels";
/// All targets of a regression.
pub const TARGETS: &str = "targets";
/// How much each sample counts, where they do not count the same.
pub const WEIGHTS: &str = "weights";
/// How far the loss is scaled, where gradients take 16 bits.
pub const LOSS_SCALE: &str = "loss scale";
/// The gradient of each row's loss by itself.
pub const ONES: &str = "ones";
/// The token of a window that is asked about.
pub const POSITION: &str = "position";
/// What the network shall say for each class: one-hot rows, or 0 and 1.
pub const IDENTITY: &str = "one-hot rows";
/// The shares by which samples are mixed.
pub const SHARES: &str = "shares of mixup";
