//! **Job:** the names of an item's buyers, one after the other in long texts.
//! **Owns:** where each name lies.
//! **Never:** forgets a name, or moves one once there are many.

use crate::ids::{MAX_USER_ID_LENGTH, UserId};

/// Bytes of names that lie together: the most that a place of 16 bits can point into. At most a name's length of them
/// is lost at the end.
const CHUNK: usize = 1 << 16;
const _: () = assert!(CHUNK - 1 <= u16::MAX as usize && MAX_USER_ID_LENGTH <= u8::MAX as usize);

/// Where a name lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    chunk: u32,
    start: u16,
    length: u8,
}

/// Texts without an allocation, a capacity and a pointer each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StringArena {
    chunks: Vec<String>,
}

impl StringArena {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(super) fn get(&self, name: Name) -> &str {
        let start = usize::from(name.start);
        &self.chunks[name.chunk as usize][start..start + usize::from(name.length)]
    }

    pub(super) fn add(&mut self, user: &UserId) -> Name {
        let text = user.as_str();
        match self.chunks.last() {
            Some(last) if last.len() + text.len() <= CHUNK => {}
            Some(_full) => self.chunks.push(String::with_capacity(CHUNK)),
            // Most items have few buyers: the first text grows as a string does.
            None => self.chunks = Vec::from([String::new()]),
        }
        let chunk = self.chunks.len() - 1;
        let last = &mut self.chunks[chunk];
        let start = last.len();
        last.push_str(text);
        Name {
            chunk: u32::try_from(chunk).expect("no more texts than names, whose count is a u32"),
            start: u16::try_from(start).expect("a name that is not empty starts before the end of its text"),
            length: u8::try_from(text.len()).expect("an id has at most MAX_USER_ID_LENGTH bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        text.parse().expect("legal")
    }

    #[test]
    fn names_of_every_length_are_read_as_they_were_written() {
        let mut names = StringArena::new();
        let width = |number| 5 + number % (MAX_USER_ID_LENGTH - 4);
        let texts: Vec<String> = (0..20_000).map(|number| format!("{number:0width$}", width = width(number))).collect();
        let written: Vec<Name> = texts.iter().map(|text| names.add(&user(text))).collect();
        assert!(names.chunks.len() > 3 && names.chunks.iter().all(|chunk| chunk.len() <= CHUNK));
        assert!(written.iter().map(|name| names.get(*name)).eq(texts.iter()));
    }

    #[test]
    fn a_text_is_filled_to_its_last_byte_and_the_next_name_starts_another() {
        let mut names = StringArena::new();
        let long = user(&"a".repeat(MAX_USER_ID_LENGTH));
        let count = CHUNK / MAX_USER_ID_LENGTH;
        (1..count).for_each(|_| _ = names.add(&long));
        let left = CHUNK - (count - 1) * MAX_USER_ID_LENGTH;
        (0..left - 1).for_each(|_| _ = names.add(&user("b")));
        let (last, next) = (names.add(&user("c")), names.add(&user("d")));
        assert_eq!((names.get(last), names.get(next)), ("c", "d"));
        assert_eq!((last.start, next), (u16::MAX, Name { chunk: 1, start: 0, length: 1 }));
    }
}
