"""The examples in docs/api.md, in their order, against a running service: each ends well and says what it is to say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from .harness import ServiceProcess, require_tool
from .harness.service_process import JWT_SECRET, NO_LIMITS, ROOT

DOCUMENT = (ROOT / "docs" / "api.md").read_text()
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
PROGRAMS = {"python": [sys.executable, "-"], "js": ["node", "--input-type=module", "-"]}


def test_the_examples_run(tmp_path: Path) -> None:
    """Those of the shell share one, as somebody would type them; the others get what it exported."""
    require_tool("curl", "curl")
    require_tool("node", "nodejs")
    said: list[str] = []
    with ServiceProcess(NO_LIMITS) as service:
        environ = os.environ | {"JWT_SECRET": JWT_SECRET, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
        for number, (language, source) in enumerate(EXAMPLES):
            source = source.replace("http://localhost:8000", service.url)
            if language == "sh":
                source = f"set -eu\n{source}\nenv -0 > environ"
            program = ["bash"] if language == "sh" else PROGRAMS[language]
            done = subprocess.run(
                program,
                input=source,
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"example {number + 1} ({language}): {done.stdout}{done.stderr}"
            said.append(done.stdout)
            if language == "sh":
                kept = (tmp_path / "environ").read_text().split("\0")
                environ |= {name: value for name, _, value in (line.partition("=") for line in kept if line)}
    assert len(said) == len(EXAMPLES) == 10
    assert json.loads(said[1])["seq"] == 1
    assert said[2].startswith("No room - a room's name is") and said[2].count("\n") == 1
    assert said[3].splitlines() == ["step-1 is 3", "step-2 is 4", "step-3 is 5"]
    assert said[5].splitlines()[:2] == ["1 Build Build 7 is green, at last", "2 Backend (removed)"]
    assert said[8] == "1 messages removed\n"
    export = [json.loads(line) for line in (tmp_path / "lobby.jsonl").read_text().splitlines()]
    assert [line["type"] for line in export] == ["room", *["message"] * 5, "end"]
    assert export[1]["user"] == {"id": "g-gone", "name": "gone"}


def test_each_language_is_shown() -> None:
    """curl, Python and Node."""
    assert {language for language, _ in EXAMPLES} == {"sh", "python", "js"}
    assert "curl " in DOCUMENT
