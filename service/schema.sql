-- The embedded broker's file (broker_sqlite.py). Times are Unix time in ms.
-- Whoever changes a table here raises VERSION in sqlite_store.py.

-- A retired room has no name: it is forgotten at once, and its rows go in small steps.
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,
    epoch TEXT NOT NULL,
    created INTEGER NOT NULL
);

-- The newest events of all rooms, in the order of arrival. Appending touches a few pages however many rooms are busy;
-- from time to time all rows move to `events` and `ids`, where a room's rows stand together.
CREATE TABLE tail (
    n INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    frame BLOB NOT NULL
);

-- `frame` is the event's JSON as it was broadcast.
CREATE TABLE events (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    frame BLOB NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;

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

-- `until` is 0 for good; `room` is "" for everywhere; `by` is a user.
CREATE TABLE sanctions (
    kind TEXT NOT NULL,
    room TEXT NOT NULL,
    user TEXT NOT NULL,
    until INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (kind, room, user)
) WITHOUT ROWID;
