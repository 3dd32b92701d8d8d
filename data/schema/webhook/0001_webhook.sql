-- How far the order events of the ledger have been delivered to the shop's webhook, and what became of each.
-- It holds nothing that the ledger does not have, but what the receiver said: without this file all events are sent again.

CREATE TABLE progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    cursor   INTEGER NOT NULL CHECK (cursor >= 0),        -- last entry of the ledger that was looked at
    mark     TEXT NOT NULL,                               -- by what that entry is recognized; empty for entry 0
    gone     TEXT                                         -- the URL that answered 410, as a digest: it is sent nothing
) STRICT;

INSERT INTO progress (only_row, cursor, mark) VALUES (1, 0, '');

-- Times are milliseconds since 1970, UTC.
CREATE TABLE delivery (
    seq           INTEGER PRIMARY KEY,                    -- the entry
    webhook_id    TEXT NOT NULL,
    order_id      TEXT NOT NULL,
    kind          TEXT NOT NULL,                          -- of the entry
    status        TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    first_attempt INTEGER,
    last_attempt  INTEGER,
    next_attempt  INTEGER NOT NULL,                       -- not before this time, while pending
    last_status   INTEGER,                                -- HTTP status of the last answer, if there was one
    last_error    TEXT                                    -- why the last attempt failed, if it did
) STRICT;

CREATE INDEX delivery_by_status ON delivery (status, seq);
