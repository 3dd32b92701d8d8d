-- Orders of any node have their names: the number of an item has that of its node in its upper ten bits. Nothing else
-- changes, and orders of a node that is alone are called as before.

DROP VIEW order_id_prefixes;

-- The item's part of an order id: everything in front of the order's digits, and what it adds to the sum that the check
-- digit makes a multiple of 31. Digits are those of Crockford's Base32 without Z.
CREATE VIEW order_id_prefixes AS
WITH numbers AS MATERIALIZED (
    SELECT item, json_extract(definition, '$.id') AS item_id, json_extract(definition, '$.currency') AS currency, max(seq)
    FROM ledger WHERE kind = 1
    GROUP BY item
), digits AS MATERIALIZED (
    SELECT item, item_id, currency, '0123456789ABCDEFGHJKMNPQRSTVWXY' AS alphabet,
           item / 4194304 + 1 AS node, item % 4194304 AS ordinal,
           CASE WHEN item % 4194304 < 31 THEN 1 WHEN item % 4194304 < 961 THEN 2
                WHEN item % 4194304 < 29791 THEN 3 WHEN item % 4194304 < 923521 THEN 4 ELSE 5 END AS count
    FROM numbers
)
SELECT item, item_id, currency,
       substr('CGHKP', count, 1)
           || substr(alphabet, (node / 31 % 31) + 1, 1)
           || substr(alphabet, (node % 31) + 1, 1)
           || substr(
              substr(alphabet, (ordinal / 923521 % 31) + 1, 1)
              || substr(alphabet, (ordinal / 29791 % 31) + 1, 1)
              || substr(alphabet, (ordinal / 961 % 31) + 1, 1)
              || substr(alphabet, (ordinal / 31 % 31) + 1, 1)
              || substr(alphabet, (ordinal % 31) + 1, 1), -count) AS prefix,
       9 * (ordinal % 31)
           + 10 * (ordinal / 31 % 31)
           + 11 * (ordinal / 961 % 31)
           + 12 * (ordinal / 29791 % 31)
           + 13 * (ordinal / 923521 % 31)
           + (9 + count) * (node % 31)
           + (10 + count) * (node / 31 % 31)
           + CASE count WHEN 1 THEN 144 WHEN 2 THEN 208 WHEN 3 THEN 238 WHEN 4 THEN 285 ELSE 352 END AS checked
FROM digits;
