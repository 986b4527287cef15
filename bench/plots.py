"""The two plots of the report, as SVG."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.goals import Values

_NAMES = {
    "redis": "service, Redis",
    "sqlite": "service, SQLite",
    "naive": "naive loop",
    "websockets": "websockets broadcast()",
}
_COLORS = {"redis": "#0b6e4f", "sqlite": "#1f77b4", "naive": "#c0392b", "websockets": "#e08e0b"}


def draw(values: Values, folder: Path) -> Iterator[tuple[str, str]]:
    """Draw what there are values for; name and title of each file written."""
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "font.size": 10})  # the same numbers give the same file
    sizes = "CPU per delivery against the size of the room"
    if _draw(folder / "cpu-per-delivery.svg", sizes, lambda axes: _size_lines(values, axes)):
        yield "cpu-per-delivery.svg", sizes
    latency = "Latency against rate, one room of 1,000"
    if _draw(folder / "latency.svg", latency, lambda axes: _latency_lines(values, axes)):
        yield "latency.svg", latency


def _draw(path: Path, title: str, lines: Callable[[Axes], int]) -> bool:
    figure, axes = pyplot.subplots(figsize=(9, 4.5))
    try:
        if not lines(axes):
            return False
        axes.set_title(title)
        axes.grid(True, which="both", alpha=0.25)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", rotation=30)
        axes.legend(fontsize=8, handlelength=4, loc="center left", bbox_to_anchor=(1.01, 0.5))
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})
        return True
    finally:
        pyplot.close(figure)


def _size_lines(values: Values, axes: Axes) -> int:
    drawn = 0
    for flight, style in ((1, "-"), (16, "--")):
        found: dict[str, list[tuple[int, float]]] = {}
        for metric, systems in values.items():
            head, _, size = metric.removesuffix(".cpu").rpartition("-")
            if metric.endswith(".cpu") and head == f"sizes-{flight}":
                for system, numbers in systems.items():
                    found.setdefault(system, []).append((int(size), median(numbers)))
        for system, points in found.items():
            label = f"{_NAMES[system]}, {flight} in flight"
            axes.plot(*zip(*sorted(points), strict=True), style, marker="o", color=_COLORS[system], label=label)
            drawn += 1
    axes.set(xscale="log", yscale="log", xlabel="members", ylabel="µs of the server's CPU per delivery")
    return drawn


def _latency_lines(values: Values, axes: Axes) -> int:
    drawn = 0
    for system, rates in values.get("sweep.rate", {}).items():
        for percent, style in (("p50", "--"), ("p99", "-")):
            points = sorted(zip(rates, values[f"sweep.{percent}"][system], strict=True))
            label = f"{_NAMES[system]}, {percent}"
            axes.plot(*zip(*points, strict=True), style, marker="o", color=_COLORS[system], label=label)
            drawn += 1
    axes.set(xscale="log", yscale="log", xlabel="deliveries/s", ylabel="ms from due to received")
    return drawn
