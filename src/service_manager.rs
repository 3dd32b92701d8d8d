//! **Job:** tells the service manager that started the process (systemd, or what speaks its protocol) how it is.
//! **Owns:** which message means what, and that one which is refused is no reason not to serve.
//! **Never:** says anything where nobody listens: without `NOTIFY_SOCKET` nothing is sent.

pub mod sockets;
pub mod watchdog;

use sd_notify::NotifyState;

/// The process serves, as this line says.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It reads its configuration again; [`ready`] says that it has.
pub fn reloading() {
    // Without the time a manager would take the end of an earlier reload for that of this one.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now, NotifyState::Status("reading the configuration again")]),
        Err(error) => tracing::warn!(%error, "the service manager is not told about the reload: there is no clock"),
    }
}

/// How it is now, in one line.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// It is closing.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// What cannot be told is no reason not to serve.
fn tell(messages: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(messages) {
        tracing::warn!(%error, ?messages, "the service manager does not hear us");
    }
}
