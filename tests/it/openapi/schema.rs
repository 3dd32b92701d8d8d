//! **Job:** checks a value by a schema: the part of JSON Schema that the document uses.
//! **Owns:** that a keyword which is not understood is a failure, and so is a member that is not described.
//! **Never:** checks the texts of patterns: there is no engine for them here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that say nothing about a value here.
const SILENT: [&str; 7] = ["description", "examples", "default", "pattern", "propertyNames", "title", "required"];

/// All that is wrong with `value`, with the place of each.
pub(super) fn complaints(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut checker = Checker { document, complaints: Vec::new() };
    checker.check(schema, value, "$");
    checker.check_described(schema, value);
    checker.complaints
}

struct Checker<'d> {
    document: &'d Value,
    complaints: Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        for (keyword, rule) in schema.as_object().expect("a schema is an object") {
            let holds = match keyword.as_str() {
                "$ref" => {
                    self.check(&self.resolved(rule), value, at);
                    true
                }
                "allOf" => {
                    rule.as_array().expect("schemas").iter().for_each(|schema| self.check(schema, value, at));
                    true
                }
                "oneOf" => self.fits_one(rule, value),
                "type" => is_of(rule, value),
                "enum" => rule.as_array().expect("values").contains(value),
                "format" => fits_format(rule, value),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().expect("a number")),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().expect("a number")),
                "minLength" => length(value).is_none_or(|length| length >= rule.as_u64().expect("a length")),
                "maxLength" => length(value).is_none_or(|length| length <= rule.as_u64().expect("a length")),
                "items" | "properties" | "additionalProperties" => {
                    self.check_parts(keyword, rule, value, at);
                    true
                }
                silent => SILENT.contains(&silent),
            };
            if !holds {
                self.complaints.push(format!("{at}: {value} against {keyword}: {rule}"));
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.get(name).is_none() {
                self.complaints.push(format!("{at}: {name} is missing"));
            }
        }
    }

    fn check_parts(&mut self, keyword: &str, rule: &Value, value: &Value, at: &str) {
        match (keyword, value) {
            ("items", Value::Array(values)) => {
                for (place, value) in values.iter().enumerate() {
                    self.check(rule, value, &format!("{at}[{place}]"));
                    self.check_described(rule, value);
                }
            }
            ("properties", Value::Object(members)) => {
                for (name, value) in members {
                    if let Some(schema) = rule.get(name) {
                        self.check(schema, value, &format!("{at}.{name}"));
                        self.check_described(schema, value);
                    }
                }
            }
            ("additionalProperties", Value::Object(members)) if rule.is_object() => {
                members.iter().for_each(|(name, value)| self.check(rule, value, &format!("{at}.{name}")));
            }
            _ => {}
        }
    }

    /// JSON Schema lets an object have any member more; a document that keeps silent about one is not whole.
    fn check_described(&mut self, schema: &Value, value: &Value) {
        let (Value::Object(members), known) = (value, self.described(schema)) else { return };
        let unknown = members.keys().filter(|name| !known.is_empty() && !known.contains(*name));
        self.complaints.extend(unknown.map(|name| format!("{name} is not described")));
    }

    /// The members that a schema has names for; none if it is a map.
    fn described(&self, schema: &Value) -> BTreeSet<String> {
        let mut names: BTreeSet<_> =
            schema["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
        if let Some(reference) = schema.get("$ref") {
            names.extend(self.described(&self.resolved(reference)));
        }
        let parts = ["allOf", "oneOf"].into_iter().filter_map(|keyword| schema[keyword].as_array()).flatten();
        names.extend(parts.flat_map(|part| self.described(part)));
        names
    }

    fn fits_one(&self, schemas: &Value, value: &Value) -> bool {
        let fits = |schema: &&Value| complaints(self.document, schema, value).is_empty();
        schemas.as_array().expect("schemas").iter().filter(fits).count() == 1
    }

    fn resolved(&self, reference: &Value) -> Value {
        let path = reference.as_str().expect("a reference is a text").trim_start_matches('#');
        self.document.pointer(path).unwrap_or_else(|| panic!("{path} leads nowhere")).clone()
    }
}

fn is_of(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().expect("a type has a name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("type {other} is not known here"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}

fn fits_format(rule: &Value, value: &Value) -> bool {
    match (rule.as_str().expect("a format has a name"), value) {
        ("date-time", Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        ("int32" | "int64" | "double" | "date-time", _) => true,
        _ => false,
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is said of this value by a schema that has a bit of everything.
    fn said(value: &Value) -> Vec<String> {
        let base =
            json!({"type": "object", "properties": {"id": {"type": "string", "maxLength": 3}}, "required": ["id"]});
        let line = json!({"items": {"oneOf": [{"$ref": "#/components/schemas/Base"}, {"type": "null"}]}});
        let more = json!({"properties": {
            "at": {"type": "string", "format": "date-time"},
            "count": {"type": "integer", "format": "int32", "minimum": 1},
            "line": line,
        }});
        let whole = json!({"allOf": [{"$ref": "#/components/schemas/Base"}, more]});
        let document = json!({"components": {"schemas": {"Base": base, "Whole": whole}}});
        complaints(&document, &json!({"$ref": "#/components/schemas/Whole"}), value)
    }

    #[test]
    fn what_is_wrong_with_a_value_is_found_at_its_place() {
        let good = json!({"id": "a", "at": "2026-11-22T00:00:00Z", "count": 1, "line": [{"id": "b"}, null]});
        assert_eq!(said(&good), Vec::<String>::new());
        for (member, place, wrong) in [
            ("id", "$.id", json!("abcd")),
            ("at", "$.at", json!("noon")),
            ("count", "$.count", json!(0)),
            ("count", "$.count", json!("1")),
            ("line", "$.line[0]", json!([{}])),
            ("line", "$.line[0]", json!([{"id": "b", "more": 1}])),
        ] {
            let mut bad = good.clone();
            bad[member] = wrong;
            let said = said(&bad);
            let is_found = said.first().is_some_and(|first| first.starts_with(&format!("{place}: ")));
            assert!(is_found, "{bad}: {said:?}");
        }
        assert_eq!(said(&json!({})), ["$: id is missing"]);
        assert_eq!(said(&json!({"id": "a", "more": 1})), ["more is not described"]);
    }

    #[test]
    fn a_keyword_that_nobody_checks_is_a_failure() {
        assert_eq!(complaints(&Value::Null, &json!({"minimun": 1}), &json!(0)).len(), 1);
    }
}
