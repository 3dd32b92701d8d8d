//! **Job:** mints a buyer's papers, good ones and forged ones.
//! **Owns:** how a JSON Web Token is put together.
//! **Never:** checks one: that is the server's work.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{ADMIN_TOKEN, JWT_SECRET};

/// Claims under construction.
#[derive(Debug, Clone)]
pub(crate) struct Claims(Value);

impl Claims {
    /// Good for an hour.
    pub(crate) fn of(user: &str) -> Self {
        Self(json!({"sub": user, "exp": now_s() + 3600}))
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.as_object_mut().expect("claims are an object").remove(name);
        self
    }

    pub(crate) fn json(&self) -> &Value {
        &self.0
    }
}

/// A good token of `user`.
pub(crate) fn token(user: &str) -> String {
    hs256(&json!({"alg": "HS256", "typ": "JWT"}), Claims::of(user).json())
}

/// The value of a buyer's `Authorization` header.
pub(crate) fn authorization(user: &str) -> String {
    format!("Bearer {}", token(user))
}

/// The value of the operator's `Authorization` header.
pub(crate) fn admin_authorization() -> String {
    format!("Bearer {ADMIN_TOKEN}")
}

/// A token with any header and claims, correctly signed with the secret of the tests.
pub(crate) fn hs256(header: &Value, claims: &Value) -> String {
    sealed(header, claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes()), Algorithm::HS256)
}

/// A token signed with `key`, whatever its header says.
pub(crate) fn sealed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    format!("{message}.{}", signature(&message, key, algorithm))
}

/// The signature of `message` in base64url.
pub(crate) fn signature(message: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("the key is of the algorithm's family")
}

/// Base64 with the URL alphabet and no padding (RFC 4648, section 5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = (group >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

/// Seconds since the Unix epoch.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs()
}

/// A key pair made by `openssl`, as PEM files: private, public.
pub(crate) fn key_pair(directory: &Path, arguments: &[&str]) -> (PathBuf, PathBuf) {
    let (private, public) = (directory.join("private.pem"), directory.join("public.pem"));
    let openssl = |command: &mut Command| {
        let output = command.output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(Command::new("openssl").arg("genpkey").args(arguments).arg("-out").arg(&private));
    openssl(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&private).arg("-out").arg(&public));
    (private, public)
}
