-- Money that is not an order's price, and a way back from every slip: more kinds of entries, and a column for what they
-- say beside the numbers. The kinds are what `entry_kind` lists: a later one needs no other table.

INSERT INTO entry_kind (kind, name) VALUES
    (11, 'withdrawn'), (12, 'reopened'), (13, 'hidden'), (14, 'shown'), (15, 'deleted'),
    (16, 'payment'), (17, 'settled'), (18, 'refunded');

DROP VIEW orders;
DROP VIEW items;
DROP INDEX ledger_items;

CREATE TABLE entries (
    seq             INTEGER PRIMARY KEY,            -- 1, 2, 3, … without a gap
    kind            INTEGER NOT NULL CHECK (kind >= 1),
    at              INTEGER NOT NULL,               -- server time, milliseconds since 1970 UTC
    item            INTEGER NOT NULL,               -- number of the item: 1 is the first one created; 0: money of no order
    order_number    INTEGER,                        -- number of the order within the item
    user_id         TEXT,
    quantity        INTEGER CHECK (quantity > 0),   -- units of the order, the restock or the withdrawal
    unit_price      INTEGER CHECK (unit_price >= 0),-- minor units
    idempotency_key TEXT,                           -- key of the request behind the entry, or the provider's id of a payment
    pay_by          INTEGER,                        -- until when a pending order must be paid
    user_live       INTEGER CHECK (user_live >= 0), -- balance after: units in the user's live orders of the item
    supply          INTEGER NOT NULL,               -- balance after: units ever put on sale, less those withdrawn
    remaining       INTEGER NOT NULL                -- balance after: units that nobody holds
                    CHECK (remaining BETWEEN 0 AND supply),
    definition      TEXT,                           -- JSON of the item, in entries of kind 'item'
    detail          TEXT,                           -- JSON: money, and who did it and why
    checksum        INTEGER NOT NULL                -- XXH3-64 of this entry, seeded with the checksum before it
) STRICT;

INSERT INTO entries
SELECT seq, kind, at, item, order_number, user_id, quantity, unit_price, idempotency_key, pay_by, user_live, supply,
       remaining, definition, NULL, checksum
FROM ledger ORDER BY seq;

DROP TABLE ledger;
ALTER TABLE entries RENAME TO ledger;

-- Items are found without a scan. Orders have no index at all: it would cost more than the order.
CREATE INDEX ledger_items ON ledger (item, seq) WHERE kind = 1;

-- What happens seldom is found without a scan as well: money that paid no order, and what operators did.
CREATE INDEX ledger_seldom ON ledger (seq) WHERE kind NOT BETWEEN 2 AND 5 OR kind = 4 AND detail IS NOT NULL;

-- For people and the auditor; the server never reads them, but for `payments` and `journal` when it is asked.
CREATE VIEW deleted_items AS SELECT item FROM ledger WHERE kind = 15 AND (kind NOT BETWEEN 2 AND 5 OR kind = 4 AND detail IS NOT NULL);

CREATE VIEW items AS
SELECT latest.item AS item,
       json_extract(latest.definition, '$.id') AS item_id,
       json_extract(latest.definition, '$.title') AS title,
       json_extract(latest.definition, '$.description') AS description,
       json_extract(latest.definition, '$.image_url') AS image_url,
       json_extract(latest.definition, '$.unit_price') AS unit_price,
       json_extract(latest.definition, '$.currency') AS currency,
       json_extract(latest.definition, '$.stock') AS stock,
       json_extract(latest.definition, '$.per_user_limit') AS per_user_limit,
       json_extract(latest.definition, '$.opens_at') AS opens_at,
       json_extract(latest.definition, '$.closes_at') AS closes_at,
       (SELECT remaining FROM ledger WHERE item = latest.item ORDER BY seq DESC LIMIT 1) AS remaining
FROM ledger AS latest
WHERE latest.kind = 1
  AND latest.item NOT IN (SELECT item FROM deleted_items)
  AND latest.seq = (SELECT max(seq) FROM ledger WHERE kind = 1 AND item = latest.item);

-- The item's part of an order id: everything in front of the order's digits, and what it adds to the sum that the check
-- digit makes a multiple of 31. Digits are those of Crockford's Base32 without Z; what the leading letter and node 1 add
-- follows from how many digits the item has.
CREATE VIEW order_id_prefixes AS
WITH numbers AS MATERIALIZED (
    SELECT item, json_extract(definition, '$.id') AS item_id, json_extract(definition, '$.currency') AS currency, max(seq)
    FROM ledger WHERE kind = 1
    GROUP BY item
), digits AS MATERIALIZED (
    SELECT item, item_id, currency, '0123456789ABCDEFGHJKMNPQRSTVWXY' AS alphabet,
           CASE WHEN item < 31 THEN 1 WHEN item < 961 THEN 2 WHEN item < 29791 THEN 3 WHEN item < 923521 THEN 4
                WHEN item < 28629151 THEN 5 WHEN item < 887503681 THEN 6 ELSE 7 END AS count
    FROM numbers
)
SELECT item, item_id, currency,
       substr('CGHKPQR', count, 1) || '01'
           || substr(
              substr(alphabet, (item / 887503681 % 31) + 1, 1)
              || substr(alphabet, (item / 28629151 % 31) + 1, 1)
              || substr(alphabet, (item / 923521 % 31) + 1, 1)
              || substr(alphabet, (item / 29791 % 31) + 1, 1)
              || substr(alphabet, (item / 961 % 31) + 1, 1)
              || substr(alphabet, (item / 31 % 31) + 1, 1)
              || substr(alphabet, (item % 31) + 1, 1), -count) AS prefix,
       9 * (item % 31)
           + 10 * (item / 31 % 31)
           + 11 * (item / 961 % 31)
           + 12 * (item / 29791 % 31)
           + 13 * (item / 923521 % 31)
           + 14 * (item / 28629151 % 31)
           + 15 * (item / 887503681 % 31)
           + CASE count WHEN 1 THEN 154 WHEN 2 THEN 219 WHEN 3 THEN 250 WHEN 4 THEN 298 WHEN 5 THEN 366 WHEN 6 THEN 406 ELSE 448 END AS checked
FROM digits;

-- The id of the order that an entry is about.
CREATE VIEW order_ids AS
SELECT entry.seq AS seq,
       goods.item_id AS item_id,
       goods.currency AS currency,
       goods.prefix
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number / 887503681 % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number / 28629151 % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number / 923521 % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number / 29791 % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number / 961 % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number / 31 % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (entry.order_number % 31) + 1, 1)
           || substr('0123456789ABCDEFGHJKMNPQRSTVWXY', (6200 - (goods.checked
               + 2 * (entry.order_number % 31)
               + 3 * (entry.order_number / 31 % 31)
               + 4 * (entry.order_number / 961 % 31)
               + 5 * (entry.order_number / 29791 % 31)
               + 6 * (entry.order_number / 923521 % 31)
               + 7 * (entry.order_number / 28629151 % 31)
               + 8 * (entry.order_number / 887503681 % 31)
               )) % 31 + 1, 1) AS order_id
FROM ledger AS entry
JOIN order_id_prefixes AS goods ON goods.item = entry.item
WHERE entry.order_number IS NOT NULL;

CREATE VIEW orders AS
WITH settled AS MATERIALIZED (
    -- The last step of each order that took one; SQLite takes the other columns from the row of the maximum.
    SELECT item, order_number, kind, max(seq) AS seq
    FROM ledger WHERE kind BETWEEN 3 AND 6 OR kind = 18
    GROUP BY item, order_number
)
SELECT order_ids.order_id AS order_id,
       order_ids.item_id AS item_id,
       placed.user_id AS user_id,
       placed.quantity AS quantity,
       placed.unit_price AS unit_price,
       placed.quantity * placed.unit_price AS total_price,
       order_ids.currency AS currency,
       coalesce(entry_kind.name, 'pending') AS status,
       strftime('%Y-%m-%dT%H:%M:%S', placed.at / 1000, 'unixepoch') || printf('.%03dZ', placed.at % 1000) AS created_at
FROM ledger AS placed
JOIN order_ids ON order_ids.seq = placed.seq
LEFT JOIN settled ON settled.item = placed.item AND settled.order_number = placed.order_number
LEFT JOIN entry_kind ON entry_kind.kind = settled.kind
WHERE placed.kind = 2
ORDER BY placed.seq;

-- Money that came and paid no order, or not only: one row for each payment or price that was ever owed, with how much
-- of it has to go back still. `item` is 0 where no order is known.
CREATE VIEW debts AS
WITH settled AS MATERIALIZED (
    SELECT item, order_number, idempotency_key AS payment_reference, json_extract(detail, '$.of') AS provider,
           sum(json_extract(detail, '$.settled')) FILTER (WHERE json_extract(detail, '$.source') = 'owed') AS settled,
           sum(json_extract(detail, '$.settled')) FILTER (WHERE json_extract(detail, '$.source') = 'applied') AS returned
    FROM ledger
    WHERE kind = 17 AND (kind NOT BETWEEN 2 AND 5 OR kind = 4 AND detail IS NOT NULL)
    GROUP BY item, order_number, idempotency_key, json_extract(detail, '$.of')
)
SELECT due.seq, due.item, due.order_number, due.user_id, due.provider, due.event_id, due.payment_reference,
       due.order_reference, due.verdict, due.amount,
       coalesce(due.currency, (SELECT json_extract(definition, '$.currency') FROM ledger
                               WHERE kind = 1 AND item = due.item ORDER BY seq DESC LIMIT 1)) AS currency,
       max(0, due.owed
           - coalesce((SELECT sum(settled.settled) FROM settled
                       WHERE settled.item = due.item AND settled.order_number IS due.order_number
                         AND settled.payment_reference IS due.debt_reference AND settled.provider IS due.debt_provider), 0)
           - CASE WHEN due.verdict <> 'cancelled' THEN 0
                  ELSE coalesce((SELECT sum(settled.returned) FROM settled
                                 WHERE settled.item = due.item AND settled.order_number = due.order_number), 0) END) AS owed,
       due.at
FROM (
    -- The price: of an order that was paid late, and of a paid one that an operator gave up.
    SELECT seq, item, order_number, user_id,
           CASE WHEN idempotency_key IS NOT NULL THEN coalesce(json_extract(detail, '$.provider'), 'doorbuster') END
               AS provider,
           coalesce(json_extract(detail, '$.event'), idempotency_key) AS event_id,
           idempotency_key AS payment_reference, NULL AS order_reference,
           CASE WHEN idempotency_key IS NOT NULL THEN 'late' ELSE 'cancelled' END AS verdict,
           quantity * unit_price AS amount, NULL AS currency, quantity * unit_price AS owed, at,
           NULL AS debt_reference, NULL AS debt_provider
    FROM ledger
    WHERE kind = 6 AND (idempotency_key IS NOT NULL OR detail IS NOT NULL)
      AND (kind NOT BETWEEN 2 AND 5 OR kind = 4 AND detail IS NOT NULL)
    UNION ALL
    SELECT seq, item, order_number, user_id, json_extract(detail, '$.provider'), json_extract(detail, '$.event'),
           idempotency_key, json_extract(detail, '$.order_reference'), json_extract(detail, '$.verdict'),
           json_extract(detail, '$.amount'), json_extract(detail, '$.currency'), json_extract(detail, '$.owed'), at,
           idempotency_key, json_extract(detail, '$.provider')
    FROM ledger
    WHERE kind = 16 AND (kind NOT BETWEEN 2 AND 5 OR kind = 4 AND detail IS NOT NULL)
) AS due;

-- Every payment that is on record: those that paid an order, and the debts.
CREATE VIEW payments AS
SELECT printf('P%09d', paid.seq) AS payment_id,
       order_ids.order_id AS order_id,
       order_ids.item_id AS item_id,
       paid.user_id AS user_id,
       coalesce(json_extract(paid.detail, '$.provider'), 'doorbuster') AS provider,
       coalesce(json_extract(paid.detail, '$.event'), paid.idempotency_key) AS event_id,
       paid.idempotency_key AS payment_reference,
       NULL AS order_reference,
       'applied' AS verdict,
       paid.quantity * paid.unit_price AS amount,
       order_ids.currency AS currency,
       0 AS owed,
       strftime('%Y-%m-%dT%H:%M:%S', paid.at / 1000, 'unixepoch') || printf('.%03dZ', paid.at % 1000) AS at,
       paid.seq AS seq
FROM ledger AS paid
JOIN order_ids ON order_ids.seq = paid.seq
WHERE paid.kind = 3 AND paid.idempotency_key IS NOT NULL
UNION ALL
SELECT printf('P%09d', debts.seq), (SELECT order_id FROM order_ids WHERE order_ids.seq = debts.seq),
       (SELECT json_extract(definition, '$.id') FROM ledger WHERE kind = 1 AND item = debts.item ORDER BY seq DESC LIMIT 1),
       debts.user_id, debts.provider, debts.event_id, debts.payment_reference, debts.order_reference, debts.verdict, debts.amount, debts.currency,
       debts.owed,
       strftime('%Y-%m-%dT%H:%M:%S', debts.at / 1000, 'unixepoch') || printf('.%03dZ', debts.at % 1000), debts.seq
FROM debts
ORDER BY seq;

-- What was done to the sale by somebody who is neither a buyer nor the clock, and by whom and why.
CREATE VIEW journal AS
SELECT done.seq AS seq,
       strftime('%Y-%m-%dT%H:%M:%S', done.at / 1000, 'unixepoch') || printf('.%03dZ', done.at % 1000) AS at,
       json_extract(done.detail, '$.operator') AS operator,
       json_extract(done.detail, '$.reason') AS reason,
       entry_kind.name AS kind,
       (SELECT json_extract(definition, '$.id') FROM ledger
        WHERE kind = 1 AND item = done.item ORDER BY seq DESC LIMIT 1) AS item_id,
       (SELECT order_id FROM order_ids WHERE order_ids.seq = done.seq) AS order_id,
       done.user_id AS user_id,
       done.quantity AS quantity,
       done.idempotency_key AS payment_reference,
       json_extract(done.detail, '$.settled') AS settled,
       json_extract(done.detail, '$.currency') AS currency,
       done.definition AS definition,
       done.supply AS supply,
       done.remaining AS remaining,
       done.item AS item,
       done.order_number AS order_number
FROM ledger AS done
JOIN entry_kind ON entry_kind.kind = done.kind
WHERE (done.kind NOT BETWEEN 2 AND 5 OR done.kind = 4 AND done.detail IS NOT NULL)
  AND (done.kind NOT IN (4, 6, 16, 17, 18)
       OR json_extract(done.detail, '$.operator') IS NOT NULL OR json_extract(done.detail, '$.reason') IS NOT NULL)
ORDER BY done.seq;
