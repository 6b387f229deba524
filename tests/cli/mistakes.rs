//! Mistakes that people make, and what they are told: `tests/mistakes.txt` holds each with the exact words.
//!
//! ```text
//! === what is wrong
//! $ train net.toml --set a=b       the command, if it is not `train net.toml`
//! the text of net.toml
//! --- 2
//! what stands on standard error
//! ```
//!
//! `ANYGRAD_BLESS=1 cargo test mistakes` writes down what is said now; the difference is then to be read.

use std::time::{Duration, Instant};

use super::*;

const GOLDEN: &str = "tests/mistakes.txt";

/// One mistake is told within this time.
const QUICK: Duration = Duration::from_millis(100);

struct Mistake {
    name: String,
    command: Option<String>,
    config: String,
    code: String,
    told: String,
}

fn golden() -> Vec<Mistake> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.strip_prefix("=== ").unwrap().split("\n=== ");
    let mistake = |block: &str| {
        let (name, rest) = block.split_once('\n').unwrap();
        let (before, after) = rest.split_once("--- ").unwrap();
        let (code, told) = after.split_once('\n').unwrap_or((after, ""));
        let (command, config) = match before.strip_prefix("$ ") {
            Some(rest) => rest
                .split_once('\n')
                .map(|(c, t)| (Some(c.to_owned()), t))
                .unwrap(),
            None => (None, before),
        };
        Mistake {
            name: name.to_owned(),
            command,
            config: config.to_owned(),
            code: code.to_owned(),
            told: told.trim_end().to_owned(),
        }
    };
    blocks.map(mistake).collect()
}

fn write(mistakes: &[Mistake]) {
    let mut text = String::new();
    for mistake in mistakes {
        let command = mistake
            .command
            .iter()
            .map(|command| format!("$ {command}\n"));
        let command: String = command.collect();
        let Mistake {
            name,
            config,
            code,
            told,
            ..
        } = mistake;
        text.push_str(&format!(
            "=== {name}\n{command}{config}--- {code}\n{told}\n"
        ));
    }
    fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN), text).unwrap();
}

/// An IDX file: a type, extents, data.
fn idx(kind: u8, extents: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, kind, u8::try_from(extents.len()).unwrap()];
    file.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
    file.extend(bytes);
    file
}

/// Folders of data, each with one thing wrong.
fn write_data(folder: &Path) {
    let images = |count: u32, side: u32| {
        idx(
            8,
            &[count, side, side],
            &vec![7; (count * side * side) as usize],
        )
    };
    let labels = |count: u32| idx(8, &[count], &vec![1; count as usize]);
    let names = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];
    let right = [images(4, 4), labels(4), images(2, 4), labels(2)];
    let data = |name: &str, place: usize, instead: Option<Vec<u8>>, ending: &str| {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        for (i, (name, bytes)) in names.iter().zip(&right).enumerate() {
            match (&instead, i == place) {
                (_, false) => fs::write(folder.join(name), bytes).unwrap(),
                (Some(bytes), true) => {
                    fs::write(folder.join(format!("{name}{ending}")), bytes).unwrap();
                }
                (None, true) => {}
            }
        }
    };
    fs::write(folder.join("file"), "words").unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    data("no-labels", 1, None, "");
    data(
        "not-idx",
        0,
        Some(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        "",
    );
    data("cut", 0, Some(right[0][..30].to_vec()), "");
    data("floats", 0, Some(idx(0x0d, &[1, 1, 1], &[0; 4])), "");
    data("labels", 1, Some(labels(5)), "");
    data("sizes", 2, Some(images(2, 5)), "");
    data("none", 0, Some(images(0, 4)), "");
    data(
        "gzip",
        0,
        Some(b"\x1f\x8b\x08\0\0\0\0\0\0\x03broken".to_vec()),
        ".gz",
    );
}

#[test]
fn every_mistake_is_told_in_its_words_with_its_code_and_at_once() {
    let folder = empty();
    write_data(folder.path());
    let mut mistakes = golden();
    assert!(mistakes.len() >= 100, "{} kinds", mistakes.len());
    let bless = std::env::var_os("ANYGRAD_BLESS").is_some();
    for mistake in &mut mistakes {
        fs::write(folder.path().join("net.toml"), &mistake.config).unwrap();
        let command = mistake.command.as_deref().unwrap_or("train net.toml");
        let args: Vec<&str> = command.split(' ').collect();
        let run = || {
            let begin = Instant::now();
            (anygrad(folder.path(), &args), begin.elapsed())
        };
        let (said, mut took) = run();
        // A machine that does other things, too, gets more than one try.
        for _ in 0..20 {
            if took > QUICK {
                took = run().1;
            }
        }
        let name = &mistake.name;
        assert!(took <= QUICK, "{name}: {took:?}");
        assert_eq!(said.stdout, "", "{name}");
        let (code, told) = (said.code.to_string(), said.stderr.trim_end().to_owned());
        if bless {
            (mistake.code, mistake.told) = (code, told);
            continue;
        }
        assert_eq!(code, mistake.code, "{name}\n{told}");
        assert_eq!(told, mistake.told, "{name}\n{told}");
        assert!(["2", "3"].contains(&mistake.code.as_str()), "{name}");
        assert!(
            !folder.path().join("runs").exists(),
            "{name}: no run, no folder"
        );
    }
    if bless {
        write(&mistakes);
    }
}
