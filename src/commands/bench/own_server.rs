//! **Job:** the configuration of a server of our own, and the keys of the one that is asked.
//! **Owns:** what a server that is started for a run is told.
//! **Never:** starts it.

use std::time::Duration;

use super::Keys;
use super::spawned_server::{LaunchSpec, TempDir};
use crate::auth::Mint;
use crate::commands::{Cli, Failure, load_with_secrets};
use crate::config::{Purpose, Requested, Sources};

/// How long the tokens of a run are valid: longer than the longest run.
const RUN_TOKEN_LIFE: Duration = Duration::from_hours(48);

/// The configuration of a server in a temporary directory, in development mode whatever else is configured, and how it
/// is started with it. What `keys` say gives way to what the command line says; where the server lives does not.
pub(in crate::commands) fn own_server(
    cli: &Cli,
    catalogue: &str,
    keys: &[(&str, &str)],
) -> Result<(Sources, LaunchSpec), Failure> {
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
pub(super) fn no_token(_user: &str) -> String {
    String::new()
}

/// Runs `work` with the keys of the server that `sources` describe.
pub(in crate::commands) fn with_keys<T>(
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
