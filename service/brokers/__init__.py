"""What the processes of a deployment share: the contract (`base`), and the two that keep it, on Redis and in SQLite.

Knows no user, no room of this process and no socket; `redis` and `sqlite` don't know each other.
"""
