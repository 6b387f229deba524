//! A table, read as classes and as numbers, and checked.
#![no_main]

use std::sync::LazyLock;

use anygrad::data::table::{Missing, Options, TextColumn, Unit};
use anygrad::data::{audit, table};
use anygrad_fuzz::{Folder, WHOLE, hold};
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<Folder> = LazyLock::new(|| Folder::with(vec![("a.csv", Vec::new())]));

fuzz_target!(|text: &[u8]| {
    FILES.while_one_is(0, text, |folder| {
        let path = folder.join("a.csv");
        for (regression, missing) in [
            (false, Missing::Refuse),
            (true, Missing::Fill),
            (true, Missing::Drop),
        ] {
            let options = Options {
                target: None,
                regression,
                weight: None,
                ignore: Vec::new(),
                categorical: Vec::new(),
                ordinal: regression,
                missing,
                text: None,
            };
            hold(table::load(&path, &options, &WHOLE, None));
        }
        // As classes of its texts, which are its first column where it has names.
        let column = TextColumn {
            name: "a".to_owned(),
            unit: Unit::Words,
            length: 5,
            most: 16,
        };
        let options = Options {
            text: Some(column),
            ..Options::default()
        };
        hold(table::load(&path, &options, &WHOLE, None));
        hold(audit::check(&path, None, &mut |_, _| Ok(())));
    });
});
