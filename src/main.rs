//! **Job:** parses the command line, runs the command, ends with its exit code.
//! **Owns:** the exit codes.
//! **Never:** does the work itself.

#![forbid(unsafe_code)]

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use doorbuster::cli::{
    Backup, Bench, Calibrate, Cli, Command, ConfigCommand, Demo, Orders, Salvage, Serve, Token, Top, Verify,
};
use doorbuster::config::{self, ConfigError, Loaded, Purpose, Requested, Sources};
use doorbuster::feed::FeedError;
use doorbuster::http::identity::{IdentityError, Mint};
use doorbuster::inventory::{self, InventoryError};
use doorbuster::lab::bench::{self, BenchError, Keys};
use doorbuster::lab::calibrate::{self, CalibrateError};
use doorbuster::lab::house::{LaunchSpec, TempDir};
use doorbuster::lab::top::{self, OpsUrl, TopError};
use doorbuster::lab::{DataFileError, backup, demo, export, salvage, verify};
use doorbuster::logs;
use doorbuster::server::{self, ServeError};
use doorbuster_actors::ids::UserId;
use doorbuster_actors::sale::{EXIT_STORAGE, let_out_last_words};
use parking_lot::Mutex;

/// mimalloc: an order makes a dozen small allocations on one thread and frees some of them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXIT_VIOLATED: u8 = 1;
const EXIT_CONFIGURATION: u8 = 78;

/// Why a command failed. Its exit code follows from it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("--user: {0}")]
    User(doorbuster_actors::ids::InvalidId),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    #[error(transparent)]
    Salvage(#[from] salvage::CommandError),
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    #[error("server.ops_listen: has port 0, which the system picks: name the server with --url")]
    NoPort,
    #[error(transparent)]
    Top(TopError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl From<TopError> for Failure {
    fn from(error: TopError) -> Self {
        match error {
            TopError::Output(error) => Self::Output(error),
            TopError::Unreachable { .. }
            | TopError::Token(_)
            | TopError::Foreign { .. }
            | TopError::Refused { .. }
            | TopError::Ended => Self::Top(error),
        }
    }
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        let storage = u8::try_from(EXIT_STORAGE).unwrap_or(u8::MAX);
        match self {
            Self::Config(_) | Self::Identity(_) | Self::NoPort => ExitCode::from(EXIT_CONFIGURATION),
            Self::User(_) => ExitCode::from(2),
            Self::Serve(error) => match error {
                ServeError::Sale(_) | ServeError::Commit(_) | ServeError::Feed(FeedError::Read(_)) => {
                    ExitCode::from(storage)
                }
                ServeError::Config(_)
                | ServeError::Catalogue(_)
                | ServeError::Identity(_)
                | ServeError::Redis(_)
                | ServeError::Feed(FeedError::RedisUrl)
                | ServeError::Listen { .. }
                | ServeError::Descriptors { .. }
                | ServeError::PortFile { .. } => ExitCode::from(EXIT_CONFIGURATION),
                ServeError::Ended(_) | ServeError::Feed(FeedError::Thread(_)) => ExitCode::FAILURE,
            },
            Self::Inventory(error) => match error {
                InventoryError::Store(_) => ExitCode::from(storage),
                InventoryError::Url(_)
                | InventoryError::RedisUrl(_)
                | InventoryError::Missing(_)
                | InventoryError::Listen { .. } => ExitCode::from(EXIT_CONFIGURATION),
                InventoryError::Ended(_) | InventoryError::Panicked => ExitCode::FAILURE,
            },
            Self::Calibrate(error) => match error {
                CalibrateError::Folder { .. } | CalibrateError::Ledger { .. } | CalibrateError::Commit { .. } => {
                    ExitCode::from(storage)
                }
                CalibrateError::Interrupted | CalibrateError::Signals(_) => ExitCode::FAILURE,
            },
            // The reader of a pipe has gone: that is how `head` says it has enough.
            Self::Output(error) | Self::DataFile(DataFileError::Output(error))
                if error.kind() == std::io::ErrorKind::BrokenPipe =>
            {
                ExitCode::SUCCESS
            }
            Self::DataFile(DataFileError::NotWhole(_)) => ExitCode::from(EXIT_VIOLATED),
            Self::DataFile(_) | Self::Backup(_) | Self::Salvage(_) => ExitCode::from(storage),
            Self::Bench(_) | Self::Output(_) | Self::Top(_) => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    survive_size_limit();
    let cli = Cli::parse();
    let logs = logs::start(cli.common.log_format.map(logs::Format::from)).map(|logs| Arc::new(Mutex::new(Some(logs))));
    let code = logs.map_err(Failure::from).and_then(|logs| {
        let queue = Arc::clone(&logs);
        // Dropping them writes what is in the queue, and waits for it for a second at most.
        let_out_last_words(move || drop(queue.lock().take()));
        let done = run(&cli);
        drop(logs.lock().take());
        done
    });
    code.unwrap_or_else(|failure| {
        let code = failure.exit_code();
        if code != ExitCode::SUCCESS {
            let _closed = writeln!(std::io::stderr(), "doorbuster: {failure}");
        }
        code
    })
}

/// A file that may not grow further (`RLIMIT_FSIZE`) is a full disk: the write says so, if SIGXFSZ does not kill first.
fn survive_size_limit() {
    let seen = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen) {
        let _closed = writeln!(std::io::stderr(), "doorbuster: cannot handle SIGXFSZ: {error}");
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Serve(command) => serve(cli, command),
        Command::Token(token) => print_tokens(cli, token),
        Command::Verify(Verify { json, .. }) => {
            let report = verify::audit(&config::load(cli.sources())?.config.storage.path)?;
            report.print(*json, &mut std::io::stdout().lock())?;
            Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
        }
        Command::Backup(Backup { to, .. }) => back_up(cli, to),
        Command::Salvage(Salvage { to, json, .. }) => {
            let outcome = salvage::run(&config::load(cli.sources())?.config.storage.path, to)?;
            outcome.print(*json, &mut std::io::stdout().lock())?;
            Ok(if outcome.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
        }
        Command::Orders(Orders { item, format, .. }) => {
            let path = config::load(cli.sources())?.config.storage.path;
            let out = std::io::BufWriter::new(std::io::stdout().lock());
            export::orders(&path, item.as_ref(), *format, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Calibrate(options) => calibrate_disk(cli, options),
        Command::Top(options) => show_top(cli, options),
        Command::Inventory(_) => {
            let loaded = load_with_secrets(cli.sources(), &[Purpose::Pull])?;
            warn_of_exposed_files(&loaded);
            actix_web::rt::System::new().block_on(inventory::run(&loaded))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Bench(command) => run_bench(cli, command),
        Command::Demo(command) => run_demo(cli, command),
        Command::Config(command) => show_config(cli, command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "doorbuster", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn back_up(cli: &Cli, to: &Path) -> Result<ExitCode, Failure> {
    let report = backup::run(&config::load(cli.sources())?.config.storage.path, to)?;
    let mut out = std::io::stdout().lock();
    report.print(false, &mut out)?;
    if report.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "the ledger is not whole: no copy is kept. `doorbuster salvage` rebuilds what can be proven")?;
    Ok(ExitCode::from(EXIT_VIOLATED))
}

/// The configuration with the secrets that `purposes` need; in development mode they are generated once, beside the
/// data file.
fn load_with_secrets(sources: Sources, purposes: &[Purpose]) -> Result<Loaded, ConfigError> {
    let mut loaded = config::load(sources)?;
    config::fill_secrets(&mut loaded)?;
    purposes.iter().try_for_each(|purpose| config::demand(&loaded, *purpose))?;
    Ok(loaded)
}

fn show_config(cli: &Cli, command: &ConfigCommand) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check(_) => {
            let loaded = load_with_secrets(cli.sources(), &[Purpose::Serve])?;
            writeln!(out, "the configuration is valid")?;
            writeln!(out, "{} mode: {}", loaded.mode, loaded.cause)?;
            for exposure in &loaded.exposed {
                writeln!(out, "warning: {exposure}")?;
            }
        }
        ConfigCommand::Show(_) => out.write_all(config::show(&config::load(cli.sources())?).as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Files with secrets that others can use are told, not refused: see [`config::Exposure`].
fn warn_of_exposed_files(loaded: &Loaded) {
    for exposure in &loaded.exposed {
        tracing::warn!(%exposure, "a file with secrets is open to other users");
    }
}

fn serve(cli: &Cli, command: &Serve) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Serve])?;
    warn_of_exposed_files(&loaded);
    actix_web::rt::System::new().block_on(server::run(&loaded, command.slow_item.clone()))?;
    Ok(ExitCode::SUCCESS)
}

fn print_tokens(cli: &Cli, token: &Token) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Sign])?;
    let mint = Mint::new(&loaded.config.auth)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match token.count {
        None => writeln!(out, "{}", mint.token(token.user.as_str(), token.ttl))?,
        Some(count) => {
            for number in 1..=count {
                let user: UserId = format!("{}-{number}", token.user).parse().map_err(Failure::User)?;
                writeln!(out, "{user} {}", mint.token(user.as_str(), token.ttl))?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn show_top(cli: &Cli, options: &Top) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Operate])?;
    let url = options.url.clone().or_else(|| OpsUrl::of(loaded.config.server.ops_listen)).ok_or(Failure::NoPort)?;
    let view = top::View {
        url,
        token: loaded.config.auth.admin_token.expose(),
        sort: options.sort,
        limit: options.limit,
        search: options.search.clone(),
    };
    if options.once || !std::io::stdout().is_terminal() {
        top::print(view, &mut std::io::stdout().lock())?;
    } else {
        top::watch(view)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How long the tokens of a run are valid: longer than the longest run.
const RUN_TOKEN_LIFE: Duration = Duration::from_hours(48);

fn run_bench(cli: &Cli, command: &Bench) -> Result<ExitCode, Failure> {
    let is_own = command.url.is_none() && !command.self_test;
    let (catalogue, keys) = bench::own_sale(command);
    let (sources, recipe) = if is_own {
        let (sources, recipe) = own_server(cli, &catalogue, keys)?;
        (sources, Some(recipe))
    } else {
        (cli.sources(), None)
    };
    let needs_tokens = command.tokens.is_none() && !command.self_test;
    let sign = needs_tokens.then_some(Purpose::Sign);
    let purposes: Vec<_> = sign.into_iter().chain(command.ops_url.as_ref().map(|_| Purpose::Operate)).collect();
    let report = if purposes.is_empty() {
        bench::run(command, recipe, &Keys { admin_token: String::new(), mint: &no_token })?
    } else {
        with_keys(sources, &purposes, |keys| Ok(bench::run(command, recipe, keys)?))?
    };
    let mut out = std::io::stdout().lock();
    if command.json {
        writeln!(out, "{}", report.to_json())?;
    } else {
        report.print(&mut out)?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

fn run_demo(cli: &Cli, command: &Demo) -> Result<ExitCode, Failure> {
    let (sources, recipe) = own_server(cli, "", demo::KEYS)?;
    let is_clean = with_keys(sources, &[Purpose::Sign, Purpose::Operate], |keys| {
        Ok(demo::run(command, recipe, keys, &mut std::io::stdout().lock())?)
    })?;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

/// The configuration of a server in a temporary directory, in development mode whatever else is configured, and how it
/// is started with it. What `keys` say gives way to what the command line says; where the server lives does not.
fn own_server(cli: &Cli, catalogue: &str, keys: &[(&str, &str)]) -> Result<(Sources, LaunchSpec), Failure> {
    let (program, temporary) = Cli::surroundings()?;
    let place = TempDir::new(&temporary)?;
    let mut sources = cli.sources();
    let weak = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    sources.flags = weak.chain(std::mem::take(&mut sources.flags)).chain(place.keys(catalogue)?).collect();
    sources.requested = Requested::Development;
    let mut arguments = vec!["serve".to_owned(), "--dev".to_owned()];
    if let Some(file) = &sources.file {
        arguments.extend(["--config".to_owned(), file.to_string_lossy().into_owned()]);
    }
    arguments.extend(sources.flags.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]));
    Ok((sources, LaunchSpec { program, arguments, place }))
}

/// For runs that bring their own tokens.
fn no_token(_user: &str) -> String {
    String::new()
}

/// Runs `work` with what opens the doors of the server that `sources` describe.
fn with_keys<T>(
    sources: Sources,
    purposes: &[Purpose],
    work: impl FnOnce(&Keys<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let loaded = load_with_secrets(sources, purposes)?;
    let mint = Mint::new(&loaded.config.auth);
    let admin_token = loaded.config.auth.admin_token.expose().to_owned();
    match mint {
        Ok(mint) => work(&Keys { admin_token, mint: &|user| mint.token(user, RUN_TOKEN_LIFE) }),
        Err(_not_ours) if !purposes.contains(&Purpose::Sign) => work(&Keys { admin_token, mint: &no_token }),
        Err(error) => Err(error.into()),
    }
}

fn calibrate_disk(cli: &Cli, options: &Calibrate) -> Result<ExitCode, Failure> {
    let data_file = config::load(cli.sources())?.config.storage.path;
    let beside = data_file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = options.dir.as_deref().unwrap_or(beside);
    let report = actix_web::rt::System::new().block_on(calibrate::run(folder, options.seconds))?;
    let format = if options.json { calibrate::Format::Json } else { calibrate::Format::Text };
    report.print(format, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
