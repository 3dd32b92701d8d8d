//! **Job:** every "no" explains itself: pages of problems, words for people, ids to ask about, limits to keep to.
//! **Owns:** what holds for answers of every route, on both listeners.
//! **Never:** repeats what a single route answers: `sale`, `operations` and `bad_inputs` hold that.

mod catalogue;
mod orders;
mod problems;
mod queries;
mod requests;
mod words;
