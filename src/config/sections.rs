//! The tables of the file, one function each, and what must hold between their keys.

use super::control;
use super::keys::{self, Choice, LossWord};
use super::reader::Section;
use super::report::{Report, show};
use super::schedule;
use super::suggest;
use super::tree::{Node, Place, Table, Value};
use super::value::size;
use super::{Config, Initializer, Length, Loss, MAX_PARTS, MicroBatch, Precision, Source, Train};
use super::{average, data, layers, optimizer, param};

/// The configuration. When the report holds mistakes it is only fit to be thrown away.
pub(super) fn config(root: &Table, report: &mut Report<'_>) -> Config {
    let end = report.end();
    let file = report.name().to_owned();
    let mut top = Section::open(report, root, &end, "the top of the file", keys::TOP);
    let seed = top.int("seed");
    let name = name(&mut top, &file);
    let init_from = top.text("init_from");
    if init_from.as_deref() == Some("") {
        let help = "name a run folder such as runs/first, or remove it";
        top.mistake_at(
            "init_from",
            "`init_from` must not be empty",
            "no path",
            help,
        );
    }
    let init = top.choice("init").unwrap_or(Initializer::Auto);
    let train = train(report, root, &end);
    let data = data::data(report, root, &end, train.loss);
    let (optimizer, clip) = optimizer::optimizer(report, root, &end);
    let schedule = schedule::schedule(report, root, optimizer.learning_rate());
    let average = average::average(report, root);
    let params = param::params(report, root);
    let early_stopping = control::early_stopping(report, root);
    let checkpoints = control::checkpoints(report, root, &end, early_stopping.as_ref());
    let layers = layers::layers(report, root, &end, init, train.loss);
    Config {
        name,
        seed,
        init_from: init_from.map(Into::into),
        data,
        train,
        optimizer,
        clip,
        schedule,
        average,
        params,
        checkpoints,
        early_stopping,
        layers,
        source: Source {
            name: file,
            text: String::new(),
        },
    }
}

fn name(top: &mut Section<'_, '_>, file: &str) -> String {
    let Some(name) = top.text("name") else {
        return default_name(file);
    };
    if let Some(reason) = unfit_name(&name) {
        let message = format!("`name` {reason}, but is {:?}", show(&name));
        let help = "it names the folder of the run: letters, digits, `-`, `_` and `.` are safe";
        top.mistake_at("name", &message, "not a folder's name", help);
    }
    name
}

/// Characters that some file system does not take.
fn unfit(c: char) -> bool {
    c.is_control() || r#"/\<>:"|?*"#.contains(c)
}

/// Why a name cannot be that of a folder everywhere.
pub fn unfit_name(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 100;
    const TAKEN: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or("").to_lowercase();
    let port = ["com", "lpt"].iter().any(|p| {
        let number = stem.strip_prefix(p);
        number.is_some_and(|n| n.len() == 1 && n.chars().all(|c| c.is_ascii_digit()))
    });
    if name.is_empty() {
        Some("must not be empty")
    } else if name.contains(unfit) {
        Some("must not contain separators, control characters or any of < > : \" | ? *")
    } else if name.starts_with(['.', ' ', '-']) {
        Some("must not begin with a dot, a space or a dash")
    } else if name.ends_with(['.', ' ']) {
        Some("must not end with a dot or a space")
    } else if name.len() > LONGEST {
        Some("must not be longer than 100 bytes")
    } else if port || TAKEN.contains(&stem.as_str()) {
        Some("must not be a device of Windows")
    } else {
        None
    }
}

/// The file's name without folders and `.toml`, made fit.
fn default_name(file: &str) -> String {
    let base = file.rsplit(['/', '\\']).next().unwrap_or("");
    let stem = base.strip_suffix(".toml").unwrap_or(base);
    let fit: String = stem
        .trim_start_matches(['.', ' ', '-'])
        .trim_end_matches(['.', ' '])
        .chars()
        .map(|c| if unfit(c) { '-' } else { c })
        .collect();
    match unfit_name(&fit) {
        None => fit,
        Some(_) => "run".to_owned(),
    }
}

/// A table of the top level and the place of what it lacks. `None`: it is not there, or is no table, which is reported.
pub(super) fn table<'t>(
    report: &mut Report<'_>,
    root: &'t Table,
    name: &str,
) -> Option<(&'t Table, Place)> {
    match &root.get(name)?.node {
        Node {
            value: Value::Table(table),
            place,
        } => Some((table, place.clone())),
        node => {
            report.mistake(
                &node.place,
                format!("`{name}` must be a table"),
                format!("this is {}", node.value.what()),
                format!("write [{name}] on a line of its own and its keys below"),
            );
            None
        }
    }
}

pub(super) fn missing_table(
    report: &mut Report<'_>,
    root: &Table,
    end: &Place,
    name: &str,
    help: &str,
) {
    // A misspelt one has been reported as such.
    let known = keys::TOP.iter().map(|k| k.name);
    let mut entries = root.entries.iter().map(|e| e.key.as_str());
    let misspelt = entries.any(|key| {
        !known.clone().any(|k| k == key) && suggest::nearest(key, known.clone()) == Some(name)
    });
    if root.get(name).is_none() && !misspelt {
        let brackets = if name == "layer" {
            "[[layer]]"
        } else {
            &format!("[{name}]")
        };
        let message = format!("{brackets} is missing");
        report.mistake(end, message, "the file ends here", help);
    }
}

fn train(report: &mut Report<'_>, root: &Table, end: &Place) -> Train {
    let empty = Table::default();
    let (table, place) = table(report, root, "train").unwrap_or((&empty, end.clone()));
    let mut s = Section::open(report, table, &place, "[train]", keys::TRAIN);
    let batch = s.count("batch");
    let (epochs, steps) = (s.int_if_given("epochs"), s.int_if_given("steps"));
    if s.given("epochs").is_some() && s.given("steps").is_some() {
        s.mistake_at(
            "steps",
            "`steps` and `epochs` are both given",
            "which one?",
            "keep one: how long training lasts is counted in epochs or in steps",
        );
    }
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let length = match steps {
        Some(steps) => Length::Steps(small(steps)),
        None => Length::Epochs(small(epochs.unwrap_or(1))),
    };
    let (accumulate, micro_batch) = parts(&mut s, batch);
    Train {
        batch,
        accumulate,
        micro_batch,
        length,
        loss: loss(&mut s),
        shuffle: s.bool("shuffle"),
        precision: s.choice("precision").unwrap_or(Precision::F32),
    }
}

/// `accumulate` and `micro_batch`, for batches of this size.
fn parts(s: &mut Section<'_, '_>, batch: usize) -> (usize, MicroBatch) {
    let accumulate = s.count("accumulate");
    let micro_batch = match s.int_or_word("micro_batch") {
        None => MicroBatch::Whole,
        Some(None) => MicroBatch::Auto,
        Some(Some(rows)) => MicroBatch::Rows(size(rows)),
    };
    let sound = ["batch", "accumulate", "micro_batch"].map(|key| s.sound(key));
    if let MicroBatch::Rows(rows) = micro_batch
        && sound == [true; 3]
    {
        let parts = (batch * accumulate).div_ceil(rows.min(batch));
        if parts > MAX_PARTS {
            s.mistake_at(
                "micro_batch",
                &format!("an update would be computed in {parts} parts, more than {MAX_PARTS}"),
                "too few at a time",
                &format!("at least {} fit", (batch * accumulate).div_ceil(MAX_PARTS)),
            );
        }
    }
    (accumulate, micro_batch)
}

/// `loss` and the numbers that belong to one.
fn loss(s: &mut Section<'_, '_>) -> Loss {
    let word = s.choice("loss").unwrap_or(LossWord::CrossEntropy);
    for (key, owner) in [
        ("label_smoothing", LossWord::CrossEntropy),
        ("huber_delta", LossWord::Huber),
    ] {
        if word != owner {
            let (owner, mine) = (owner.word(), word.word());
            let message = format!("`{key}` belongs to loss {owner}, not {mine}");
            let help = format!("remove it, or set loss = \"{owner}\"");
            s.mistake_at(key, &message, &format!("not for {mine}"), &help);
        }
    }
    match word {
        LossWord::CrossEntropy => Loss::CrossEntropy {
            label_smoothing: s.float("label_smoothing"),
        },
        LossWord::BinaryCrossEntropy => Loss::BinaryCrossEntropy,
        LossWord::Mse => Loss::Mse,
        LossWord::Mae => Loss::Mae,
        LossWord::Huber => Loss::Huber {
            delta: s.float("huber_delta"),
        },
    }
}
