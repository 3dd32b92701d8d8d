//! **Job:** says what an error of Redis means.
//! **Owns:** the closed set of causes, and what to do about each.
//! **Never:** repeats the server's own words: only the code of an error, if it looks like one.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerError};

/// Longest error code that is told, in bytes. The longest of Redis' own has 14.
const MAX_CODE_LENGTH: usize = 16;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $advice:literal;)*) => {
        /// Why a command has no usable answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in metrics and in the log.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What to do about it, as a sentence.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

causes! {
    /// Nobody listens there, or the connection breaks.
    Unreachable = "unreachable",
        "Nothing answers at the address of redis.url: is Redis running, and are host and port right?";
    /// No answer within the time-out.
    TimedOut = "timed_out",
        "No answer came within redis.timeout: look at the load of Redis and at the network, or allow more time.";
    /// No common ground on certificates.
    Tls = "tls",
        "TLS could not be agreed on: rediss:// needs Redis' TLS port, and redis.tls_ca_file the authority of its \
         certificate, with the host name of redis.url in it.";
    /// Wrong or no password.
    WrongCredentials = "wrong_credentials",
        "Redis does not accept user and password: correct them in redis.url (or in the file of redis.url_file).";
    /// The account may not run the command, or not on these keys.
    NoPermission = "no_permission",
        "The account lacks a permission: give it the commands and keys that deploy/README.md names (ACL SETUSER).";
    /// No such database.
    WrongDatabase = "wrong_database",
        "The database in redis.url does not exist there (a cluster has only 0): correct its number.";
    /// Too many connections.
    TooManyClients = "too_many_clients",
        "Redis takes no more connections: raise maxclients there, or find out who holds them.";
    /// The key belongs to another node.
    Cluster = "cluster",
        "This Redis is a cluster, which is not supported: use one without cluster mode, or begin redis.prefix (and \
         feed.redis_stream) with a hash tag in braces and name the node that has it.";
    /// A replica.
    ReadOnly = "read_only",
        "This Redis is a read-only replica: let redis.url name the primary.";
    /// `maxmemory` is reached.
    OutOfMemory = "out_of_memory",
        "Redis has reached maxmemory and evicts nothing: give it more, or clear up.";
    /// It cannot save, or has too few replicas, and therefore takes no writes.
    CannotPersist = "cannot_persist",
        "Redis takes no writes because it cannot save them or has too few replicas: look at its log and disk.";
    /// It reads its file, or waits for its primary.
    Loading = "loading",
        "Redis is still loading, or a replica without its primary: wait, it is asked again.";
    /// A script fails, hangs, or is switched off.
    Script = "script",
        "Scripts do not run: look for a busy script (SCRIPT KILL), and for EVAL, EVALSHA and SCRIPT being renamed or \
         switched off.";
    /// The key holds something else.
    WrongType = "wrong_type",
        "A key holds something that is not ours: give redis.prefix or feed.redis_stream a name that nobody else uses.";
    /// No such command.
    UnknownCommand = "unknown_command",
        "Redis does not know the command: it is too old (6.2 is needed), or the command was renamed.";
    /// Anything else.
    Unexpected = "unexpected",
        "What came back makes no sense: is it a Redis that listens there?";
}

impl Cause {
    /// Whether it often goes away by itself: one failure says little, a row of them much.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::TooManyClients)
    }

    /// Whether somebody has to change something; the others often end with what they come from.
    #[must_use]
    pub fn needs_somebody(self) -> bool {
        !self.is_transient() && self != Self::Loading
    }

    /// Whether it may hold for some keys only: then a success says nothing about the others.
    #[must_use]
    pub fn is_partial(self) -> bool {
        matches!(self, Self::Cluster | Self::WrongType | Self::Unexpected)
    }

    /// Whether a new connection may be better than the old one: to another machine of that name, or after a login.
    #[must_use]
    pub fn wants_new_connection(self) -> bool {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::Tls
            | Self::WrongCredentials
            | Self::WrongDatabase
            | Self::TooManyClients
            | Self::ReadOnly
            | Self::Loading
            | Self::Unexpected => true,
            Self::NoPermission
            | Self::Cluster
            | Self::OutOfMemory
            | Self::CannotPersist
            | Self::Script
            | Self::WrongType
            | Self::UnknownCommand => false,
        }
    }

    /// Whether scripts are refused as such, so that something else may do.
    #[must_use]
    pub fn refuses_scripts(self) -> bool {
        matches!(self, Self::NoPermission | Self::Script | Self::UnknownCommand)
    }

    fn of(error: &RedisError) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "an enum of the library: the others are told by their codes"
        )]
        match error.kind() {
            ErrorKind::AuthenticationFailed => return Self::WrongCredentials,
            // Certificate and key that do not belong together show when a connection is made.
            ErrorKind::InvalidClientConfig => return Self::Tls,
            ErrorKind::Io => return if is_about_tls(error) { Self::Tls } else { Self::Unreachable },
            _ => {}
        }
        match told_by_server(error) {
            Some(told) => Self::told(told.code(), told.details().unwrap_or_default()),
            None => Self::told(error.code().unwrap_or_default(), error.detail().unwrap_or_default()),
        }
    }

    fn told(code: &str, details: &str) -> Self {
        match code {
            "NOAUTH" | "WRONGPASS" | "DENIED" => Self::WrongCredentials,
            "NOPERM" => Self::NoPermission,
            "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" | "TRYAGAIN" => Self::Cluster,
            "READONLY" => Self::ReadOnly,
            "OOM" => Self::OutOfMemory,
            "MISCONF" | "NOREPLICAS" => Self::CannotPersist,
            "LOADING" | "MASTERDOWN" => Self::Loading,
            "BUSY" | "NOSCRIPT" | "UNKILLABLE" => Self::Script,
            "WRONGTYPE" => Self::WrongType,
            _other => Self::of_details(details),
        }
    }

    /// What has no code of its own. Inside scripts old servers put the code of an error into its text.
    fn of_details(details: &str) -> Self {
        const WORDS: [(&str, Cause); 20] = [
            ("unknown command", Cause::UnknownCommand),
            ("unknown subcommand", Cause::UnknownCommand),
            ("syntax error", Cause::UnknownCommand),
            ("max number of clients", Cause::TooManyClients),
            ("DB index is out of range", Cause::WrongDatabase),
            ("SELECT is not allowed", Cause::WrongDatabase),
            ("NOPERM", Cause::NoPermission),
            ("has no permissions", Cause::NoPermission),
            ("can't run this command", Cause::NoPermission),
            ("can't access at least one of the keys", Cause::NoPermission),
            ("READONLY", Cause::ReadOnly),
            ("read only replica", Cause::ReadOnly),
            ("OOM", Cause::OutOfMemory),
            ("MISCONF", Cause::CannotPersist),
            ("NOREPLICAS", Cause::CannotPersist),
            ("MOVED", Cause::Cluster),
            ("non local key", Cause::Cluster),
            ("WRONGTYPE", Cause::WrongType),
            ("not an integer", Cause::WrongType),
            ("script", Cause::Script),
        ];
        WORDS.into_iter().find(|(word, _)| details.contains(word)).map_or(Self::Unexpected, |(_, cause)| cause)
    }
}

/// The first error of a pipeline or transaction, which has the reason; the whole only says that it was given up.
fn told_by_server(error: &RedisError) -> Option<ServerError> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_index, error)| error.clone())
}

/// What the library keeps that is no fault of input or output is about names and authorities.
fn is_about_tls(error: &RedisError) -> bool {
    let kept = error.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    match kept.map(|kept| kept.downcast_ref::<io::Error>()) {
        Some(Some(fault)) => fault.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>),
        Some(None) => true,
        None => false,
    }
}

/// A command without a usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The code of Redis' error, if there is one (`NOPERM`); never more of its text.
    pub code: Option<Box<str>>,
}

impl Failure {
    /// No answer in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self { cause: Cause::TimedOut, code: None }
    }

    /// An answer that makes no sense.
    #[must_use]
    pub fn unexpected() -> Self {
        Self { cause: Cause::Unexpected, code: None }
    }
}

impl From<&RedisError> for Failure {
    fn from(error: &RedisError) -> Self {
        let told = told_by_server(error);
        let code = told.as_ref().map(ServerError::code).or_else(|| error.code());
        Self { cause: Cause::of(error), code: code.filter(|code| is_code(code)).map(Into::into) }
    }
}

/// Whether it is one of Redis' words and says something: `ERR` is what has no code of its own.
fn is_code(text: &str) -> bool {
    text != "ERR" && text.len() <= MAX_CODE_LENGTH && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_of_servers_have_their_causes() {
        for (code, details, cause) in [
            ("NOAUTH", "Authentication required.", Cause::WrongCredentials),
            ("NOPERM", "User gate has no permissions to run the 'eval' command", Cause::NoPermission),
            ("ERR", "The user executing the script can't run this command or subcommand", Cause::NoPermission),
            ("MOVED", "3999 10.0.0.2:6379", Cause::Cluster),
            ("ERR", "Script attempted to access a non local key in a cluster node", Cause::Cluster),
            ("OOM", "command not allowed when used memory > 'maxmemory'.", Cause::OutOfMemory),
            ("ERR", "Error running script: @user_script:4: -READONLY You can't write", Cause::ReadOnly),
            ("MISCONF", "Redis is configured to save RDB snapshots", Cause::CannotPersist),
            ("LOADING", "Redis is loading the dataset in memory", Cause::Loading),
            ("BUSY", "Redis is busy running a script.", Cause::Script),
            ("WRONGTYPE", "Operation against a key", Cause::WrongType),
            ("ERR", "unknown command 'EVALSHA', with args beginning with:", Cause::UnknownCommand),
            ("ERR", "DB index is out of range", Cause::WrongDatabase),
            ("ERR", "max number of clients reached", Cause::TooManyClients),
            ("ERR", "nobody has seen this before", Cause::Unexpected),
        ] {
            assert_eq!(Cause::told(code, details), cause, "{code} {details}");
        }
    }

    #[test]
    fn trouble_with_certificates_is_told_from_a_broken_line() {
        let broken = RedisError::from(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(Cause::of(&broken), Cause::Unreachable);
        let stranger = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let told = RedisError::from(io::Error::new(io::ErrorKind::InvalidData, stranger));
        assert_eq!(Cause::of(&told), Cause::Tls);
    }

    #[test]
    fn only_a_code_is_told_and_never_the_servers_words() {
        assert!(is_code("READONLY"));
        for text in ["ERR", "canary", "SECRET WORD", "AVERYLONGSECRETWORD"] {
            assert!(!is_code(text), "{text}");
        }
        let error = RedisError::from((ErrorKind::Extension, "canary", "canary".to_owned()));
        assert!(!format!("{:?}", Failure::from(&error)).contains("canary"));
    }

    #[test]
    fn every_cause_has_a_name_and_a_sentence() {
        let names: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        for (at, cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, at);
            assert!(cause.advice().ends_with(['.', '?']), "{cause:?}");
        }
    }
}
