//! **Job:** decides what the relay does next, from what the stream holds, what its consumer has, and what is committed.
//! **Owns:** the limits of the stream.
//! **Never:** talks to Redis.
//!
//! Entry `n` of the ledger is entry `n-0` of the stream. So Redis itself refuses an entry that is there already, and
//! the ends and the length of the stream say whether anything is missing in it.

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
    let StreamState { span, cursor } = stream_state;
    let confirmed = cursor.unwrap_or(0);
    let top = span.map_or(confirmed, |span| span.top);
    if confirmed > last_seq || top > last_seq {
        return Action::Refuse;
    }
    if span.is_some_and(|span| span.lacks(confirmed + 1)) {
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

/// The first entry that the stream should keep, if it is time to forget those before it.
pub(super) fn trim_to(stream_state: StreamState) -> Option<u64> {
    let (span, confirmed) = (stream_state.span?, stream_state.cursor?);
    let confirmed = confirmed.min(span.top);
    (confirmed.saturating_sub(span.first) >= TRIM_AFTER).then_some(confirmed + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(first: u64, top: u64) -> Span {
        Span { first, top, length: top + 1 - first }
    }

    fn step(span: impl Into<Option<Span>>, cursor: Option<u64>, last_seq: u64) -> Action {
        next_step(StreamState { span: span.into(), cursor }, last_seq)
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
    fn only_what_was_confirmed_is_forgotten_and_only_now_and_then() {
        let trim = |span: Span, cursor| trim_to(StreamState { span: Some(span), cursor });
        assert_eq!(trim(stream(1, 2 * TRIM_AFTER), Some(TRIM_AFTER + 1)), Some(TRIM_AFTER + 2));
        assert_eq!(trim(stream(1, 2 * TRIM_AFTER), Some(TRIM_AFTER)), None);
        assert_eq!(trim(stream(1, 2 * TRIM_AFTER), None), None);
        assert_eq!(trim_to(StreamState { span: None, cursor: Some(TRIM_AFTER) }), None);
    }
}
