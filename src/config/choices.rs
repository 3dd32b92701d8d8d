//! **Job:** the keys' closed sets: what may be chosen, by the words of the configuration file.
//! **Owns:** those words.
//! **Never:** does what was chosen.

use std::fmt;

use super::value::Value;

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$choice_doc:meta])* $choice:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$choice_doc])* $choice,)+
        }

        impl $name {
            /// The word of the configuration file.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$choice => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Value for $name {
            const EXPECTED: &'static str = concat!("one of", $(" `", $word, "`"),+);

            fn from_text(text: &str) -> Option<Self> {
                [$(Self::$choice),+].into_iter().find(|choice| choice.as_str() == text)
            }

            fn to_toml(&self) -> toml::Value {
                self.as_str().into()
            }
        }
    };
}

closed_set! {
    /// What a confirmed order survives.
    Durability {
        /// A power cut: the commit waits for the disk.
        Full = "full",
        /// A crash of the process; a power cut may take the last moments.
        Normal = "normal",
    }
}

closed_set! {
    /// How buyers prove who they are.
    AuthMode {
        /// With a signed token.
        Jwt = "jwt",
        /// With `X-User-Id`, set by a trusted proxy.
        Header = "header",
    }
}

closed_set! {
    /// The one algorithm of the buyers' tokens.
    JwtAlgorithm {
        /// HMAC with SHA-256: one shared secret.
        Hs256 = "HS256",
        /// ECDSA on P-256 with SHA-256: a key pair.
        Es256 = "ES256",
        /// Edwards curve signature: a key pair.
        EdDsa = "EdDSA",
        /// RSA PKCS #1 with SHA-256: a key pair.
        Rs256 = "RS256",
    }
}

closed_set! {
    /// What the gate does when Redis does not answer.
    OnError {
        /// Decides in process.
        Local = "local",
        /// Refuses with 503 `gate-unavailable`.
        Closed = "closed",
        /// Lets everybody in.
        Open = "open",
    }
}

closed_set! {
    /// Who shares a window of the throttle.
    ThrottleScope {
        /// A buyer, whatever they want to buy.
        User = "user",
        /// A buyer of one item; another item is another window.
        UserItem = "user_item",
    }
}

closed_set! {
    /// What is removed from the Redis stream of the feed.
    StreamTrim {
        /// What the inventory has confirmed and every consumer group has acknowledged.
        Acknowledged = "acknowledged",
        /// What the inventory has confirmed, whatever other consumer groups have read.
        Confirmed = "confirmed",
        /// Nothing.
        Off = "off",
    }
}

closed_set! {
    /// What a payment after the expiry leads to.
    LatePayment {
        /// The money goes back.
        Refund = "refund",
        /// A unit is taken again if one is left, else the money goes back.
        Honour = "honour",
    }
}

/// Where the inventory system gets its entries from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InventorySource {
    /// The pull feed of the ops listener at this URL.
    Pull(String),
    /// The stream `feed.redis_stream` of `redis.url`.
    Redis,
}

impl Value for InventorySource {
    const EXPECTED: &'static str = "`redis` or the URL of an ops listener, like http://127.0.0.1:9190";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "redis" => Some(Self::Redis),
            url if url.starts_with("http://") || url.starts_with("https://") => Some(Self::Pull(url.to_owned())),
            _neither => None,
        }
    }

    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Pull(url) => url.as_str().into(),
            Self::Redis => "redis".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_by_its_word_exactly() {
        assert_eq!(JwtAlgorithm::from_text("EdDSA"), Some(JwtAlgorithm::EdDsa));
        assert_eq!(JwtAlgorithm::from_text("eddsa"), None);
        assert_eq!(Durability::from_text(""), None);
        assert_eq!(Durability::EXPECTED, "one of `full` `normal`");
    }

    #[test]
    fn the_inventory_reads_from_redis_or_a_url() {
        assert_eq!(InventorySource::from_text("redis"), Some(InventorySource::Redis));
        let url = "http://10.0.0.1:9190";
        assert_eq!(InventorySource::from_text(url), Some(InventorySource::Pull(url.to_owned())));
        assert_eq!(InventorySource::from_text("10.0.0.1:9190"), None);
    }
}
