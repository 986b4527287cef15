"""The broker on Redis. Each step is a script; what is held of one primary is a `Shard`.

A process has two connections to each primary, one for commands and one for channels; with REDIS_COPIES a third, on
which what stores messages waits for its copies. May use the contracts beside it and the base; knows nothing of SQLite.
"""
