"""Whatever openapi.json allows, and what it doesn't, asked by schemathesis, which finds no fault with any answer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..harness import NO_LIMITS, UNIT, ServiceProcess, make_jwt
from ..harness.service_process import ROOT

CONFIG = Path(__file__).with_name("schemathesis.toml")
DOCUMENT = ROOT / "static" / "openapi.json"


def findings(folder: Path, url: str, role: str, examples: int, seed: int, *args: str, document: Path = DOCUMENT) -> str:
    """What it says to somebody of that role, empty where that is nothing. `examples` are of each operation."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", str(document)]
    command += ["--url", url, "--seed", str(seed), "--max-examples", str(examples), "--no-color", "--warnings", "off"]
    command += ["--continue-on-failure", "--max-failures", "50", "--request-timeout", str(10 * UNIT), *args]
    # Of the request's id the document says that it may be anything, which no header may.
    token = make_jwt(f"u-{role}", "Sam", role=role)
    command += ["--header", f"Authorization: Bearer {token}", "--header", "X-Request-Id: examined"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900 * UNIT, check=False)
    return "" if run.returncode == 0 else f"{role}, seed {seed}:\n{run.stdout}{run.stderr}"


@pytest.mark.long
@pytest.mark.parametrize("role", ["service", "member", "moderator"])
def test_nothing_is_found(tmp_path: Path, role: str, middle_form: bool, seed: int) -> None:
    """In the middle form with one seed."""
    examples, seed = (5, 1) if middle_form else (50, seed)
    with ServiceProcess(NO_LIMITS | {"ADMIN": "1"}) as service:
        if found := findings(tmp_path, service.url, role, examples, seed):
            pytest.fail(found, pytrace=False)  # an assertion would show its beginning


@pytest.mark.long
def test_control_a_wrong_promise_is_found(tmp_path: Path) -> None:
    """Of a document that says something else than the service does."""
    document = json.loads(DOCUMENT.read_text())
    document["components"]["schemas"]["Health"]["properties"]["status"] = {"const": "well"}
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(document))
    with ServiceProcess() as service:
        found = findings(tmp_path, service.url, "member", 1, 1, "--include-path", "/healthz", document=wrong)
    assert "Response violates schema" in found
