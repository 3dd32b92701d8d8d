//! **Job:** secrets for a server in development mode.
//! **Owns:** `development.toml` beside the data file: generated once, so that tokens outlive a restart.
//! **Never:** makes a secret in production mode, or trusts a file that others can read or have made.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;
use serde::Deserialize;

use super::syntax::describe;
use super::validate::strong;
use super::{ConfigError, Loaded, Mode, Origin, Secret};

/// The file's name, in the data file's directory.
const FILE_NAME: &str = "development.toml";
/// Largest file, in bytes: three secrets and a comment fit many times.
const MAX_BYTES: u64 = 4_096;
/// Random bytes of a secret: as many as the keys of HS256 and the webhook's HMAC should have.
const SECRET_BYTES: usize = 32;
/// The owner reads and writes, nobody else.
const PRIVATE: u32 = 0o600;
/// The permission bits of a file's mode; the rest is its type.
const PERMISSION_BITS: u32 = 0o7777;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    jwt_secret: String,
    admin_token: String,
    webhook_secret: String,
}

/// Gives a server in development mode secrets that stay the same from one start to the next. Does nothing in production
/// mode.
///
/// # Errors
/// The file cannot be made or read, others may use it, or it does not contain the three secrets.
pub fn fill_secrets(loaded: &mut Loaded) -> Result<(), ConfigError> {
    match loaded.mode {
        Mode::Production => return Ok(()),
        Mode::Development => {}
    }
    let path = secrets_path(&loaded.config.storage.path);
    let found = read_or_create(&path).map_err(|reason| ConfigError::new(path.display(), reason))?;
    let (auth, payment) = (&mut loaded.config.auth, &mut loaded.config.payment);
    let places = [
        ("auth.jwt_secret", &mut auth.jwt_secret, found.jwt_secret),
        ("auth.admin_token", &mut auth.admin_token, found.admin_token),
        ("payment.webhook_secret", &mut payment.webhook_secret, found.webhook_secret),
    ];
    for (key, place, text) in places {
        let (origin, secret) = (Origin::File(path.clone()), Secret::new(text));
        strong(key, &secret).map_err(|error| error.given_by(&origin))?;
        *place = secret;
        loaded.origins.insert(key, origin);
    }
    Ok(())
}

fn secrets_path(data_file: &Path) -> PathBuf {
    data_file.parent().unwrap_or(Path::new("")).join(FILE_NAME)
}

fn read_or_create(path: &Path) -> Result<Secrets, String> {
    match File::open(path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path).map_err(|error| format!("cannot be created: {error}"))?;
            File::open(path).map_err(|error| format!("cannot be read: {error}")).and_then(read)
        }
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn read(file: File) -> Result<Secrets, String> {
    let metadata = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    let mode = metadata.permissions().mode() & PERMISSION_BITS;
    if mode & !PRIVATE != 0 {
        return Err(format!("may be used by others (mode {mode:04o}): set its mode to 0600, or delete it"));
    }
    // Whoever runs as root could be handed the secrets of somebody else, in a folder where everybody may write.
    if own_user().is_some_and(|user| user != metadata.uid()) {
        return Err("belongs to another user: delete it, or move the data file".to_owned());
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| format!("cannot be read: {error}"))?;
    toml::from_str(&text).map_err(|fault| describe(&fault, &text))
}

/// Whom this process runs as, where the operating system says so.
fn own_user() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|process| process.uid())
}

/// Makes the file appear complete or not at all: it is written under another name and then linked, which fails if
/// a second start was faster. That one's file is as good.
fn create(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let draft = directory.join(format!(".{FILE_NAME}.{}", random_hex()?));
    let linked = write_private(&draft).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => removed,
    }
}

fn write_private(draft: &Path) -> io::Result<()> {
    let mut text =
        "# Secrets of a server in development mode, generated once. Delete the file to get new ones.\n".to_owned();
    for name in ["jwt_secret", "admin_token", "webhook_secret"] {
        writeln!(text, "{name} = \"{}\"", random_hex()?).expect("a String takes any text");
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::config::{Sources, load};

    fn development(data_file: &Path) -> Loaded {
        let flags = vec![("storage.path".to_owned(), data_file.to_str().expect("UTF-8").to_owned())];
        load(Sources { flags, ..Sources::default() }).expect("valid")
    }

    #[test]
    fn development_secrets_are_made_once_and_stay() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data_file = folder.path().join("new/doorbuster.db");
        let (mut first, mut second) = (development(&data_file), development(&data_file));
        assert_eq!((fill_secrets(&mut first), fill_secrets(&mut second)), (Ok(()), Ok(())));

        let path = folder.path().join("new/development.toml");
        assert_eq!(fs::metadata(&path).expect("made").permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(path.parent().expect("a directory")).expect("readable").count(), 1);
        assert_eq!(first.origins["auth.jwt_secret"], Origin::File(path));
        let (first, second) = (&first.config, &second.config);
        assert_eq!(first.auth.jwt_secret.expose().len(), 64);
        assert_eq!(first.auth.jwt_secret.expose(), second.auth.jwt_secret.expose());
        assert_eq!(first.auth.admin_token.expose(), second.auth.admin_token.expose());
        assert_eq!(first.payment.webhook_secret.expose(), second.payment.webhook_secret.expose());
        assert_ne!(first.auth.jwt_secret.expose(), first.auth.admin_token.expose());
    }

    #[test]
    fn starts_at_the_same_time_agree_on_their_secrets() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data_file = folder.path().join("doorbuster.db");
        let barrier = std::sync::Barrier::new(8);
        let tokens: Vec<String> = thread::scope(|scope| {
            let start = || {
                let mut loaded = development(&data_file);
                barrier.wait();
                fill_secrets(&mut loaded).expect("filled");
                loaded.config.auth.admin_token.expose().to_owned()
            };
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().expect("no panic")).collect()
        });
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }

    #[test]
    fn development_secrets_that_others_may_read_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data_file = folder.path().join("doorbuster.db");
        fill_secrets(&mut development(&data_file)).expect("made");
        let path = folder.path().join("development.toml");
        for mode in [0o640, 0o604, 0o700] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("own file");
            let refusal = fill_secrets(&mut development(&data_file)).expect_err("too open").to_string();
            assert!(refusal.contains(&format!("may be used by others (mode {mode:04o})")), "{refusal}");
        }
    }

    #[test]
    fn a_damaged_file_of_development_secrets_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data_file = folder.path().join("doorbuster.db");
        for content in ["jwt_secret = \"canary", "jwt_secret = \"canary\"\n", "", "admin_token = canary\n"] {
            let path = folder.path().join(FILE_NAME);
            fs::write(&path, content).expect("writable");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("own file");
            let refusal = fill_secrets(&mut development(&data_file)).expect_err("damaged").to_string();
            assert!(refusal.contains("development.toml: line ") && !refusal.contains("canary"), "{refusal}");
        }
    }

    #[test]
    fn secrets_that_another_user_has_laid_out_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data_file = folder.path().join("doorbuster.db");
        fill_secrets(&mut development(&data_file)).expect("made");
        // Only root can give a file away: for everybody else the case does not exist, and neither does the test.
        if std::os::unix::fs::chown(folder.path().join(FILE_NAME), Some(65_534), None).is_ok() {
            let refusal = fill_secrets(&mut development(&data_file)).expect_err("another's").to_string();
            assert!(refusal.contains("belongs to another user"), "{refusal}");
        }
    }

    #[test]
    fn production_makes_no_secrets() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut loaded = development(&folder.path().join("doorbuster.db"));
        loaded.mode = Mode::Production;
        fill_secrets(&mut loaded).expect("nothing to do");
        assert!(loaded.config.auth.jwt_secret.is_empty() && loaded.config.payment.webhook_secret.is_empty());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }
}
