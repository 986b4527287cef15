"""bench/dashboard.py draws each panel of the dashboard from its own queries. Its load is not run here."""

import json
from pathlib import Path
from typing import Any

from bench.dashboard import DASHBOARD, Prometheus, draw


class Source(Prometheus):
    """Has two series for every query, and remembers them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        self.asked.append(str(parameters["query"]))
        if path == "query":
            return [{"metric": {}, "value": [30, "3"]}]
        labels = ({"instance": "127.0.0.1:1", "code": "1000"}, {"instance": "127.0.0.1:2", "code": "1012"})
        return [{"metric": label, "values": [[0, "1"], [30, "NaN"], [60, "2"]]} for label in labels]


def test_every_panel_is_drawn_from_its_own_queries(tmp_path: Path) -> None:
    """With nothing of Grafana's own left in them; and the picture is small enough for docs/."""
    source, path = Source(), tmp_path / "dashboard.png"
    draw(source, 0, 60, 30, path)
    targets = [target for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", [])]
    assert len(source.asked) == len(targets) and not [query for query in source.asked if "$" in query]
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size < 150_000
