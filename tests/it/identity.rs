//! **Job:** identity as real providers issue it: names, tokens, keys and their rotation.
//! **Owns:** the parts of that subject.
//! **Never:** looks for forgeries: `tokens` does.

mod causes;
mod key_sets;
mod names;
mod providers;
mod rotation;
