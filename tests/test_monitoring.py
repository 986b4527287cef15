"""deploy/grafana and deploy/prometheus ask for what /metrics has, and each alert comes when it should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.metrics import MetricWrapperBase

from service import metrics

from .harness import require_tool
from .harness.service_process import ROOT

GRAFANA = ROOT / "deploy" / "grafana" / "parley.json"
RULES = ROOT / "deploy" / "prometheus" / "parley.yml"
TRIALS = RULES.with_name("parley.test.yml")
SCRAPED = {"instance", "job"}  # labels that Prometheus adds


def exposed() -> dict[str, set[str]]:
    """Every name that may stand in the exposition, with its labels."""
    labels = {
        name: set(getattr(metric, "_labelnames"))  # noqa: B009  # what has counted nothing yet shows no labels
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for name in (family.name for family in metric.describe())
    }
    found: dict[str, set[str]] = {}
    for family in metrics.REGISTRY.collect():
        of = labels.get(family.name, set()) | (
            {"process"} if family.name.startswith(("process_", "python_")) else set()
        )
        if family.type == "histogram":
            found |= {family.name + "_bucket": of | {"le"}, family.name + "_sum": of, family.name + "_count": of}
        else:
            found[family.name + ("_total" if family.type == "counter" else "")] = of
    return found | {"up": set()}


EXPOSED = exposed()


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(GRAFANA.read_text())["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def asked(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of a query, and the labels that are asked of it."""
    grouped = {name.strip() for group in re.findall(r"by \(([^)]*)\)", query) for name in group.split(",")}
    rest = re.sub(r"\b(?:by|on) \([^)]*\)", "", query)
    for name, matchers in re.findall(r"\b([a-z]+(?:_[a-z]+)+|up)\b(?!\()(?:\{([^}]*)\})?", rest):
        yield (
            name,
            set(re.findall(r"(\w+)\s*=", matchers)) | (grouped if len(list(re.finditer(name, query))) == 1 else set()),
        )


def unknown(query: str, shown: str = "") -> list[str]:
    """What it asks for and will never get."""
    wanted = list(asked(query))
    known = set().union(*(EXPOSED.get(name, set()) for name, _ in wanted)) | SCRAPED
    missing = [name for name, _ in wanted if name not in EXPOSED]
    missing += [f"{name}: {label}" for name, labels in wanted for label in labels - EXPOSED.get(name, set()) - SCRAPED]
    return missing + [label for label in re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", shown) if label not in known]


@pytest.mark.parametrize(
    "query",
    [
        "sum(parley_sockets_total)",
        'rate(parley_errors_total{reason="x"}[5m])',
        "sum by (route) (rate(parley_closes_total[5m]))",
        "histogram_quantile(0.9, sum by (le) (parley_sockets))",
    ],
)
def test_what_is_not_there_is_found(query: str) -> None:
    """A metric of another name, a label of another metric."""
    assert unknown(query)


def test_the_dashboard_asks_for_what_there_is() -> None:
    """In each panel, by each legend; and every metric of ours is on it."""
    on_it: set[str] = set()
    for panel in panels():
        for target in panel["targets"]:
            query = target["expr"].replace("[$__rate_interval]", "[5m]")
            assert unknown(query, target["legendFormat"]) == [], panel["title"]
            on_it |= {re.sub("_(bucket|sum|count)$", "", name) for name, _ in asked(query)}
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in EXPOSED if name.startswith("parley_")}
    assert ours - on_it == set()


def test_the_dashboard_can_be_laid_out() -> None:
    """Ids are its panels' own, nothing overlaps, all are of the source that is chosen."""
    every = json.loads(GRAFANA.read_text())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}


def test_queries_are_prometheus_s(tmp_path: Path) -> None:
    """Each of the dashboard's is one to promtool, which reads them as rules."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    recorded = [
        {"record": f"tried:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": recorded}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


def promtool(*arguments: object) -> None:
    """Raises CalledProcessError where it complains."""
    subprocess.run([require_tool("promtool", "prometheus"), *map(str, arguments)], check=True, capture_output=True)


def test_alerts_ask_for_what_there_is() -> None:
    """In their expressions and their sentences."""
    for rule in rules():
        assert unknown(rule["expr"], rule["annotations"]["summary"]) == [], rule["alert"]


def test_each_alert_comes_when_it_should_and_only_then(tmp_path: Path) -> None:
    """By promtool's own tests; one of each that fires and one that doesn't. A rule that is changed fails them."""
    promtool("test", "rules", TRIALS)
    trials = [test["alert_rule_test"][0] for test in yaml.safe_load(TRIALS.read_text())["tests"]]
    tried = [(trial["alertname"], bool(trial["exp_alerts"])) for trial in trials]
    assert sorted(tried) == sorted((rule["alert"], fires) for rule in rules() for fires in (True, False))
    shutil.copy(TRIALS, tmp_path)
    text = RULES.read_text()
    (tmp_path / RULES.name).write_text(text.replace("parley_broker_available == 0", "parley_broker_available == 1"))
    with pytest.raises(subprocess.CalledProcessError):
        promtool("test", "rules", tmp_path / TRIALS.name)
