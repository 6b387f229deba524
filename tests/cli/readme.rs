//! The readme tells what is there, and its commands do what it says.

use super::*;
use anygrad::config;

const README: &str = include_str!("../../README.md");

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    let begins = README
        .match_indices(&fence)
        .map(|(at, fence)| at + fence.len());
    begins
        .map(|begin| README[begin..].split("\n```").next().unwrap())
        .collect()
}

/// What stands behind the prompts, as words; comments are left out.
fn commands() -> Vec<Vec<&'static str>> {
    let blocks = [blocks("console"), blocks("text")].concat();
    let lines = blocks.into_iter().flat_map(str::lines);
    let commands = lines.filter_map(|line| line.strip_prefix("$ "));
    commands
        .map(|command| {
            let words = command.split_whitespace();
            words.take_while(|word| *word != "#").collect()
        })
        .collect()
}

/// What stands between backticks in the text, and the commands.
fn code() -> Vec<String> {
    let mut in_block = false;
    let mut spans = Vec::new();
    for line in README.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            spans.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    spans.extend(commands().into_iter().map(|words| words.join(" ")));
    spans
}

/// The IDX file of `count` samples: images of 28 × 28 with the label in their brightness, or the labels.
fn idx(count: u8, images: bool) -> Vec<u8> {
    let rank = if images { 3 } else { 1 };
    let mut bytes = vec![0, 0, 8, rank, 0, 0, 0, count];
    if images {
        bytes.extend([0, 0, 0, 28, 0, 0, 0, 28]);
    }
    for sample in 0..count {
        let label = sample % 10;
        if images {
            bytes.extend([label * 25; 28 * 28]);
        } else {
            bytes.push(label);
        }
    }
    bytes
}

/// The files that the readme's reader has.
fn prepare(folder: &Path) {
    let mnist = folder.join("mnist");
    fs::create_dir(&mnist).unwrap();
    for (part, count) in [("train", 50), ("t10k", 20)] {
        let images = mnist.join(format!("{part}-images-idx3-ubyte"));
        fs::write(images, idx(count, true)).unwrap();
        let labels = mnist.join(format!("{part}-labels-idx1-ubyte"));
        fs::write(labels, idx(count, false)).unwrap();
    }
    for name in ["a.png", "b.png"] {
        let pixels = [200; 28 * 28];
        image::save_buffer(folder.join(name), &pixels, 28, 28, image::ColorType::L8).unwrap();
    }
}

#[test]
fn every_command_of_the_readme_works() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    prepare(folder.path());
    let mut run = 0;
    for mut args in commands() {
        if args[0] != "anygrad" {
            continue;
        }
        args.remove(0);
        if args[0] == "train" {
            // One epoch shows that it works.
            args.extend(["--set", "train.epochs=1"]);
        }
        let said = anygrad(folder.path(), &args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.stderr);
        run += 1;
        let weights = folder.path().join("runs/mnist-cnn/weights.safetensors");
        if weights.exists() {
            // What Python saves in the example has the same names and shapes.
            fs::copy(weights, folder.path().join("start.safetensors")).unwrap();
        }
    }
    assert!(run >= 5, "{run} commands were found");
}

#[test]
fn every_verb_and_option_of_the_readme_exists() {
    let help: Vec<String> = VERBS
        .iter()
        .map(|verb| in_empty(&[verb, "--help"]).stdout)
        .collect();
    let (mut verbs, mut options) = (0, 0);
    for code in code() {
        let mut words = code.split_whitespace();
        let Some(first) = words.next() else { continue };
        let is_anygrad = first == "anygrad";
        if is_anygrad {
            if let Some(verb) = words.next() {
                let known = VERBS.contains(&verb) || verb == "help";
                assert!(known, "there is no `anygrad {verb}`");
                verbs += 1;
            }
        } else if !first.starts_with("--") {
            continue;
        }
        for option in code
            .split_whitespace()
            .filter(|word| word.starts_with("--"))
        {
            // An option of cargo, in the way to build.
            let known = option == "--features"
                || help
                    .iter()
                    .any(|help| help.split_whitespace().any(|word| word == option));
            assert!(known, "there is no option {option}, as in `{code}`");
            options += 1;
        }
    }
    assert!(
        verbs >= 10 && options >= 4,
        "{verbs} verbs, {options} options"
    );
    for verb in VERBS {
        assert!(
            README.contains(&format!("| `anygrad {verb}")),
            "{verb} has a row"
        );
        let said = in_empty(&["help", verb]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{verb}");
    }
}

#[test]
fn every_network_that_the_readme_names_comes_along() {
    let named: Vec<String> = code()
        .iter()
        .flat_map(|code| code.split_whitespace())
        .filter(|word| word.ends_with(".toml") && *word != "config.toml")
        .map(str::to_owned)
        .collect();
    for name in &named {
        let name = name.trim_start_matches("assets/nets/");
        let known = config::shipped().any(|(shipped, _)| shipped == name);
        assert!(known, "{name} does not come along");
    }
    for (shipped, _) in config::shipped() {
        assert!(
            named.iter().any(|name| name.ends_with(shipped)),
            "{shipped} is named"
        );
    }
}

#[test]
fn the_network_and_the_pieces_of_the_readme_are_configurations() {
    let blocks = blocks("toml");
    let whole = |text: &&&str| text.contains("[[layer]]") && text.contains("[optimizer]");
    let [text] = blocks.iter().filter(whole).collect::<Vec<_>>()[..] else {
        panic!("one network is described");
    };
    let config = config::parse("readme.toml", text, &[]).unwrap();
    assert_eq!(config.layers.len(), 4);
    // Pieces of a configuration are right with the rest around them.
    let rest = "[optimizer]\nkind = \"sgd\"\n[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 1\n";
    for piece in blocks.iter().filter(|text| !whole(text)) {
        let data = match piece.contains("[data]") {
            true => "",
            false => "[data]\nsource = \"digits\"\n",
        };
        let text = format!("{piece}\n{data}{rest}");
        config::parse("readme.toml", &text, &[]).unwrap_or_else(|e| panic!("{text}\n{e}"));
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = in_empty(&["--help"]).stdout;
    for code in [0, 1, 2, 3, 4, 5, 70] {
        assert!(README.contains(&format!("\n| {code} | ")), "{code}");
        assert!(help.contains(&format!("  {code} ")), "{code}");
    }
}
