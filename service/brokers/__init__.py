"""What processes share: four contracts (`log`, `presence`, `directory`, `deliveries`), kept on Redis and in SQLite.

Knows no user, no room of this process and no socket; `redis` and `sqlite` don't know each other.
"""
