-- The embedded broker's file (sqlite/opening.py). Times are Unix time in ms; `room` is rooms.id but where said.
-- Whoever changes a table raises SCHEMA_VERSION in sqlite/opening.py, and brings older files to it in sqlite/migration.py.

-- Rooms that have events. Where a room's log ends stands nowhere: it is its highest seq below.
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,  -- NULL: forgotten, and its rows go in small steps
    epoch TEXT NOT NULL,
    floor INTEGER NOT NULL,  -- the highest seq that was trimmed
    at INTEGER NOT NULL  -- of its last event
);
CREATE INDEX rooms_by_at ON rooms (at, name);

-- What a room is about (about.py): its first event's author and time, and the frame of the event that set the topic.
-- NULL where there is none, `begun` also in rooms that were begun before version 4.
CREATE TABLE about (
    room INTEGER PRIMARY KEY,
    begun BLOB,
    topic BLOB
);

-- `frame` is the JSON that was broadcast, until a removal takes the text out. It keeps its length then: SQLite writes
-- over it in its place, instead of moving the rows beside it and leaving copies of them behind.
CREATE TABLE messages (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    author TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    frame BLOB NOT NULL
);
-- With all that `unread` asks for, so that it reads no message.
CREATE UNIQUE INDEX messages_by_seq ON messages (room, seq, removed, author);

-- Edits, removals, reactions and topics. An edit holds a text of the message `target`; other changes have 0 there.
CREATE TABLE changes (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    target INTEGER NOT NULL,
    frame BLOB NOT NULL
);
CREATE UNIQUE INDEX changes_by_seq ON changes (room, seq);
CREATE INDEX edits ON changes (room, target) WHERE target > 0;

-- What changes made of the message `target` (marks.py).
CREATE TABLE marks (
    room INTEGER NOT NULL,
    target INTEGER NOT NULL,
    marks TEXT NOT NULL,
    UNIQUE (room, target)
);

-- Which of the users' ids the log took, so that none is taken twice, in the order of arrival. Outlives the event.
-- `content` (brokers/contents.py) is "" in rows of earlier versions.
CREATE TABLE ids (
    n INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (room, user, id)
);

-- How far users have read, and when that last moved.
CREATE TABLE reads (
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (room, user)
);
CREATE INDEX reads_by_user ON reads (user);

-- Up to where a room's events were taken by the operator's receiver (deliveries.py). The row 0 stands while there is one,
-- or was.
CREATE TABLE deliveries (
    room INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL
);

-- `room` is a name, or "" for everywhere; `user` a network where `network` is 1; `until` is 0 for good.
CREATE TABLE sanctions (
    user TEXT NOT NULL,
    network INTEGER NOT NULL,
    room TEXT NOT NULL,
    kind TEXT NOT NULL,
    until INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    guest TEXT NOT NULL,
    UNIQUE (user, network, room, kind)
);

-- What moderators and backends did, the latest of it: `deed` is JSON (directory.Deed), `user` whom it is about.
CREATE TABLE trail (
    n INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    deed BLOB NOT NULL
);
