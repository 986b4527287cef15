"""Measures the service against its goals and against the usual ways of building one: `python -m bench`."""
