"""tests/contract, the kit by which any service is held to docs/protocol.md: this one keeps it, a wrong one doesn't."""

import ast
import re
import subprocess
import sys

import pytest

from .harness import JWT_SECRET, NO_LIMITS, UNIT, ServiceProcess, TcpProxy
from .harness.service_process import ROOT

KIT = ROOT / "tests" / "contract"
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
SECTIONS = re.findall(r"^## (.+)$", PROTOCOL, re.MULTILINE)
LIMITS = NO_LIMITS | {"SEND_RATE": "50", "SEND_BURST": "100", "PRESENCE_GRACE": "0.5"}
"""One that a rule meets, and none that keeps the others waiting."""

PROMISES = {
    # What the kit is shown instead of what the service says, byte for byte as long; and the rule that must see it.
    b'"duplicate":true': (b'"duplicate":null', "rule_4_5"),
    b'"resumed":true': (b'"resumed":null', "rule_4_2"),
    b'"code":"not_joined"': (b'"code":"forbidden" ', "rule_3_6"),
    b'"removed":true': (b'"removed":null', "rule_3_10"),
    b'"expires_in":30': (b'"expires_in":99', "rule_2_1"),
    b'"type":"reacted"': (b'"type":"removed"', "rule_3_16"),
    b"\x03\xf1": (b"\x03\xe8", "rule_5_4"),  # 1009 and 1000
}
BROKEN = {rule for _, rule in PROMISES.values()}
KEPT = {"rule_3_1", "rule_4_1", "rule_5_1"}


def run_kit(url: str, *args: str) -> subprocess.CompletedProcess[str]:
    """As `bin/test contract` does."""
    command = [sys.executable, "-m", "pytest", "-c", str(KIT / "pytest.ini"), "--url", url, "-q", "-rfEs"]
    command += ["--jwt-secret", JWT_SECRET, *(args or [str(KIT)])]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300 * UNIT, check=False)


@pytest.mark.parametrize("broker", ["sqlite", "redis"])
def test_this_service_keeps_it(broker: str, request: pytest.FixtureRequest) -> None:
    """Every rule, and none is skipped."""
    env = {} if broker == "sqlite" else {"REDIS_URL": request.getfixturevalue("redis_url")}
    with ServiceProcess(LIMITS | env) as service:
        run = run_kit(service.url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" not in run.stdout, run.stdout


def test_this_service_keeps_it_where_websockets_are_blocked() -> None:
    """Every rule but those that are about WebSockets alone."""
    with ServiceProcess(LIMITS) as service:
        run = run_kit(service.url, str(KIT), "--transport", "events")
    assert run.returncode == 0, run.stdout + run.stderr
    skipped = re.findall(r"^SKIPPED \[(\d+)\].*", run.stdout, re.MULTILINE)
    assert sum(map(int, skipped)) == 6 and run.stdout.count("is about WebSockets alone") == len(skipped), run.stdout


def broken(reply: bytes) -> bytes:
    """What the service says, with its promises broken."""
    for said, (instead, _) in PROMISES.items():
        reply = reply.replace(said, instead)
    return reply


def test_control_a_service_that_breaks_it_is_found() -> None:
    """Each rule that it breaks, by that rule."""
    assert all(len(said) == len(instead) for said, (instead, _) in PROMISES.items())
    chosen = [f"{KIT}/{file}.py::{rule}" for file, rule in map(str.split, rules()) if rule in BROKEN | KEPT]
    with ServiceProcess(LIMITS) as service, TcpProxy("127.0.0.1", service.port, rewrite=lambda: broken) as liar:
        run = run_kit(f"http://127.0.0.1:{liar.port}", *chosen)
    assert set(re.findall(r"^FAILED .*::(rule_\d+_\d+)", run.stdout, re.MULTILINE)) == BROKEN, run.stdout
    assert f"{len(KEPT)} passed" in run.stdout


def rules() -> dict[str, ast.AsyncFunctionDef]:
    """By file and name, in their order."""
    return {
        f"{path.stem} {node.name}": node
        for path in sorted(KIT.glob("rules_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("rule_")
    }


def test_rules_are_numbered_by_their_sections() -> None:
    """Each file has one section of docs/protocol.md, by its number and name; rules are counted in it, and say what."""
    count: dict[int, int] = {}
    for name, node in rules().items():
        match = re.fullmatch(r"rules_(\d+)_(\w+) rule_\1_(\d+)", name)
        assert match, name
        section, place = int(match[1]), int(match[3])
        assert re.sub(r"\W+", "_", SECTIONS[section - 1].lower().replace("'", "")) == match[2]
        assert place == count.get(section, 0) + 1
        count[section] = place
        assert ast.get_docstring(node)
    assert SECTIONS[-1] == "Since 1.0", "what changed is proved where it stands"
    assert set(count) == set(range(2, len(SECTIONS))), "endpoints are what the others are about"


def test_every_part_of_the_frames_has_a_rule() -> None:
    """What stands in bold there, but for what only the end of a process shows."""
    (frames,) = re.findall(r"^### In detail$(.+?)^### ", PROTOCOL, re.MULTILINE | re.DOTALL)
    parts = set(re.findall(r"^\*\*(.+?\.)\*\*|^\*\*(\w+)\*\*", frames, re.MULTILINE))
    named = {(one or other).rstrip(".") for one, other in parts}
    proved = {str(ast.get_docstring(node)).split(".")[0] for name, node in rules().items() if "rules_3" in name}
    assert named - proved == {"Reconnect"} and proved <= named


def test_it_knows_no_service() -> None:
    """It imports none, nor does anything that it imports."""
    code = "import sys, tests.contract.conftest as _; print(*(n for n in sys.modules if n.split('.')[0] == 'service'))"
    for path in KIT.glob("rules_*.py"):
        code = f"import tests.contract.{path.stem}; {code}"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
