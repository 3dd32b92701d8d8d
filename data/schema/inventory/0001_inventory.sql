-- What the inventory system knows: the state of every item and order, and how far in the feed it got.
-- Effect and cursor change in one transaction, so each entry counts once.

CREATE TABLE cursor (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    seq      INTEGER NOT NULL CHECK (seq >= 0),     -- last entry of the feed that is done with
    consumer TEXT NOT NULL                          -- this file's name in a consumer group
) STRICT;

INSERT INTO cursor (only_row, seq, consumer) VALUES (1, 0, 'inventory-' || lower(hex(randomblob(8))));

CREATE TABLE item (
    item_id   TEXT PRIMARY KEY,
    stock     INTEGER NOT NULL CHECK (stock >= 0),      -- units ever put on sale
    allocated INTEGER NOT NULL CHECK (allocated >= 0),  -- units of live orders that are not paid
    shipped   INTEGER NOT NULL CHECK (shipped >= 0),    -- units of paid orders
    CHECK (allocated + shipped <= stock)                -- the rest is available
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
    order_id TEXT PRIMARY KEY,
    item_id  TEXT NOT NULL REFERENCES item (item_id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    status   TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'cancelled', 'expired', 'refund_due'))
) STRICT, WITHOUT ROWID;

-- Entries that could not be applied, for a person to look at.
CREATE TABLE dead_letter (
    seq    INTEGER PRIMARY KEY,
    entry  TEXT NOT NULL,   -- as it came, cut if it was too long
    reason TEXT NOT NULL,
    at     TEXT NOT NULL    -- when it was given up, RFC 3339 UTC
) STRICT;
