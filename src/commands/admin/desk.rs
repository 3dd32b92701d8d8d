//! **Job:** what `doorbuster admin` asks and sends.
//! **Owns:** who does it, in every request that changes something; that a list is read to its end.
//! **Never:** shows anything.

use serde_json::{Map, Value, json};

use super::options::Operator;
use crate::commands::ops_client::{Method, OpsClient, OpsError};

/// Entries of one page.
const PAGE: &str = "1000";

/// An operations listener, and who stands before it. No `Debug`: the token is a secret.
pub(super) struct Desk {
    pub(super) client: OpsClient,
    pub(super) operator: Option<Operator>,
}

impl Desk {
    /// Sends something; the answer, null if it has no body.
    pub(super) fn send(&self, method: Method, path: &str, members: Map<String, Value>) -> Result<Value, OpsError> {
        let operator = self.operator.as_ref().map(|operator| ("X-Operator", operator.as_str()));
        let body = (!members.is_empty()).then(|| Value::Object(members).to_string());
        let answer = self.client.send(method, path, operator.as_slice(), body.as_deref())?;
        if answer.status() == 204 {
            return Ok(Value::Null);
        }
        self.client.read(path, answer)
    }

    /// All pages of a list, as one: what stands under `name`, and whatever else the last page says.
    pub(super) fn all(&self, path: &str, name: &str, filter: &[(&str, Option<&str>)]) -> Result<Value, OpsError> {
        let (mut entries, mut after) = (Vec::new(), String::new());
        loop {
            let mut query = vec![("limit", PAGE)];
            query.extend(filter.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
            if !after.is_empty() {
                query.push(("after", &after));
            }
            let mut page: Map<String, Value> = self.client.get(path, &query)?;
            if let Some(Value::Array(listed)) = page.remove(name) {
                entries.extend(listed);
            }
            match page.remove("next") {
                Some(Value::String(next)) => after = next,
                Some(Value::Number(next)) => after = next.to_string(),
                Some(_) | None => {
                    page.insert(name.to_owned(), json!(entries));
                    return Ok(Value::Object(page));
                }
            }
        }
    }
}
