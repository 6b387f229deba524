//! `anygrad train`: a configuration and data become a run folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Device;
use super::format;
use super::output::Out;
use super::signals;
use crate::config::{self, Config, DataSource, Every, OnNan};
use crate::error::{Class, Error, Result};
use crate::report::{self, RunFolder, Summary};
use crate::train::{self, Control, Request, Resume, Stop, Tune};

mod folds;
mod lines;
mod objects;
mod overfit;
mod profile;
mod resume;
mod session;
#[cfg(feature = "tui")]
mod tui;

use session::{Pace, Run, Session};

/// What happens before the first step.
const PREPARING: &str = "reading the data, planning, compiling the shaders";

/// Train a network; without CONFIG, on handwritten digits that are inside the program
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad train
  anygrad train mnist-cnn --data mnist/ --name first
  anygrad train my.toml --set train.epochs=5 --set layer.dense1.out_features=32
  anygrad train --resume runs/first")]
pub(super) struct Options {
    /// The network and how to train it: a TOML file, or digits, mnist-mlp, mnist-cnn, mnist-99, cifar-resnet20, which come along
    #[arg(value_name = "CONFIG.toml")]
    config: Option<PathBuf>,
    /// Where the data is, if not where the configuration says
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The folder that gets a folder for each run
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Change a value of the configuration; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The number all randomness comes from: the same seed gives the same weights
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Train K times, each time with another part of the training samples held out, and tell mean and deviation
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..), conflicts_with_all = ["resume", "overfit"])]
    folds: Option<u16>,
    /// Begin with these weights instead of random ones
    #[arg(long, value_name = "FILE.safetensors")]
    init: Option<PathBuf>,
    /// Begin with the weights of another network, as far as names and shapes are the same: a run folder or a file
    #[arg(long, value_name = "RUN|FILE", conflicts_with_all = ["init", "resume"])]
    init_from: Option<PathBuf>,
    /// Time every kernel: a table at the end, and trace.json in the run folder, which ui.perfetto.dev opens
    #[arg(long)]
    profile: bool,
    /// What the run and its folder are called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Which kernels: `off` (guessed), `cached` (measured before), `full` (measured now, where not before), or those of a run
    #[arg(long, value_name = "HOW|RUN", default_value = "cached")]
    tune: PathBuf,
    /// Go on with a run that was stopped or killed, to the same bits as without the break
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "seed", "init", "name", "out", "tune"])]
    resume: Option<PathBuf>,
    /// Keep the state of the training so often: 500steps, 1epoch, 10m, never
    #[arg(long, value_name = "SPAN")]
    checkpoint_every: Option<Every>,
    /// End after so much time (90s, 10m, 2h) with what there is; --resume goes on
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// Train on one batch alone, as a check of the network: does its loss go to 0? No run folder
    #[arg(long, conflicts_with_all = ["resume", "name", "out", "time", "checkpoint_every"])]
    overfit: bool,
    /// Show curves and figures on the whole terminal while it trains; q stops as Ctrl-C does
    #[arg(long, conflicts_with_all = ["folds", "overfit"])]
    tui: bool,
    #[command(flatten)]
    device: Device,
}

/// Where the choice of kernels comes from.
fn tune(how: &Path) -> Result<Tune> {
    match how.to_str() {
        Some("off") => Ok(Tune::Off),
        Some("cached") => Ok(Tune::Cached),
        Some("full") => Ok(Tune::Full),
        _ => Ok(Tune::As(report::kernels(how)?.choices)),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(Every::Time(time)) => Ok(time),
        _ => Err("it must be a number with a unit: 90s, 10m or 2h".to_owned()),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    let refused = |_| format!("it must be a whole number from 0 to {}", u64::MAX);
    text.parse().map_err(refused)
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    if options.overfit {
        return overfit::run(options, out);
    }
    let stop = Stop::default();
    #[cfg(not(feature = "tui"))]
    if options.tui {
        return Err(Error::usage(
            "--tui: this anygrad has no dashboard: it was built without the feature `tui`",
            "leave it out, or build with `cargo build --release --features tui`",
        ));
    }
    let begin = match &options.resume {
        None => Begin::new(options)?,
        Some(run) => match resume::open(options, run, out)? {
            Some(begin) => begin,
            None => return Ok(()),
        },
    };
    let request = Request {
        config: begin.config,
        data: options.data.clone(),
        fold: None,
        init: begin.init.clone(),
        adapter: options.device.choice(),
        trust: options.device.trust(),
        tune: begin.tune,
        control: Control {
            resume: begin.resume,
            stop: stop.clone(),
            time: options.time,
            rates: None,
        },
        profile: options.profile,
    };
    out.outlive_the_reader();
    signals::catch(&stop)?;
    if let Some(count) = options.folds {
        return folds::run(&request, &begin.kept, count.into(), &options.out, out);
    }
    #[cfg(feature = "tui")]
    let shows = options.tui;
    #[cfg(not(feature = "tui"))]
    let shows = false;
    let (summary, folder) = once(
        &request,
        &begin.kept,
        begin.folder,
        &options.out,
        shows,
        out,
    )?;
    tell_end(&summary, &folder, &begin.kept, out)
}

/// One training, told as it goes, in the folder of a run that goes on or else in a new one below `parent`; its summary and its folder.
fn once(
    request: &Request,
    kept: &Config,
    reopened: Option<RunFolder>,
    parent: &Path,
    shows: bool,
    out: &Out,
) -> Result<(Summary, PathBuf)> {
    #[cfg(feature = "tui")]
    let dashboard =
        (shows.then(|| tui::Dashboard::open(request.control.stop.clone(), out))).transpose()?;
    if shows {
        out.hold_back();
    }
    out.begin_spinner(PREPARING);
    let mut session = Session {
        out,
        parent,
        config: kept,
        init: request.init.as_deref(),
        reopened,
        run: None,
        unsaved: None,
        pace: Pace::new(Instant::now()),
        #[cfg(feature = "tui")]
        dashboard,
    };
    let trained = train::train(request, &mut |event| session.observe(event));
    #[cfg(feature = "tui")]
    drop(session.dashboard.take());
    out.release();
    out.end_bar();
    let finished = trained.and_then(|outcome| {
        let run = session.run.as_mut().expect("a training tells its start");
        let summary = run.folder.finish(&run.start, &outcome)?;
        for line in outcome.profile.iter().flat_map(profile::lines) {
            out.talk(line);
        }
        Ok(summary)
    });
    let summary = match (finished, session.run.as_ref()) {
        (Ok(summary), _) => summary,
        (Err(error), None) => return Err(error),
        (Err(error), Some(run)) => return Err(unfinished(error, run, session.unsaved, out)),
    };
    let run = session.run.expect("a training tells its start");
    Ok((summary, run.folder.path().to_owned()))
}

/// The error of a run that did not finish, with what can be done about it.
fn unfinished(error: Error, run: &Run, unsaved: Option<Error>, out: &Out) -> Error {
    let path = run.folder.path().display();
    if !matches!(error.class(), Class::Stopped(_)) {
        let folder = format::clean(&path);
        out.warn(&format!(
            "the run did not finish; what there is of it is in {folder}"
        ));
        return error;
    }
    match unsaved {
        // It was stopped, and what it was stopped at is lost.
        Some(unsaved) => unsaved,
        None => Error::new(
            error.class(),
            error.to_string(),
            format!("anygrad train --resume {}", format::shell(path)),
        ),
    }
}

fn tell_end(summary: &Summary, folder: &Path, config: &Config, out: &Out) -> Result<()> {
    let (verb, example) = match config.data.source {
        DataSource::Digits | DataSource::Idx | DataSource::Cifar10 | DataSource::Images => {
            ("predict", "image.png")
        }
        DataSource::Csv => ("predict", "new.csv"),
        DataSource::Npy => ("predict", "new.npy"),
        DataSource::Text => ("generate", "--prompt \"...\""),
    };
    out.object(&objects::End::new(summary, folder))?;
    let shown = format::clean(folder.display());
    out.line("")?;
    out.prose(&lines::end(summary, &shown))?;
    let run = format::shell(folder.display());
    out.talk("");
    out.hint("next:", &format!("anygrad eval {run}"));
    out.talk(format!("      anygrad {verb} {run} {example}"));
    Ok(())
}

/// What a training begins with.
struct Begin {
    config: Config,
    /// As the run folder keeps it.
    kept: Config,
    init: Option<PathBuf>,
    tune: Tune,
    /// The state to go on from, and the folder it was in.
    resume: Option<Arc<Resume>>,
    folder: Option<RunFolder>,
}

impl Begin {
    /// A new run.
    fn new(options: &Options) -> Result<Self> {
        let mut config = configuration(options)?;
        if options.init.is_some() {
            config.init_from = None;
        }
        let from = config.init_from.as_deref().map(train::weights_file);
        Ok(Self {
            kept: kept(&config, options.data.as_deref())?,
            config,
            init: options.init.clone().or(from),
            tune: tune(&options.tune)?,
            resume: None,
            folder: None,
        })
    }
}

/// The configuration that the command line asks for.
fn configuration(options: &Options) -> Result<Config> {
    let mut sets = options.sets.clone();
    if let Some(path) = &options.init_from {
        let path = toml::Value::from(path.to_string_lossy().as_ref());
        sets.push(format!("init_from={path}"));
    }
    if let Some(name) = &options.name {
        if let Some(reason) = config::unfit_name(name) {
            let shown: String = format::clean(name).chars().take(40).collect();
            return Err(Error::usage(
                format!("--name {reason}, but is {shown:?}"),
                "it names the folder of the run: letters, digits, `-`, `_` and `.` are safe",
            ));
        }
        sets.push(format!("name={}", toml::Value::from(name.as_str())));
    }
    let mut config = network(options.config.as_deref(), &sets)?;
    if let Some(seed) = options.seed {
        config.seed = seed;
    }
    if let Some(every) = options.checkpoint_every {
        config.checkpoints.every = every;
    }
    if let (OnNan::Rollback(_), Every::Time(_) | Every::Never) =
        (config.checkpoints.on_nan, config.checkpoints.every)
    {
        return Err(Error::usage(
            "--checkpoint-every depends on the clock or never comes, but checkpoint.on_nan = \"rollback\" needs checkpoints at \
             fixed steps",
            "give a number of steps or epochs",
        ));
    }
    Ok(config)
}

/// The configuration at `path` with some values changed; without one, that of the digits.
pub(super) fn network(path: Option<&Path>, sets: &[String]) -> Result<Config> {
    match path {
        None => {
            let (name, text) = config::SHIPPED[0];
            config::parse(name, text, sets)
        }
        Some(path) => read(path, sets),
    }
}

/// The file at `path`, or else the network of that name that comes along.
fn read(path: &Path, sets: &[String]) -> Result<Config> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Error::usage(
            format!("{shown}: a folder, where the TOML file of a network is wanted"),
            "data is given with --data; `anygrad train` alone trains on digits inside the program",
        ));
    }
    if path.exists() {
        return config::load(path, sets);
    }
    let asked = path.to_str().unwrap_or("");
    let shipped = config::shipped()
        .find(|(name, _)| asked == *name || Some(asked) == name.strip_suffix(".toml"));
    if let Some((name, text)) = shipped {
        return config::parse(name, text, sets);
    }
    let names: Vec<&str> = config::shipped().map(|(name, _)| name).collect();
    let names = names.join(", ");
    Err(Error::usage(
        format!("{shown}: there is no such file"),
        format!("these networks come along, by name alone: {names}"),
    ))
}

/// The configuration as the run folder keeps it: data is found from any working directory.
fn kept(config: &Config, data: Option<&Path>) -> Result<Config> {
    let mut kept = config.clone();
    let path = data.or(config.data.path.as_deref());
    if let (true, Some(path)) = (config.data.source != DataSource::Digits, path) {
        let absolute = std::path::absolute(path).map_err(|e| Error::io(path, "find", e))?;
        kept.data.path = Some(absolute);
    }
    if let Some(path) = &config.init_from {
        let absolute = std::path::absolute(path).map_err(|e| Error::io(path, "find", e))?;
        kept.init_from = Some(absolute);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    fn options(config: Option<&str>) -> Options {
        Options {
            config: config.map(PathBuf::from),
            data: None,
            out: PathBuf::from("runs"),
            sets: Vec::new(),
            seed: None,
            folds: None,
            init: None,
            init_from: None,
            name: None,
            tune: PathBuf::from("off"),
            resume: None,
            checkpoint_every: None,
            time: None,
            overfit: false,
            profile: false,
            tui: false,
            device: Device {
                adapter: None,
                checked: false,
            },
        }
    }

    #[test]
    fn without_a_configuration_the_digits_are_trained() {
        let config = configuration(&options(None)).unwrap();
        assert_eq!((config.name.as_str(), config.seed), ("digits", 1));
    }

    #[test]
    fn networks_that_come_along_are_found_with_and_without_their_ending() {
        for name in ["mnist-cnn", "mnist-cnn.toml"] {
            let config = configuration(&options(Some(name))).unwrap();
            assert_eq!(config.name, "mnist-cnn");
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let mut options = options(Some("digits"));
        options.seed = Some(7);
        options.name = Some("mine".to_owned());
        options.sets = vec!["train.epochs=3".to_owned()];
        let config = configuration(&options).unwrap();
        assert_eq!((config.name.as_str(), config.seed), ("mine", 7));
        assert_eq!(config.train.length, config::Length::Epochs(3));
    }

    #[test]
    fn a_name_that_is_no_folder_is_refused() {
        let mut options = options(None);
        options.name = Some("../up".to_owned());
        let error = configuration(&options).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.to_string().starts_with("--name "), "{error}");
    }

    #[test]
    fn a_configuration_that_is_not_there_names_those_that_are() {
        let error = configuration(&options(Some("no/such.toml"))).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.help().contains("mnist-mlp.toml"), "{}", error.help());
        let error = configuration(&options(Some("src"))).unwrap_err();
        assert!(error.to_string().contains("a folder"), "{error}");
    }

    #[test]
    fn a_kept_configuration_finds_its_data_from_anywhere() {
        let mut config = configuration(&options(Some("mnist-mlp"))).unwrap();
        let path = kept(&config, Some(Path::new("data/x")))
            .unwrap()
            .data
            .path
            .unwrap();
        assert!(path.is_absolute() && path.ends_with("data/x"), "{path:?}");
        config.data.path = Some(PathBuf::from("from/file"));
        let path = kept(&config, None).unwrap().data.path.unwrap();
        assert!(
            path.is_absolute() && path.ends_with("from/file"),
            "{path:?}"
        );
    }
}
