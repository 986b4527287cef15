-- The embedded broker's file (broker_sqlite.py). Times are Unix time in ms.
-- Whoever changes a table here raises VERSION in sqlite_store.py, and brings older files to it in sqlite_migration.py.

-- A retired room has no name: it is forgotten at once, and its rows go in small steps.
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,
    epoch TEXT NOT NULL,
    created INTEGER NOT NULL
);

-- The newest events of all rooms, a row for each batch, in the order of arrival: appending touches few pages, however
-- many rooms are busy. From time to time they move to `events` and `ids`, where what is a room's stands together.
-- `rows` is MessagePack, an array of [room, seq, at, user, id, frame].
CREATE TABLE tail (
    n INTEGER PRIMARY KEY,
    rows BLOB NOT NULL
);

-- Blocks of a room's events, from seq `first` to `last`, which came at `at`.
-- `frames` is MessagePack, an array of the events' JSON as it was broadcast.
CREATE TABLE events (
    n INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    at INTEGER NOT NULL,
    frames BLOB NOT NULL
);

CREATE UNIQUE INDEX events_by_room ON events (room, last);

-- Which of the users' ids the log took, so that none is taken twice. Outlives the event.
CREATE TABLE ids (
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (room, user, id)
) WITHOUT ROWID;

-- What later events did to the message `target` (marks.py).
CREATE TABLE marks (
    room INTEGER NOT NULL,
    target INTEGER NOT NULL,
    marks TEXT NOT NULL,
    PRIMARY KEY (room, target)
) WITHOUT ROWID;

CREATE TABLE reads (
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) WITHOUT ROWID;

CREATE INDEX reads_by_user ON reads (user);

-- `until` is 0 for good; `room` is "" for everywhere; `by` is a user. Of a network `kind` ends in "/net", `user` is the
-- network and `guest` by whom it was found.
CREATE TABLE sanctions (
    kind TEXT NOT NULL,
    room TEXT NOT NULL,
    user TEXT NOT NULL,
    until INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    guest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (kind, room, user)
) WITHOUT ROWID;
