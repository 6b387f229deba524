//! Texts and what is wrong with them.

use std::path::PathBuf;

use super::super::{Fold, Split};
use super::*;
use crate::data::mutate::mutate;
use crate::error::Class;
use crate::rng::{Sequence, Stream};

fn hold_out(test: f64, validation: f64) -> HoldOut {
    HoldOut {
        test,
        validation,
        split: Split::Tail,
        seed: 0,
        fold: None,
    }
}

fn options(context: usize, stride: usize) -> Options {
    Options {
        context,
        stride,
        all: false,
    }
}

/// A file with these bytes, in a folder that lives as long as it is held.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("poem.txt");
    std::fs::write(&path, bytes).expect("written");
    (folder, path)
}

fn read_text(bytes: &[u8], options: Options, held: &HoldOut) -> Result<Dataset> {
    let (_folder, path) = file(bytes);
    load(&path, options, held, None)
}

fn windows(dataset: &Dataset) -> &Windows {
    match &dataset.samples {
        Samples::Text(text) => &text.windows,
        _ => panic!("a text"),
    }
}

fn refused(bytes: &[u8], context: usize) -> (String, String) {
    let error = read_text(bytes, options(context, context), &hold_out(0.2, 0.0));
    let error = error.expect_err("refused");
    assert_eq!(error.class(), Class::Data, "{error}");
    assert!(error.to_string().contains("poem.txt"), "{error}");
    assert!(!error.help().is_empty(), "{error}");
    (error.to_string(), error.help().to_owned())
}

#[test]
fn the_vocabulary_is_sorted_and_the_text_its_places() {
    let dataset = read_text(
        "\u{feff}bäb\n".as_bytes(),
        options(1, 1),
        &hold_out(0.0, 0.0),
    )
    .expect("a text");
    assert_eq!(dataset.targets.names(), ["\n", "b", "ä"]);
    let Samples::Text(text) = &dataset.samples else {
        panic!("a text")
    };
    assert_eq!(text.tokens, Tokens::Bytes(vec![1, 2, 1, 0]));
    assert_eq!((dataset.len(), dataset.sample_shape), (3, [1, 1, 1]));
}

#[test]
fn more_than_256_characters_take_words() {
    let text: String = ('\u{4e00}'..).take(300).collect();
    let dataset = read_text(text.as_bytes(), options(4, 4), &hold_out(0.0, 0.0)).expect("a text");
    let Samples::Text(text) = &dataset.samples else {
        panic!("a text")
    };
    let all: Vec<u32> = (0..300).collect();
    assert_eq!(text.tokens, Tokens::Words(all));
}

#[test]
fn windows_never_reach_into_another_part() {
    let text = "abcdefghij".repeat(10);
    for (context, stride) in [(7, 7), (7, 1), (3, 5), (1, 1)] {
        let held = hold_out(0.2, 0.25);
        let dataset = read_text(text.as_bytes(), options(context, stride), &held).expect("a text");
        let windows = windows(&dataset);
        // Of 100 characters 20 are to test, and 20 of the other 80 to validate.
        let ends = [60, 80, 100];
        for (piece, end) in windows.pieces.iter().zip(ends) {
            let last = piece.first + (piece.windows.len() - 1) * piece.stride;
            assert!(last + context < end, "{piece:?} ends before {end}");
            assert!(
                last + context + piece.stride >= end,
                "{piece:?} is all there is"
            );
        }
        let firsts = windows.pieces.each_ref().map(|piece| piece.first);
        assert_eq!(firsts, [0, 60, 80]);
        let strides = windows.pieces.each_ref().map(|piece| piece.stride);
        assert_eq!(strides, [stride, context, context]);
        for part in [
            &dataset.parts.train,
            &dataset.parts.validation,
            &dataset.parts.test,
        ] {
            assert_eq!(windows.of(part).windows, *part);
        }
    }
}

#[test]
fn all_of_a_text_can_be_tested_on() {
    let wanted = Options {
        all: true,
        ..options(4, 1)
    };
    let dataset = read_text(b"abababababa", wanted, &hold_out(0.2, 0.2)).expect("a text");
    assert_eq!(dataset.parts, Parts::of([0, 0, 2]));
    assert_eq!(windows(&dataset).of(&(0..2)).first, 0);
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let (what, help) = refused(b"ab\nc\xffd", 1);
    assert!(what.contains("byte 4 (0xff, in line 2)"), "{what}");
    assert!(help.contains("iconv"), "{help}");
    // A character that is cut off at the end.
    assert!(
        refused("aä".as_bytes().split_at(2).0, 1)
            .0
            .contains("byte 1")
    );
    assert!(refused(b"", 1).0.contains("empty"));
    assert!(
        refused("\u{feff}".as_bytes(), 1)
            .0
            .contains("nothing to predict")
    );
    assert!(refused(b"\xff\xfea\0b\0", 1).0.contains("UTF-16"));
    assert!(refused(b"aaaa", 1).0.contains("nothing to predict"));
}

#[test]
fn a_part_that_is_shorter_than_a_window_is_named_with_its_length() {
    let (what, help) = refused(&b"ab".repeat(10), 16);
    assert!(what.contains("training part has 16 characters"), "{what}");
    assert!(help.contains("data.context=3"), "{help}");
    let (what, _) = refused(&b"ab".repeat(10), 4);
    assert!(what.contains("test part has 4 characters"), "{what}");
}

#[test]
fn a_folder_or_a_file_that_is_too_large_is_refused_before_it_is_read() {
    let (folder, path) = file(b"ab");
    let held = hold_out(0.0, 0.0);
    let error = load(folder.path(), options(1, 1), &held, None).expect_err("a folder");
    assert!(error.help().contains("cat *.txt"), "{}", error.help());
    let file = File::options().write(true).open(&path).expect("the file");
    file.set_len(MAX_TEXT + 1).expect("a sparse file");
    let error = load(&path, options(1, 1), &held, None).expect_err("too large");
    assert!(error.to_string().contains("1 GiB"), "{error}");
}

#[test]
fn folds_are_refused() {
    let held = HoldOut {
        fold: Some(Fold { index: 0, count: 5 }),
        ..hold_out(0.1, 0.0)
    };
    let error = read_text(&b"ab".repeat(100), options(4, 4), &held).expect_err("refused");
    assert_eq!(error.class(), Class::Usage);
    assert!(error.to_string().contains("--folds"), "{error}");
}

#[test]
fn a_character_that_a_network_does_not_know_is_named_with_its_line() {
    let known = ["a", "b", "\n"].map(str::to_owned);
    let (_folder, path) = file(b"ab\nab\nxb");
    let held = hold_out(0.0, 0.0);
    let error = load(&path, options(1, 1), &held, Some(&known)).expect_err("refused");
    assert!(error.to_string().contains("poem.txt:3"), "{error}");
    assert!(error.to_string().contains("'x'"), "{error}");
    let (_folder, path) = file(b"ab\nab");
    let dataset = load(&path, options(1, 1), &held, Some(&known)).expect("known characters");
    assert_eq!(dataset.targets.names(), known, "in its order");
}

#[test]
fn a_prompt_has_ids_or_unknown_characters() {
    let known = ["a", "b"].map(str::to_owned);
    assert_eq!(ids("abba", &known), Ok(vec![0, 1, 1, 0]));
    assert_eq!(ids("axbyx", &known), Err(vec!['x', 'y']));
    assert_eq!(ids("", &known), Ok(Vec::new()));
}

#[test]
fn damaged_texts_are_read_or_refused() {
    let whole = "Überall blüht der Löwenzahn.\n".repeat(4);
    let mut accepted = 0;
    for case in 0..2000 {
        let mut bytes = whole.clone().into_bytes();
        mutate(&mut bytes, &mut Sequence::new(33, Stream::Test, case));
        let read = decode(Path::new("poem.txt"), &bytes)
            .and_then(|text| Ok((text, vocabulary(Path::new("poem.txt"), text)?)))
            .and_then(|(text, known)| encode(Path::new("poem.txt"), text, &known));
        match read {
            Ok(tokens) => {
                accepted += 1;
                assert!(tokens.len() <= bytes.len(), "case {case}");
            }
            Err(error) => assert_eq!(error.class(), Class::Data, "case {case}: {error}"),
        }
    }
    assert!((100..1950).contains(&accepted), "{accepted} of 2000");
}
