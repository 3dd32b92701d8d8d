//! **Job:** which parameters a query may have, and what is wrong with one that has others.
//! **Owns:** the rule: each parameter is described and stands once, or nobody guesses what was meant.
//! **Never:** knows what a parameter means.

use actix_web::web;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Schema};

use super::problem::{FieldProblem, Problem};
use crate::fields::Wrong;

/// The parameters of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    /// Whatever comes is passed over.
    Any,
    /// These.
    Only(Vec<Known>),
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    name: String,
    /// A list is written by giving the parameter several times.
    is_list: bool,
}

impl Query {
    /// What the description of a route has.
    pub(super) fn described(operation: &Operation) -> Self {
        let all = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_elsewhere) => None,
        });
        let in_query = all.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
        let known = |parameter: &Parameter| Known {
            name: parameter.name.clone(),
            is_list: matches!(parameter.schema, Some(RefOr::T(Schema::Array(_)))),
        };
        Self::Only(in_query.map(known).collect())
    }

    /// Whether a query can be taken. Most requests have none.
    pub(super) fn takes(&self, query: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(known) => query.is_none_or(|query| query.is_empty() || faults(query, known).is_empty()),
        }
    }

    /// What is wrong with a query that cannot be taken.
    pub(super) fn problem(&self, query: &str) -> Problem {
        let known = match self {
            Self::Any => &[][..],
            Self::Only(known) => known,
        };
        Problem::validation(&faults(query, known).into_iter().map(FieldProblem::parameter).collect::<Vec<_>>())
    }
}

fn faults(query: &str, known: &[Known]) -> Vec<Wrong> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map(web::Query::into_inner).unwrap_or_default();
    let (mut seen, mut wrong) = (Vec::new(), Vec::<Wrong>::new());
    for (name, _value) in pairs {
        if wrong.iter().any(|wrong| wrong.name == name) {
            continue;
        }
        match known.iter().find(|known| known.name == name) {
            None => wrong.push(Wrong::unknown("query parameter", &name, &names(known))),
            Some(known) if !known.is_list && seen.contains(&name) => {
                wrong.push(Wrong::value(name, "must stand once in the query"));
            }
            Some(_known) => seen.push(name),
        }
    }
    wrong
}

fn names(known: &[Known]) -> String {
    known.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_unknown_or_stands_twice_is_named() {
        let known = |name: &str, is_list| Known { name: name.to_owned(), is_list };
        let query = Query::Only(vec![known("after", false), known("limit", false)]);
        for good in [None, Some(""), Some("limit=1"), Some("limit=&after=%20"), Some("&limit=1&")] {
            assert!(query.takes(good), "{good:?}");
        }
        for (bad, sentence) in [
            ("user_id=ann", "unknown query parameter \"user_id\"; allowed: after, limit"),
            ("limit=1&Limit=2", "unknown query parameter \"Limit\"; allowed: after, limit"),
            ("limit=1&%6cimit=1", "limit must stand once in the query"),
            ("a&a", "unknown query parameter \"a\"; allowed: after, limit"),
            ("%ff=", "unknown query parameter \"\u{fffd}\"; allowed: after, limit"),
        ] {
            assert!(!query.takes(Some(bad)), "{bad}");
            assert_eq!(query.problem(bad).detail(), sentence);
        }
        assert!(Query::Only(vec![known("item", true)]).takes(Some("item=a&item=b")));
        assert_eq!(Query::Only(Vec::new()).problem("x").detail(), "unknown query parameter \"x\"; allowed: none");
        assert!(Query::Any.takes(Some("utm_source=mail&utm_source=mail")));
    }
}
