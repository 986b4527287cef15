"""Tests of Parley, with real parts: a real Redis, real processes and sockets, a real browser."""
