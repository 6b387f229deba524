//! Mistakes in what is said of a source of data.

use super::*;

#[test]
fn keys_of_other_sources_are_refused_with_the_source_they_belong_to() {
    let with = |source: &str, line: &str| {
        let data = format!("source = \"{source}\"\n{line}");
        mistake(&SMALL.replace("source = \"digits\"", &data))
    };
    for (source, line, owner) in [
        ("idx", "size = 8", "images, not idx"),
        ("csv", "channels = 1", "images, not csv"),
        ("images", "target = \"y\"", "csv, not images"),
        (
            "images",
            "task = \"classification\"",
            "csv, npy, not images",
        ),
        ("idx", "test = 0.1", "images, csv, npy, text, not idx"),
        (
            "digits",
            "path = \"p\"",
            "idx, cifar10, images, csv, npy, text, not digits",
        ),
        (
            "text",
            "normalize = \"standard\"",
            "digits, idx, cifar10, images, csv, npy, not text",
        ),
        ("csv", "context = 8", "text, not csv"),
    ] {
        let found = with(source, line);
        assert!(
            found.contains(&format!("belongs to source {owner}")),
            "{found}"
        );
    }
    for (source, line, what) in [
        ("images", "channels = 2", "1, 3 or 4"),
        ("images", "channels = 5", "from 1 to 4"),
        ("csv", "task = \"regression\"", "loss is one of classes"),
        ("csv", "ignore = \"id\"", "write a list"),
        (
            "csv",
            "normalize = \"standard\"\nmean = 0.5",
            "fitted, or given?",
        ),
        ("text", "context = 0", "from 1 to 65536"),
        ("csv", "max_tokens = 9", "no column is text"),
        (
            "csv",
            "text = \"t\"\ncategorical = [\"a\"]",
            "beside `text`",
        ),
        (
            "text",
            "[train]\nloss = \"mse\"",
            "loss is not cross_entropy",
        ),
    ] {
        let found = with(source, line);
        assert!(found.contains(what), "{found}");
    }
}
