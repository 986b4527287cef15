"""How far the service goes, computed from what was measured: `python -m bench.capacity`."""
