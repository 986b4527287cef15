"""`python -m bench.dashboard`: a picture of deploy/grafana/parley.json under a load, docs/images/dashboard.png.

Two processes of the service, a Redis and a Prometheus that scrapes them are real, and so is what the dashboard's own
queries give. Grafana is not: Debian has none, so the panels are drawn here, where the dashboard has them.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, PercentFormatter
from PIL import Image

from bench.load import by_the_clock, closed_loop
from bench.machine import prepare
from bench.servers import ROOT, Target, free_port, target

DASHBOARD = ROOT / "deploy" / "grafana" / "parley.json"
SCRAPE = 5  # seconds, the shortest that docs/operations.md allows
WIDTH, HEIGHT = 0.56, 0.26  # inches of a cell of the dashboard's grid
DPI, COLOURS = 88, 48  # a file for docs/, not for print

_SECONDS = EngFormatter("s", places=1)

Series = tuple[str, list[float], list[float]]  # a legend, times, values


class Prometheus:
    """A running one."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        try:
            with urlopen(f"{self._url}/-/ready", timeout=1):  # noqa: S310  # http, to ourselves
                return True
        except OSError:
            return False

    def ask(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        """Raises HTTPError for a query that it doesn't take."""
        url = f"{self._url}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=10) as answer:  # noqa: S310  # http, to ourselves
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


@contextmanager
def prometheus(server: Target) -> Iterator[Prometheus]:
    """One that scrapes the server's processes from now on."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("error: prometheus is not installed: sudo apt-get install prometheus")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        targets = [f"{host}:{port}" for host, port in server.addresses]
        scrape = {"job_name": "parley", "static_configs": [{"targets": targets}]}
        config = {"global": {"scrape_interval": f"{SCRAPE}s"}, "scrape_configs": [scrape]}
        (Path(folder) / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        port = free_port()
        options = {"config.file": f"{folder}/prometheus.yml", "storage.tsdb.path": folder, "log.level": "error"}
        options["web.listen-address"] = f"127.0.0.1:{port}"
        process = subprocess.Popen([program, *(f"--{name}={value}" for name, value in options.items())])
        made = Prometheus(port)
        try:
            while not made.ready():
                if process.poll() is not None:
                    raise SystemExit("error: prometheus did not start")
                time.sleep(0.1)
            yield made
        finally:
            process.terminate()
            process.wait()


def load(server: Target, seconds: float) -> None:
    """400 people in rooms of 20, twice: by the clock, with reading, and as fast as answers come. In between nobody."""
    time.sleep(2 * SCRAPE)
    for fast in (False, True):
        crowd = server.crowd()
        crowd.enter([f"{'fast' if fast else 'read'}-{number % 20}" for number in range(400)])
        crowd.settle()
        rooms = list(crowd.rooms.values())
        if fast:
            closed_loop(crowd, rooms, server.gauge, publishers=1, in_flight=1, seconds=seconds / 2)
        else:
            by_the_clock(crowd, rooms, server.gauge, rate=150, seconds=seconds / 2, read=True)
        crowd.leave()
        time.sleep(SCRAPE)


def series(source: Prometheus, panel: dict[str, Any], start: float, end: float) -> Iterator[Series]:
    for asked in panel["targets"]:
        found = source.ask("query_range", query=resolved(asked["expr"]), start=start, end=end, step=SCRAPE)
        for one in found:
            legend = asked["legendFormat"]
            for name, value in one["metric"].items():
                legend = legend.replace("{{%s}}" % name, value)
            points = [(float(at) - start, float(value)) for at, value in one["values"] if value != "NaN"]
            if points:
                yield legend, [at for at, _ in points], [value for _, value in points]


def resolved(query: str) -> str:
    """With Grafana's own words filled in, as Grafana does."""
    return query.replace("$__rate_interval", f"{4 * SCRAPE}s").replace("$instance", ".*")


def draw(source: Prometheus, start: float, end: float, middle: float, path: Path) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = pyplot.figure(figsize=(24 * WIDTH, rows * HEIGHT), facecolor="white")
    matplotlib.rcParams.update({"font.size": 7, "axes.titlesize": 8, "axes.titleweight": "bold"})
    for panel in panels:
        at = panel["gridPos"]
        # Room for what stands around: the title above, the times below, the values on the left.
        box = ((at["x"] + 0.9) / 24, 1 - (at["y"] + at["h"] - 1.1) / rows, (at["w"] - 1.1) / 24, (at["h"] - 2.2) / rows)
        if panel["type"] == "row":
            figure.text(0.004, 1 - (at["y"] + 0.75) / rows, panel["title"], fontsize=10, fontweight="bold")
            continue
        axes = figure.add_axes(box)
        axes.set_title(panel["title"], loc="left")
        unit = panel["fieldConfig"]["defaults"].get("unit", "none")
        if panel["type"] == "stat":
            found = source.ask("query", query=resolved(panel["targets"][0]["expr"]), time=middle)
            value = float(found[0]["value"][1]) if found else float("nan")
            axes.axis("off")
            axes.text(0, 0.1, (_SECONDS if unit == "s" else EngFormatter())(value), fontsize=16, color="#0b6e4f")
        else:
            _lines(axes, list(series(source, panel, start, end)), unit, end - start)
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)
    with Image.open(path) as image:
        image.convert("RGB").quantize(COLOURS).save(path, optimize=True)


def _lines(axes: Axes, lines: list[Series], unit: str, seconds: float) -> None:
    for legend, times, values in lines:
        axes.plot(times, values, linewidth=1, label=legend.replace("127.0.0.1", ""))
    axes.set_xlim(0, seconds)
    highest = max((max(values) for _, _, values in lines), default=0.0)
    axes.set_ylim(0, 1.25 * highest or 1)
    axes.grid(True, alpha=0.25)
    marks = {"s": _SECONDS, "bytes": EngFormatter("B"), "percentunit": PercentFormatter(1.0)}
    axes.yaxis.set_major_formatter(marks.get(unit, EngFormatter()))
    if lines:
        axes.legend(fontsize=6, loc="upper right", framealpha=0.6)
    else:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color="grey")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument("--seconds", type=float, default=70, help="of load, under 90: then pings come")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "dashboard.png")
    options = parser.parse_args()
    prepare(1000)
    with target("redis", processes=2) as server, prometheus(server) as source:
        start = time.time()
        load(server, options.seconds)
        end = time.time()
        draw(source, start, end, (start + end) / 2, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
