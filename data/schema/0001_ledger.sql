-- The account book of the sale. Append-only: nothing here is ever updated or deleted.
-- Every other table, view and number of Doorbuster is a fold over it. Described in data/README.md.

CREATE TABLE entry_kind (
    kind INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

INSERT INTO entry_kind (kind, name) VALUES
    (1, 'item'), (2, 'placed'), (3, 'paid'), (4, 'cancelled'), (5, 'expired'),
    (6, 'refund_due'), (7, 'restocked'), (8, 'paused'), (9, 'resumed'), (10, 'closed');

CREATE TABLE ledger (
    seq             INTEGER PRIMARY KEY,            -- 1, 2, 3, … without a gap
    kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 10),
    at              INTEGER NOT NULL,               -- server time, milliseconds since 1970 UTC
    item            INTEGER NOT NULL,               -- number of the item: 1 is the first one created
    order_number    INTEGER,                        -- number of the order within the item
    user_id         TEXT,
    quantity        INTEGER CHECK (quantity > 0),   -- units of the order or of the restock
    unit_price      INTEGER CHECK (unit_price >= 0),-- minor units
    idempotency_key TEXT,                           -- key of the request behind the entry, if it had one
    pay_by          INTEGER,                        -- until when a pending order must be paid
    user_live       INTEGER CHECK (user_live >= 0), -- balance after: units in the user's live orders of the item
    supply          INTEGER NOT NULL,               -- balance after: units ever put on sale
    remaining       INTEGER NOT NULL                -- balance after: units that nobody holds
                    CHECK (remaining BETWEEN 0 AND supply),
    definition      TEXT,                           -- JSON of the item, in entries of kind 'item'
    checksum        INTEGER NOT NULL                -- XXH3-64 of this entry, seeded with the checksum before it
) STRICT;

-- Items are found without a scan. Orders have no index at all: it would cost more than the order.
CREATE INDEX ledger_items ON ledger (item, seq) WHERE kind = 1;

-- For people and the auditor; the server never reads it.
CREATE VIEW items AS
SELECT latest.item AS item,
       json_extract(latest.definition, '$.id') AS item_id,
       json_extract(latest.definition, '$.title') AS title,
       json_extract(latest.definition, '$.unit_price') AS unit_price,
       json_extract(latest.definition, '$.currency') AS currency,
       json_extract(latest.definition, '$.stock') AS stock,
       json_extract(latest.definition, '$.per_user_limit') AS per_user_limit,
       json_extract(latest.definition, '$.opens_at') AS opens_at,
       json_extract(latest.definition, '$.closes_at') AS closes_at,
       (SELECT remaining FROM ledger WHERE item = latest.item ORDER BY seq DESC LIMIT 1) AS remaining
FROM ledger AS latest
WHERE latest.kind = 1
  AND latest.seq = (SELECT max(seq) FROM ledger WHERE kind = 1 AND item = latest.item);

CREATE VIEW orders AS
WITH settled AS MATERIALIZED (
    -- The last step of each order that took one; SQLite takes the other columns from the row of the maximum.
    SELECT item, order_number, kind, max(seq) AS seq
    FROM ledger WHERE kind BETWEEN 3 AND 6
    GROUP BY item, order_number
), goods AS MATERIALIZED (
    SELECT item, json_extract(definition, '$.id') AS item_id, json_extract(definition, '$.currency') AS currency, max(seq)
    FROM ledger WHERE kind = 1
    GROUP BY item
)
SELECT printf('1-%x-%x', placed.item, placed.order_number) AS order_id,
       goods.item_id AS item_id,
       placed.user_id AS user_id,
       placed.quantity AS quantity,
       placed.unit_price AS unit_price,
       placed.quantity * placed.unit_price AS total_price,
       goods.currency AS currency,
       coalesce(entry_kind.name, 'pending') AS status,
       strftime('%Y-%m-%dT%H:%M:%S', placed.at / 1000, 'unixepoch') || printf('.%03dZ', placed.at % 1000) AS created_at
FROM ledger AS placed
JOIN goods ON goods.item = placed.item
LEFT JOIN settled ON settled.item = placed.item AND settled.order_number = placed.order_number
LEFT JOIN entry_kind ON entry_kind.kind = settled.kind
WHERE placed.kind = 2
ORDER BY placed.seq;
