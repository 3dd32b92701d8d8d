//! **Job:** decides what the relay does next, from what the stream holds, what its consumer has, and what is committed.
//! **Owns:** the limits of the stream.
//! **Never:** talks to Redis.
//!
//! Entry `n` of the ledger is entry `n-0` of the stream. So Redis itself refuses an entry that is there already, and
//! the ends and the length of the stream say whether anything is missing in it.

use crate::config::StreamTrim;

/// Entries by which the stream may be ahead of its consumer: about 40 MB in Redis, and minutes of a sale in which a
/// consumer may be down without anybody noticing.
pub(super) const MOST_AHEAD: u64 = 100_000;

/// Entries that go to Redis at once: large enough for 100,000 a second, small enough not to hold up the gate's commands
/// behind them for more than a millisecond or two.
pub(super) const MOST_AT_ONCE: u64 = 500;

/// Confirmed entries in the stream that are worth a command to forget them.
pub(super) const TRIM_AFTER: u64 = 10_000;

const _: () = assert!(MOST_AT_ONCE <= MOST_AHEAD && TRIM_AFTER <= MOST_AHEAD);

/// What the stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first entry; `top + 1` if it is empty.
    pub(super) first: u64,
    /// The last entry it ever had: Redis takes only larger ones.
    pub(super) top: u64,
    /// How many it has.
    pub(super) length: u64,
}

impl Span {
    /// Whether the stream lacks something at or after `next` that it will not get any more. A hole shows in the length,
    /// wherever it is.
    fn lacks(self, next: u64) -> bool {
        self.first > next || self.top.saturating_add(1).checked_sub(self.first) != Some(self.length)
    }
}

/// How things stand in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamState {
    /// The stream, if it is there.
    pub(super) span: Option<Span>,
    /// The last entry that the consumer has confirmed, if it ever did.
    pub(super) cursor: Option<u64>,
    /// How far the consumer groups have come.
    pub(super) readers: Readers,
}

/// The consumer groups of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Nobody has asked, or it could not be learnt.
    Unknown,
    /// There is none.
    Nobody,
    /// Each has acknowledged everything up to this entry.
    UpTo(u64),
}

impl StreamState {
    /// The last entry that nobody needs any more: the one that is confirmed, and without anybody who confirms the one
    /// that all groups have acknowledged.
    fn done(self) -> u64 {
        self.cursor.unwrap_or(match self.readers {
            Readers::UpTo(seq) => seq,
            Readers::Unknown | Readers::Nobody => 0,
        })
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing: what is in Redis is of another ledger than ours.
    Refuse,
    /// Delete the stream: the consumer needs what it does not have.
    StartAnew,
    /// Nothing: all entries are there.
    Wait,
    /// Nothing: the consumer has enough to do.
    HoldBack,
    /// Publish what comes after `after`, up to `upto`.
    Publish {
        /// The entry before the first.
        after: u64,
        /// The last one.
        upto: u64,
    },
}

/// The next step, while the ledger is committed up to `last_seq`.
pub(super) fn next_step(stream_state: StreamState, last_seq: u64) -> Action {
    let StreamState { span, cursor, .. } = stream_state;
    let confirmed = cursor.unwrap_or(0);
    let top = span.map_or(confirmed, |span| span.top);
    if confirmed > last_seq || top > last_seq {
        return Action::Refuse;
    }
    if span.is_some_and(|span| span.lacks(stream_state.done() + 1)) {
        return Action::StartAnew;
    }
    if top == last_seq {
        return Action::Wait;
    }
    // Without a consumer nobody could say "enough".
    let most = cursor.map_or(last_seq, |confirmed| last_seq.min(confirmed.saturating_add(MOST_AHEAD)));
    if top >= most {
        return Action::HoldBack;
    }
    Action::Publish { after: top, upto: most.min(top + MOST_AT_ONCE) }
}

/// The first entry that the stream should keep, if there is anything to forget before it. The newest one stays: it says
/// whose stream it is. `is_time`: whether little is worth a command, too.
pub(super) fn trim_to(stream_state: StreamState, rule: StreamTrim, is_time: bool) -> Option<u64> {
    let (span, cursor) = (stream_state.span?, stream_state.cursor);
    let done = match (rule, stream_state.readers) {
        (StreamTrim::Off, _) | (StreamTrim::Acknowledged, Readers::Unknown) => None,
        (StreamTrim::Confirmed, _) | (StreamTrim::Acknowledged, Readers::Nobody) => cursor,
        (StreamTrim::Acknowledged, Readers::UpTo(seq)) => Some(cursor.map_or(seq, |cursor| cursor.min(seq))),
    }?;
    let first = done.saturating_add(1).min(span.top);
    let most = first.saturating_sub(span.first);
    (most >= TRIM_AFTER || (is_time && most > 0)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(first: u64, top: u64) -> Span {
        Span { first, top, length: top + 1 - first }
    }

    fn step(span: impl Into<Option<Span>>, cursor: Option<u64>, last_seq: u64) -> Action {
        next_step(StreamState { span: span.into(), cursor, readers: Readers::Unknown }, last_seq)
    }

    #[test]
    fn an_empty_redis_gets_everything_from_the_first_entry() {
        assert_eq!(step(None, None, 3), Action::Publish { after: 0, upto: 3 });
        assert_eq!(step(None, None, 0), Action::Wait);
    }

    #[test]
    fn a_stream_goes_on_after_its_last_entry() {
        assert_eq!(step(stream(1, 5), None, 7), Action::Publish { after: 5, upto: 7 });
        assert_eq!(step(stream(1, 7), None, 7), Action::Wait);
        assert_eq!(step(stream(8, 7), Some(7), 9), Action::Publish { after: 7, upto: 9 });
    }

    #[test]
    fn a_lost_stream_goes_on_after_what_was_confirmed() {
        assert_eq!(step(None, Some(5), 9), Action::Publish { after: 5, upto: 9 });
    }

    #[test]
    fn what_the_consumer_needs_and_the_stream_lacks_makes_it_start_anew() {
        for (what, span, cursor) in [
            ("trimmed", stream(4, 9), Some(2)),
            ("trimmed to nothing", stream(10, 9), Some(8)),
            ("trimmed before anybody confirmed", stream(2, 9), None),
            ("a hole", Span { first: 1, top: 9, length: 8 }, Some(3)),
            ("its end deleted", Span { first: 1, top: 9, length: 5 }, Some(3)),
        ] {
            assert_eq!(step(span, cursor, 9), Action::StartAnew, "{what}");
        }
        assert_eq!(step(stream(4, 9), Some(3), 9), Action::Wait);
    }

    #[test]
    fn the_stream_or_cursor_of_another_ledger_is_left_alone() {
        assert_eq!(step(stream(1, 10), None, 9), Action::Refuse);
        assert_eq!(step(stream(1, 9), Some(10), 9), Action::Refuse);
        assert_eq!(step(Span { first: 0, top: u64::MAX, length: 1 }, Some(u64::MAX), 9), Action::Refuse);
    }

    #[test]
    fn the_stream_is_not_further_ahead_of_its_consumer_than_the_limit() {
        let last_seq = 10 * MOST_AHEAD;
        assert_eq!(step(stream(6, 5 + MOST_AHEAD), Some(5), last_seq), Action::HoldBack);
        let almost = 5 + MOST_AHEAD - 1;
        assert_eq!(step(stream(6, almost), Some(5), last_seq), Action::Publish { after: almost, upto: almost + 1 });
        assert_eq!(
            step(stream(1, MOST_AHEAD), None, last_seq),
            Action::Publish { after: MOST_AHEAD, upto: MOST_AHEAD + MOST_AT_ONCE }
        );
    }

    #[test]
    fn what_all_groups_have_acknowledged_may_be_missing_where_nobody_confirms() {
        let state = |cursor, readers| StreamState { span: Some(stream(6, 9)), cursor, readers };
        assert_eq!(next_step(state(None, Readers::UpTo(5)), 9), Action::Wait);
        assert_eq!(next_step(state(None, Readers::UpTo(4)), 9), Action::StartAnew);
        assert_eq!(next_step(state(Some(4), Readers::UpTo(9)), 9), Action::StartAnew, "the inventory needs it");
    }

    #[test]
    fn only_what_was_confirmed_is_forgotten_and_only_now_and_then() {
        let trim = |span: Span, cursor, is_time| {
            trim_to(
                StreamState { span: Some(span), cursor, readers: Readers::Nobody },
                StreamTrim::Acknowledged,
                is_time,
            )
        };
        assert_eq!(trim(stream(1, 2 * TRIM_AFTER), Some(TRIM_AFTER), false), Some(TRIM_AFTER + 1));
        assert_eq!(trim(stream(1, 2 * TRIM_AFTER), Some(TRIM_AFTER - 1), false), None);
        assert_eq!(trim(stream(1, 2 * TRIM_AFTER), Some(TRIM_AFTER - 1), true), Some(TRIM_AFTER));
        assert_eq!(trim(stream(1, 9), Some(9), true), Some(9), "the newest one stays");
        assert_eq!(trim(stream(9, 9), Some(9), true), None);
        assert_eq!(trim(stream(1, 9), Some(0), true), None);
        assert_eq!(trim(stream(1, 9), None, true), None);
    }

    #[test]
    fn the_rule_says_whose_word_counts() {
        let trim =
            |rule, cursor, readers| trim_to(StreamState { span: Some(stream(1, 9)), cursor, readers }, rule, true);
        for (rule, cursor, readers, first) in [
            (StreamTrim::Acknowledged, Some(5), Readers::UpTo(3), Some(4)),
            (StreamTrim::Acknowledged, Some(3), Readers::UpTo(5), Some(4)),
            (StreamTrim::Acknowledged, None, Readers::UpTo(3), Some(4)),
            (StreamTrim::Acknowledged, Some(5), Readers::Nobody, Some(6)),
            (StreamTrim::Acknowledged, Some(5), Readers::Unknown, None),
            (StreamTrim::Confirmed, Some(5), Readers::UpTo(3), Some(6)),
            (StreamTrim::Confirmed, None, Readers::UpTo(3), None),
            (StreamTrim::Off, Some(5), Readers::UpTo(5), None),
        ] {
            assert_eq!(trim(rule, cursor, readers), first, "{rule} {cursor:?} {readers:?}");
        }
        assert_eq!(trim_to(StreamState { span: None, ..state() }, StreamTrim::Confirmed, true), None);
    }

    fn state() -> StreamState {
        StreamState { span: None, cursor: Some(TRIM_AFTER), readers: Readers::Nobody }
    }
}
