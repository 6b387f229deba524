//! The table `[data]`: what is learned from.

use std::path::Path;

use super::keys::{self, Choice as _};
use super::reader::Section;
use super::report::Report;
use super::sections::{missing_table, table};
use super::tree::{Place, Table};
use super::{Augment, Data, DataSource, Images, Loss, Normalize, Split, Task, Text, TextColumn};

/// The table, and its defaults under this loss.
pub(super) fn data(report: &mut Report<'_>, root: &Table, end: &Place, loss: Loss) -> Data {
    let empty = Table::default();
    let found = table(report, root, "data");
    if found.is_none() {
        let help = "add [data] with source = \"images\", \"csv\", \"text\", \"npy\", \"idx\" or \"digits\"";
        missing_table(report, root, end, "data", help);
    }
    let there = found.is_some();
    let (table, place) = found.unwrap_or((&empty, end.clone()));
    let augment = augment(report, table);
    let mut s = Section::open(report, table, &place, "[data]", keys::DATA);
    let path = s.text("path");
    let given = s.given("source").is_some();
    let source = s.choice::<DataSource>("source");
    if there && !given && s.given("path").is_none() && s.sound("source") && s.sound("path") {
        s.require("source");
    }
    let known = source.or((!given).then(|| by_name(path.as_deref())));
    if let Some(source) = known.filter(|_| there && s.sound("source")) {
        refuse_foreign(&mut s, source);
    }
    if path.as_deref() == Some("") {
        let help = "name a file or folder, or remove `path` and give it on the command line";
        s.mistake_at("path", "`path` is empty", "nothing", help);
    }
    let source = known.unwrap_or(DataSource::Idx);
    let is_own = matches!(
        source,
        DataSource::Images | DataSource::Csv | DataSource::Npy
    );
    let (mean, std) = statistics(&mut s);
    let normalize = match s.choice("normalize") {
        None if is_own && mean.is_none() && std.is_none() => Normalize::Standard,
        None => Normalize::None,
        Some(Normalize::Standard) if mean.is_some() || std.is_some() => {
            s.mistake_at(
                "normalize",
                "`normalize` is standard, but `mean` or `std` are given",
                "fitted, or given?",
                "remove `mean` and `std` to have them fitted, or remove `normalize`",
            );
            Normalize::Standard
        }
        Some(normalize) => normalize,
    };
    let channels = s.int_if_given("channels");
    if channels == Some(2) {
        s.mistake_at(
            "channels",
            "`channels` must be 1, 3 or 4, not 2",
            "no picture has 2",
            "",
        );
    }
    let text = text(&mut s, source, loss);
    let task = task(&mut s, source, loss);
    if task == Task::Regression {
        s.mistake_at(
            "class_weights",
            "`class_weights` is given, but numbers are predicted",
            "there are no classes",
            "remove it; a column of weights for each row is named with `weight`",
        );
    }
    Data {
        source,
        path: path.map(Into::into),
        task,
        test: s.float("test"),
        validation: s.float("validation"),
        split: s.choice("split").unwrap_or(if is_own {
            Split::Stratified
        } else {
            Split::Tail
        }),
        divide_by: s.float_if_given("divide_by").unwrap_or(match source {
            DataSource::Digits => 240.0,
            DataSource::Idx | DataSource::Cifar10 | DataSource::Images => 255.0,
            DataSource::Csv | DataSource::Npy | DataSource::Text => 1.0,
        }),
        normalize,
        mean,
        std,
        stream: s.choice("stream").unwrap_or_default(),
        augment,
        class_weights: s.class_weights("class_weights"),
        images: Images {
            size: s.size_if_given("size"),
            channels: channels.and_then(|channels| usize::try_from(channels).ok()),
        },
        table: super::Table {
            target: s.text("target"),
            weight: s.text("weight"),
            ignore: s.texts("ignore"),
            categorical: s.texts("categorical"),
            categories: s.choice("categories").unwrap_or_default(),
            missing: s.choice("missing").unwrap_or_default(),
            text: text_column(&mut s),
        },
        text,
    }
}

/// A column of texts, and what belongs to one.
fn text_column(s: &mut Section<'_, '_>) -> Option<TextColumn> {
    let (max_tokens, max_vocabulary) = (s.count("max_tokens"), s.count("max_vocabulary"));
    let tokens = s.choice("tokens").unwrap_or_default();
    let Some(name) = s.text("text") else {
        // With a slip in `text` itself there is one mistake to tell.
        let alone = s.sound("text");
        for key in ["tokens", "max_tokens", "max_vocabulary"]
            .into_iter()
            .filter(|_| alone)
        {
            let message = format!("`{key}` is given, but no column is text");
            s.mistake_at(
                key,
                &message,
                "of which column?",
                "name the column with `text`",
            );
        }
        return None;
    };
    for key in ["categorical", "categories", "ignore"] {
        let message = format!("`{key}` is given beside `text`, which is all that is learned from");
        s.mistake_at(
            key,
            &message,
            "other columns are not read",
            "remove it, or `text`",
        );
    }
    Some(TextColumn {
        name,
        tokens,
        max_tokens,
        max_vocabulary,
    })
}

/// How a text is cut, and what there is to learn of one.
fn text(s: &mut Section<'_, '_>, source: DataSource, loss: Loss) -> Text {
    let context = s.count("context");
    let given = s.int_if_given("stride");
    let stride = given.map_or(context, |stride| usize::try_from(stride).unwrap_or(context));
    if source == DataSource::Text && !matches!(loss, Loss::CrossEntropy { .. }) {
        s.mistake_at(
            "source",
            "`source` is text, but the loss is not cross_entropy",
            "predicts characters",
            "remove `loss` under [train]",
        );
    }
    Text { context, stride }
}

/// The table `[data.augment]` of `[data]`.
fn augment(report: &mut Report<'_>, data: &Table) -> Option<Augment> {
    let (table, place) = table(report, data, "augment")?;
    let mut s = Section::open(report, table, &place, "[data.augment]", keys::AUGMENT);
    let pixels = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Some(Augment {
        shift: pixels(s.int("shift")),
        flip: s.choice("flip").unwrap_or_default(),
        rotate: s.float("rotate"),
        scale: s.float("scale"),
        brightness: s.float("brightness"),
        contrast: s.float("contrast"),
        cutout: pixels(s.int("cutout")),
        mixup: s.float("mixup"),
    })
}

/// What a path may hold, by its name.
fn by_name(path: Option<&str>) -> DataSource {
    let ending = Path::new(path.unwrap_or("")).extension();
    match ending.and_then(|ending| ending.to_str()) {
        Some("csv" | "tsv") => DataSource::Csv,
        Some("txt") => DataSource::Text,
        _ => DataSource::Idx,
    }
}

/// Keys of other sources.
fn refuse_foreign(s: &mut Section<'_, '_>, source: DataSource) {
    for (owners, names) in keys::DATA_OF {
        if owners.contains(&source) {
            continue;
        }
        let words: Vec<&str> = owners.iter().map(|owner| owner.word()).collect();
        for name in *names {
            let message = format!(
                "`{name}` belongs to source {}, not {}",
                words.join(", "),
                source.word()
            );
            let label = match (source, *name) {
                (DataSource::Digits, "path") => "the digits are inside the program".to_owned(),
                _ => format!("not for {}", source.word()),
            };
            let help = format!("remove `{name}`, or set source = \"{}\"", words[0]);
            s.mistake_at(name, &message, &label, &help);
        }
    }
}

fn statistics(s: &mut Section<'_, '_>) -> (Option<Vec<f64>>, Option<Vec<f64>>) {
    let (mean, std) = (s.floats("mean"), s.floats("std"));
    if let (Some(mean), Some(std)) = (&mean, &std)
        && mean.len() > 1
        && std.len() > 1
        && mean.len() != std.len()
    {
        let message = format!(
            "`std` has {} values, but `mean` has {}",
            std.len(),
            mean.len()
        );
        let help = "give both one value per channel, or one for all";
        s.mistake_at("std", &message, "another number of channels", help);
    }
    (mean, std)
}

fn task(s: &mut Section<'_, '_>, source: DataSource, loss: Loss) -> Task {
    let has_numbers = matches!(source, DataSource::Csv | DataSource::Npy);
    match s.choice("task") {
        Some(Task::Regression) if !loss.is_of_numbers() => {
            s.mistake_at(
                "task",
                "`task` is regression, but the loss is one of classes",
                "predicts numbers",
                "set loss = \"mse\" under [train]",
            );
            Task::Regression
        }
        Some(task) => task,
        None if has_numbers && loss.is_of_numbers() => Task::Regression,
        None => Task::Classification,
    }
}
