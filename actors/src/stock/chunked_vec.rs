//! **Job:** a row of things that only grows, and grows without moving what is there.
//! **Owns:** how many lie together.
//! **Never:** takes one out.
//!
//! A vector that doubles copies all it holds and keeps the thread waiting meanwhile. No crate: of those in the tree,
//! `slab` is a doubling vector, `sharded-slab` pays for threads that are not here, and `bumpalo` drops nothing and
//! cannot be cloned or compared.

use std::ops::{Index, IndexMut};

/// Things in one chunk: 40 KiB of orders. So much at most is set aside for nothing, and a million orders are a row of
/// only a thousand chunks.
const CHUNK: usize = 1024;

/// Things by their position, which is a `u32` because that is what the tables hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChunkedVec<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> ChunkedVec<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn get(&self, position: u32) -> Option<&T> {
        let (chunk, place) = split(position);
        self.chunks.get(chunk)?.get(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub(super) fn push(&mut self, thing: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(thing),
            Some(_full) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(thing);
                self.chunks.push(chunk);
            }
            // Most items have few orders: the first chunk grows as a vector does, and the row starts with one place.
            None => self.chunks = Vec::from([vec![thing]]),
        }
    }
}

impl<T> Index<u32> for ChunkedVec<T> {
    type Output = T;

    fn index(&self, position: u32) -> &T {
        let (chunk, place) = split(position);
        &self.chunks[chunk][place]
    }
}

impl<T> IndexMut<u32> for ChunkedVec<T> {
    fn index_mut(&mut self, position: u32) -> &mut T {
        let (chunk, place) = split(position);
        &mut self.chunks[chunk][place]
    }
}

fn split(position: u32) -> (usize, usize) {
    let position = position as usize;
    (position / CHUNK, position % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_keep_their_positions_across_the_edges_of_chunks() {
        let mut chunks = ChunkedVec::new();
        for thing in 0..u32::try_from(3 * CHUNK + 1).expect("few") {
            assert_eq!((chunks.len(), chunks.get(thing)), (thing as usize, None));
            chunks.push(thing);
            assert_eq!(chunks[thing], thing);
        }
        assert!(chunks.iter().copied().eq(0..u32::try_from(3 * CHUNK + 1).expect("few")));
        chunks[u32::try_from(CHUNK).expect("few")] = 7;
        let changed: Vec<_> = (0..).zip(chunks.iter()).filter(|(position, thing)| position != *thing).collect();
        assert_eq!(changed, [(u32::try_from(CHUNK).expect("few"), &7)]);
    }

    #[test]
    fn a_full_chunk_is_not_moved_by_what_comes_after_it() {
        let mut chunks = ChunkedVec::new();
        (0..CHUNK).for_each(|thing| chunks.push(thing));
        let first: *const usize = &raw const chunks[0];
        (0..100 * CHUNK).for_each(|thing| chunks.push(thing));
        assert_eq!(first, &raw const chunks[0]);
    }

    #[test]
    fn a_clone_grows_like_its_original() {
        let mut chunks = ChunkedVec::new();
        (0..CHUNK + 3).for_each(|thing| chunks.push(thing));
        let mut clone = chunks.clone();
        for thing in 0..2 * CHUNK {
            chunks.push(thing);
            clone.push(thing);
        }
        assert_eq!(chunks, clone);
    }
}
