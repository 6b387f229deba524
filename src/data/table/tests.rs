use std::fs;

use tempfile::TempDir;

use super::*;
use crate::data::mutate::mutate;
use crate::data::{Normalization, Split};
use crate::error::Class;
use crate::rng::{Sequence, Stream};

const FLOWERS: &str = "\
id,length,colour,weight,species
a,1.5,red,1,iris
b,2.5,blue,2,rose
c,3.5,red,1,iris
d,4.5,green,0.5,rose
";

fn tail(test: f64) -> HoldOut {
    HoldOut {
        test,
        validation: 0.0,
        split: Split::Tail,
        seed: 1,
        fold: None,
    }
}

fn written(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.csv");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn loaded(text: &str, options: &Options) -> Dataset {
    let (_dir, path) = written(text);
    load(&path, options, &tail(0.0), None).unwrap()
}

#[track_caller]
fn assert_refused(text: &str, options: &Options, words: &[&str]) {
    let (_dir, path) = written(text);
    let error = load(&path, options, &tail(0.0), None).expect_err("the table is refused");
    assert_eq!(error.class(), Class::Data, "{error}");
    assert!(!error.help().is_empty(), "{error}");
    for word in words.iter().chain(&["data.csv: "]) {
        assert!(
            error.to_string().contains(word),
            "{word:?} is not in {error}"
        );
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn floats(dataset: &Dataset) -> &[f32] {
    match &dataset.samples {
        Samples::Floats(floats) => floats,
        _ => panic!("a table is floats"),
    }
}

#[test]
fn numbers_stay_and_texts_become_a_number_for_each_category() {
    let options = Options {
        ignore: names(&["id"]),
        weight: Some("weight".to_owned()),
        ..Options::default()
    };
    let dataset = loaded(FLOWERS, &options);
    assert_eq!(dataset.sample_shape, [1, 1, 4]);
    // length, then blue, green, red.
    assert_eq!(
        floats(&dataset)[..8],
        [1.5, 0.0, 0.0, 1.0, 2.5, 1.0, 0.0, 0.0]
    );
    assert_eq!(dataset.targets.labels().unwrap(), [0, 1, 0, 1]);
    assert_eq!(dataset.targets.classes(), ["iris", "rose"]);
    assert_eq!(
        dataset.weights.as_deref(),
        Some([1.0, 2.0, 1.0, 0.5].as_slice())
    );
    let fitted = Normalization::fit(&dataset, 1.0);
    assert_eq!(fitted.mean, [3.0, 0.0, 0.0, 0.0], "one-hot columns stay");
    assert_eq!(fitted.std[1..], [1.0; 3]);
}

#[test]
fn ordinal_categories_and_a_numeric_target_in_any_column() {
    let options = Options {
        target: Some("length".to_owned()),
        regression: true,
        ordinal: true,
        categorical: names(&["weight"]),
        ignore: names(&["id", "species"]),
        ..Options::default()
    };
    let dataset = loaded(FLOWERS, &options);
    // colour, then weight: 0.5, 1, 2 as texts.
    assert_eq!(floats(&dataset), [2.0, 1.0, 0.0, 2.0, 2.0, 1.0, 1.0, 0.0]);
    let Targets::Values { values, names } = &dataset.targets else {
        panic!("numbers are predicted")
    };
    assert_eq!(
        (values.as_slice(), names.as_slice()),
        (
            [1.5, 2.5, 3.5, 4.5].as_slice(),
            ["length".to_owned()].as_slice()
        )
    );
}

#[test]
fn separators_quotes_marks_of_order_and_tables_without_names_are_understood() {
    for text in [
        "\u{feff}x;y\r\n1;a\r\n2;b\r\n",
        "x\ty\n1\ta\n2\tb",
        "x|y\n 1 | a \n2|b\n\n",
        "\"x\",\"y\"\n\"1\",\"a\"\n2,b\n",
    ] {
        let dataset = loaded(text, &Options::default());
        assert_eq!(floats(&dataset), [1.0, 2.0], "{text:?}");
        assert_eq!(dataset.targets.classes(), ["a", "b"], "{text:?}");
    }
    let dataset = loaded("1,2,10\n3,4,9\n5,6,10\n", &Options::default());
    assert_eq!(dataset.len(), 3, "the first row is data");
    assert_eq!(
        dataset.targets.classes(),
        ["9", "10"],
        "by number, not by letter"
    );
    let options = Options {
        target: Some("1".to_owned()),
        regression: true,
        ..Options::default()
    };
    let dataset = loaded("1,2,10\n3,4,9\n", &options);
    assert_eq!(floats(&dataset), [2.0, 10.0, 4.0, 9.0]);
}

#[test]
fn missing_values_are_refused_dropped_or_filled_from_the_training_part() {
    const GAPS: &str = "x,c,y\n1,a,0\nNA,a,1\n3,,0\n8,b,1\n5,b,?\n100,b,1\n";
    let with = |missing| Options {
        missing,
        ..Options::default()
    };
    assert_refused(
        GAPS,
        &with(Missing::Refuse),
        &["line 6", "column \"y\"", "missing"],
    );
    assert_refused(
        "x,y\n1,0\n,1\n",
        &with(Missing::Refuse),
        &["line 3", "column \"x\""],
    );
    let dataset = loaded(GAPS, &with(Missing::Drop));
    assert_eq!(
        floats(&dataset),
        [1.0, 1.0, 0.0, 8.0, 0.0, 1.0, 100.0, 0.0, 1.0]
    );
    let (_dir, path) = written(GAPS);
    // Of the five rows with a target the last is the test part.
    let dataset = load(&path, &with(Missing::Fill), &tail(0.2), None).unwrap();
    assert_eq!(dataset.parts, Parts::of([4, 0, 1]));
    assert_eq!(
        floats(&dataset)[3..9],
        [4.0, 1.0, 0.0, 3.0, 1.0, 0.0],
        "the mean of 1, 3 and 8; a"
    );
    let (features, lines) = rows(&path, dataset.encoding.as_ref().unwrap()).unwrap();
    let Samples::Floats(features) = features else {
        panic!("a table is floats")
    };
    assert_eq!((features.len(), lines), (18, vec![2, 3, 4, 5, 6, 7]));
}

#[test]
fn other_files_are_encoded_as_the_training_file_was_whatever_their_columns_order() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("train.csv"), "x,c,y\n1,a,p\n2,b,q\n").unwrap();
    fs::write(dir.path().join("test.csv"), "y,c,x\nq,b,7\n").unwrap();
    let dataset = load(dir.path(), &Options::default(), &tail(0.0), None).unwrap();
    assert_eq!(dataset.parts, Parts::of([2, 0, 1]));
    assert_eq!(floats(&dataset)[6..], [7.0, 0.0, 1.0]);
    assert_eq!(dataset.targets.labels().unwrap(), [0, 1, 1]);

    let known = Known {
        classes: dataset.targets.classes(),
        sample_shape: dataset.sample_shape,
        encoding: dataset.encoding.as_ref(),
    };
    let other = |text: &str| {
        let (_dir, path) = written(text);
        load(&path, &Options::default(), &tail(0.0), Some(&known))
    };
    let again = other("c,y,extra,x\nb,p,9,3\n").unwrap();
    assert_eq!(floats(&again), [3.0, 0.0, 1.0]);
    assert_eq!(again.targets.labels().unwrap(), [0]);
    for (text, word) in [
        ("x,c,y\n1,z,p\n", "none of the categories"),
        ("x,c,y\n1,a,r\n", "no class the network knows"),
        ("x,y\n1,p\n", "no column \"c\""),
        ("x,c,y\nmany,a,p\n", "not a number"),
    ] {
        let error = other(text).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn what_is_wrong_is_told_with_line_and_column() {
    let plain = Options::default();
    let many: String = (0..1002).map(|i| format!("name{i},{}\n", i % 2)).collect();
    for (text, words) in [
        ("", &["empty"][..]),
        ("x,y\n", &["no rows"]),
        ("x,y\n1,a\n2\n", &["line 3", "1 cells, expected 2"]),
        ("x,y\n1,a\n2,b,c\n", &["line 3", "3 cells"]),
        ("x,x\n1,a\n", &["two columns are called \"x\""]),
        (",,y\n1,1,a\n", &["no name"]),
        ("x,y\n1,a\n2,a\n", &["one class"]),
        (
            "x,y\n1,a\n2,b\n3,a\nabc,b\n",
            &["line 5", "column \"x\"", "\"abc\""],
        ),
        ("x,y\n1,a\ninf,b\n3,a\n", &["line 3", "\"inf\""]),
        ("x,y\n1,a\n1e39,b\n", &["line 3", "1e39"]),
        ("x,y\n,a\n,b\n", &["holds no value"]),
        ("y\na\nb\n", &["no column to learn from"]),
        ("x,y\n1,\"a\n2,b\n", &["line 2", "not closed"]),
        (&format!("x,y\n{many}"), &["more than 1000 different texts"]),
        ("x,y\n1,a\n\0,b\n", &["zero byte at byte 8"]),
        ("PK\u{3}\u{4}\0\0", &["not a text file"]),
    ] {
        assert_refused(text, &plain, words);
    }
    let target = |name: &str| Options {
        target: Some(name.to_owned()),
        ..Options::default()
    };
    assert_refused(
        FLOWERS,
        &target("specie"),
        &["no column \"specie\"", "\"species\""],
    );
    let ignore = Options {
        ignore: names(&["nothing"]),
        ..Options::default()
    };
    assert_refused(FLOWERS, &ignore, &["no column \"nothing\""]);
    let regression = Options {
        regression: true,
        ..Options::default()
    };
    assert_refused(
        "x,y\n1,2\n3,four\n",
        &regression,
        &["line 3", "column \"y\"", "\"four\""],
    );
    let weight = Options {
        weight: Some("x".to_owned()),
        target: Some("y".to_owned()),
        ..Options::default()
    };
    assert_refused("x,z,y\n-1,1,a\n1,2,b\n", &weight, &["line 2", "weight"]);
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_line_and_byte() {
    let path = Path::new("latin1.csv");
    let error = Cells::parse(path, b"x,y\n1,caf\xe9\n".to_vec()).unwrap_err();
    assert!(error.to_string().contains("line 2 (byte 9)"), "{error}");
}

#[test]
fn a_file_that_is_not_there_and_a_folder_without_a_table_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("no.csv"), dir.path().to_owned()] {
        let error = load(&path, &Options::default(), &tail(0.0), None).unwrap_err();
        assert_eq!(error.class(), Class::Data, "{error}");
    }
}

#[test]
fn damaged_tables_never_panic_and_what_is_read_is_whole() {
    let mut sequence = Sequence::new(7, Stream::Test, 40);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.csv");
    let mut read = 0;
    for _ in 0..3000 {
        let mut bytes = FLOWERS.as_bytes().to_vec();
        mutate(&mut bytes, &mut sequence);
        fs::write(&path, &bytes).unwrap();
        for regression in [false, true] {
            let options = Options {
                target: regression.then(|| "length".to_owned()),
                regression,
                missing: Missing::Fill,
                ..Options::default()
            };
            if let Ok(dataset) = load(&path, &options, &tail(0.0), None) {
                read += 1;
                assert_eq!(floats(&dataset).len(), dataset.len() * dataset.sample_len());
                assert!(
                    floats(&dataset).iter().all(|x| x.is_finite()),
                    "{dataset:?}"
                );
            }
        }
    }
    assert!(read > 500, "only {read} were read");
}
