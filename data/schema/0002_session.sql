-- Whether a server has the file open for writing. In the main file from before the first commit of a session until its
-- clean end: where it says "open", a write-ahead log belongs to the file, and without it the file is only a part.

CREATE TABLE session (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    epoch   INTEGER NOT NULL CHECK (epoch >= 0),       -- how often a server has opened the file
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    log     INTEGER NOT NULL                           -- salt-1 of the log when the session began; grows by 1 a checkpoint
) STRICT;

INSERT INTO session (id, epoch, is_open, log) VALUES (1, 0, 0, 0);
