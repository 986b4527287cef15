"""Servers that the service is measured against, each a program of its own: `python -m bench.baselines.naive`."""
