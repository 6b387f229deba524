//! Files that nobody wrote: broken, huge, deep.

use super::*;

#[test]
fn files_are_read_with_their_names_and_their_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my net.toml");
    let write = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
    write(SMALL.as_bytes());
    assert_eq!(load(&path, &[]).unwrap().name, "my net");
    write(b"seed = 1\nname = \"\xff\"\n");
    let found = lines(&wrong(load(&path, &[])));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("2: `\u{fffd}`: this is not UTF-8"),
        "{found:#?}"
    );
    write(&vec![b' '; MAX_BYTES + 1]);
    let error = load(&path, &[]).unwrap_err().to_string();
    assert!(error.contains("larger than 1024 KiB"), "{error}");
    let class = load(&folder.path().join("none"), &[]).unwrap_err().class();
    assert_eq!(class, crate::error::Class::Data);
}

#[test]
fn hostile_files_are_refused_quickly() {
    let many = |line: &str| {
        let lines = (0..).map(|i| line.replace('#', &i.to_string()) + "\n");
        let mut text = String::new();
        for line in lines {
            if text.len() + line.len() > MAX_BYTES {
                break;
            }
            text += &line;
        }
        text
    };
    let deep = |open: &str| format!("a = {}", open.repeat(100_000));
    for text in [
        many("key_# = 1"),
        many("[a#]"),
        many("[[layer]]"),
        format!("[train]\n{}", many("k# = 1").split_at(MAX_BYTES / 2).0),
        deep("["),
        deep("{a="),
        format!("{}a = 1", "a.".repeat(500_000)),
        format!(
            "{SMALL}{}",
            "[[layer]]\nkind = \"relu\"\n".repeat(MAX_LAYERS)
        ),
        format!("name = \"{}\"", "x".repeat(MAX_BYTES - 10)),
    ] {
        let errors = wrong(parse("x", &text, &[]));
        assert!(
            errors.diagnostics.len() <= 51,
            "{}",
            errors.diagnostics.len()
        );
        assert!(
            errors.diagnostics.iter().all(|d| d.message.len() < 500),
            "messages stay short"
        );
    }
}

const PIECES: [&str; 28] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\"",
    "'",
    "\n",
    "#",
    "-",
    "0x",
    "nan",
    "inf",
    "1e999",
    "99999999999999999999",
    "\u{feff}",
    "é",
    "\0",
    "[[layer]]\n",
    "kind = \"softmax\"\n",
    "\"\"\"",
    "layer.x = 1\n",
    "kind.a = 1\n",
    "true",
];

/// xorshift64*: enough to break texts with.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % n
    }
}

#[test]
fn no_broken_text_makes_the_reader_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut texts: Vec<String> = SHIPPED.iter().map(|(_, t)| (*t).to_owned()).collect();
    // Comments take no part; without them more of the changes hit.
    for text in &mut texts {
        let bare = text
            .lines()
            .map(|l| l.split('#').next().unwrap_or("").trim_end());
        *text = bare
            .filter(|l| !l.is_empty())
            .collect::<Vec<_>>()
            .join("\n");
    }
    texts.extend(FULL.map(full));
    let (mut good, mut invalid, mut wrong) = (0, 0, 0);
    for round in 0..12_000 {
        let text = &texts[round % texts.len()];
        let text = match round % 3 {
            0 => break_lines(text, &mut random),
            1 => break_characters(text, &mut random),
            _ => change_digits(text, &mut random),
        };
        // A piece of the text as an override, too.
        let (skip, take) = (random.below(400), random.below(30));
        let piece: String = text.chars().skip(skip).take(take).collect();
        let overrides = match random.below(6) {
            0 => vec![piece],
            1 => vec![
                format!("layer.{}.{piece}", random.below(5)),
                format!("train.{piece}"),
            ],
            _ => vec![],
        };
        match parse("mutant.toml", &text, &overrides) {
            Ok(config) => {
                good += 1;
                let again =
                    parse("x", &config.to_toml(), &[]).unwrap_or_else(|e| panic!("{text}\n{e}"));
                assert_eq!(again, config, "{text}");
                for layer in &config.layers {
                    assert!(
                        config.source.text.get(layer.span.clone()).is_some(),
                        "{text}"
                    );
                }
            }
            Err(Error::Source(errors)) => {
                let syntax = errors.diagnostics[0].message.starts_with("invalid TOML");
                *(if syntax { &mut invalid } else { &mut wrong }) += 1;
                assert!(!errors.diagnostics.is_empty(), "{text}");
                for d in &errors.diagnostics {
                    assert!(
                        errors.text.get(d.span.clone()).is_some(),
                        "{d:?}\n{}",
                        errors.text
                    );
                    assert!(!d.message.is_empty(), "{text}");
                }
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    // All three ways through the reader are well trodden.
    let counts = [good, invalid, wrong];
    assert!(counts.iter().all(|&n| n > 500), "{counts:?}");
}

/// Lines are left out, doubled, moved, or get the value of another line.
fn break_lines(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=random.below(2) {
        let (at, other) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(other, lines[at].clone()),
            2 => lines.swap(at, other),
            3 => {
                let value = PIECES[random.below(PIECES.len())];
                let key = lines[at].split('=').next().unwrap_or("").to_owned();
                lines[at] = format!("{key}={value}");
            }
            _ => {
                let value = lines[other].split('=').nth(1).unwrap_or("").to_owned();
                let key = lines[at].split('=').next().unwrap_or("").to_owned();
                lines[at] = format!("{key}={value}");
            }
        }
    }
    lines.join("\n")
}

/// Digits become other digits: mostly another file that is right.
fn change_digits(text: &str, random: &mut Random) -> String {
    let change = |c: char| match c {
        '0'..='9' if random.below(8) == 0 => char::from(b"0123456789"[random.below(10)]),
        c => c,
    };
    text.chars().map(change).collect()
}

/// Characters are left out, put in, copied and swapped.
fn break_characters(text: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(chars.len());
        let end = (at + random.below(12)).min(chars.len());
        let piece = PIECES[random.below(PIECES.len())].chars();
        match random.below(5) {
            0 => drop(chars.drain(at..end)),
            1 => drop(chars.splice(at..at, piece)),
            2 => drop(chars.splice(at..end, piece)),
            3 => {
                let copy = chars[at..end].to_vec();
                let to = random.below(chars.len());
                drop(chars.splice(to..to, copy));
            }
            _ => {
                let other = random.below(chars.len());
                chars.swap(at, other);
            }
        }
    }
    chars.into_iter().collect()
}
