//! **Job:** decides whether the answers about an item can be put in one order with its entries, within their times.
//! **Owns:** the sweep over time.
//! **Never:** searches: the order of the entries is known, so one pass decides it, exactly.
//!
//! The entries of an item have an order, that of the ledger; when each took effect is not known. A history is
//! linearizable with this order if every entry can be given a time, in order and none before it was asked for, such
//! that every answer is true at some moment between its invocation and its return.
//!
//! Let `p(t)` be the number of entries that have taken effect at the time `t`. It never decreases. An answer with the
//! interval `[a, b]` that is true at the places `T` asks for `p(b) ≥ next(p(a))`, where `next(x)` is the least place in
//! `T` that is not below `x`. Each `next` never decreases either, so the smaller of two solutions is a solution, and
//! there is a least one: begin with nothing, go through time, and let no entry take effect before some answer needs it.
//! If an entry had not been asked for by then, no other choice would have been better, and the history is not
//! linearizable.

use super::states::{Claim, Place, States};

/// An answer: true at some moment between `invoked` and `returned`, and at a place before `before`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// Index of the operation.
    pub(super) operation: usize,
    pub(super) invoked: i64,
    pub(super) returned: i64,
    pub(super) claim: Claim,
    pub(super) before: Option<Place>,
}

/// When an entry can have taken effect at the earliest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) invoked: i64,
    pub(super) operation: usize,
}

/// An answer that fits nowhere in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Index in the list of answers.
    pub(super) told: usize,
    /// How many entries must have taken effect when it was asked.
    pub(super) at_least: Place,
    pub(super) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is not true at any place from there on.
    Never,
    /// It is true from there on, but this is where its key has been used.
    KeyUsed(Place),
    /// It is true from `place` on only, and the entry at the index `entry` before that was asked for later.
    TooEarly { place: Place, entry: usize, asked: Asked },
}

/// All answers that do not fit. An answer that does not is left out for the others.
pub(super) fn misfits(states: &States, asked: &[Option<Asked>], all: &[Told]) -> Vec<Misfit> {
    let latest = latest_of(asked);
    let mut events: Vec<(i64, bool, usize)> = Vec::with_capacity(all.len() * 2);
    for (index, told) in all.iter().enumerate() {
        events.push((told.invoked, false, index));
        events.push((told.returned, true, index));
    }
    // What returns in the moment in which something else is asked may have happened after that.
    events.sort_unstable();
    let (mut place, mut places, mut misfits) = (0, vec![0; all.len()], Vec::new());
    for (now, is_return, index) in events {
        if !is_return {
            places[index] = place;
            continue;
        }
        let (told, from) = (&all[index], places[index]);
        let misfit = |why| Misfit { told: index, at_least: from, why };
        match states.next(told.claim, from) {
            None => misfits.push(misfit(Why::Never)),
            Some(next) if told.before.is_some_and(|before| next >= before) => {
                misfits.push(misfit(Why::KeyUsed(told.before.unwrap_or(0))));
            }
            Some(next) if next <= place => {}
            Some(next) => match latest[next - 1] {
                Some((entry, asked)) if asked.invoked > now => {
                    misfits.push(misfit(Why::TooEarly { place: next, entry, asked }));
                }
                Some(_) | None => place = next,
            },
        }
    }
    misfits
}

/// Of all entries up to each one, that which was asked for last.
pub(super) fn latest_of(asked: &[Option<Asked>]) -> Vec<Option<(usize, Asked)>> {
    let mut latest: Option<(usize, Asked)> = None;
    let of = |(entry, asked): (usize, &Option<Asked>)| {
        if let Some(asked) = asked.filter(|asked| latest.is_none_or(|(_, latest)| asked.invoked > latest.invoked)) {
            latest = Some((entry, asked));
        }
        latest
    };
    asked.iter().enumerate().map(of).collect()
}
