-- Orders can be refunded, and have names of another form. What an order can be is the program's to say, which knows
-- every status it writes: a later one needs no other table. The rows follow, each under its new name.

ALTER TABLE held RENAME TO held_before;

CREATE TABLE held (
    order_id TEXT PRIMARY KEY,
    item_id  TEXT NOT NULL REFERENCES item (item_id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    status   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
