"""Servers that the service is measured against; each runs as a program of its own: `python -m bench.baselines.naive`."""
