"""The closing handshake of RFC 6455 as clients of other authors see it.

Each opens, is welcomed and speaks, closes by itself (1000), is refused (4401), removed (4403), closed for a flood
(1008) and sent away (1012); and each says that the end was clean, with our code and reason. All at once, on one
service.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..browser import chromium
from ..harness import UNIT, ServiceProcess, make_jwt, require_tool
from . import python_clients, scenes
from .firefox import firefox

FOLDER = Path(__file__).parent
PYTHON = tuple(python_clients.LIBRARIES)
NODE = ("ws", "undici", "faye")
BROWSERS = ("chromium", "firefox")

ENDS = {
    "own": (1000, "bye"),
    "refused": (4401, "the t"),  # token, or ticket
    "kicked": (4403, "removed by a moderator (kick)"),
    "flooding": (1008, "too many errors, at last bad_request"),
    "drained": (1012, "this process is leaving"),
}
CODES = {
    # Its list ends with 1011: what the registry of RFC 6455 section 11.7 took in later is 1002 to it.
    ("faye", 1012): 1002,
}
Reports = dict[str, dict[str, Any]]
Waiting = Callable[[], None]


def tokens(client: str) -> dict[str, str]:
    """A user for each scene; the one who is kicked does it to themself."""
    named = {scene: f"{client} {scene}" for scene in ("own", "kicked", "flooding", "drained")}
    made = {scene: make_jwt(name.replace(" ", "-"), name, role="moderator") for scene, name in named.items()}
    return made | {"kicked_id": f"{client}-kicked"}


async def python(library: str, service: ServiceProcess, waiting: Waiting) -> Reports:
    return await scenes.play(python_clients.connector(library, service.ws_url), tokens(library), waiting)


async def node(library: str, service: ServiceProcess, waiting: Waiting) -> Reports:
    command = [require_tool("node", "nodejs"), "node_client.js", library, service.ws_url, json.dumps(tokens(library))]
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert (await asyncio.to_thread(process.stdout.readline)) == "waiting\n"
            waiting()
            reports: Reports = json.loads(await asyncio.to_thread(process.stdout.read))
        finally:
            process.kill()
    return reports


def script(client: str) -> str:
    """The scenes for a page of the service's own: a ticket for each token, as browsers can set no header."""
    play = (FOLDER / "scenes.js").read_text().replace("export async function play", "const play = async function")
    return f"""
        window.waiting = false;
        window.done = (async () => {{
            {play}
            const connect = async (token) => {{
                const answer = await fetch("/tickets", {{
                    method: "POST", headers: {{ Authorization: `Bearer ${{token}}` }}, body: "{{}}" }});
                const ticket = answer.ok ? (await answer.json()).ticket : "none";
                return new WebSocket("/socket".replace(/^/, location.origin.replace("http", "ws")),
                    ["chat.v1", `ticket.${{ticket}}`]);
            }};
            return await play(connect, {json.dumps(tokens(client))}, () => {{ window.waiting = true; }});
        }})();
        0  // not the promise, which would be waited for
    """


WAITING = """(async () => {
    while (!window.waiting) await new Promise((resolve) => setTimeout(resolve, 20));
    return JSON.stringify(true);
})()"""
DONE = "window.done.then(JSON.stringify)"


async def in_chromium(service: ServiceProcess, waiting: Waiting) -> Reports:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{service.url}/clock.html")
        await page.evaluate(script("chromium"))
        await page.evaluate(WAITING)
        waiting()
        reports: Reports = json.loads(await page.evaluate(DONE))
        return reports


async def in_firefox(service: ServiceProcess, waiting: Waiting) -> Reports:
    async with firefox() as browser:
        await browser.goto(f"{service.url}/clock.html")
        await browser.evaluate(f"{script('firefox')}; 'true'")
        await browser.evaluate(WAITING)
        waiting()
        reports: Reports = await browser.evaluate(DONE)
        return reports


@pytest.mark.timeout(seconds=120 * UNIT)
async def test_every_client_sees_every_end_as_it_is_meant() -> None:
    """Code and reason, opened before it ended, and by the client's own judgement clean; on our side, too."""
    left = len(PYTHON) + len(NODE) + len(BROWSERS)
    all_wait = asyncio.Event()

    def waiting() -> None:
        nonlocal left
        left -= 1
        if not left:
            all_wait.set()

    # Longer than the drain: the end of the process would cut who is told to come back later.
    service = await asyncio.to_thread(ServiceProcess({"DRAIN_SECONDS": "0.5", "TICKET_RATE": "0"}).start)
    try:
        runs = {library: asyncio.ensure_future(python(library, service, waiting)) for library in PYTHON}
        runs |= {library: asyncio.ensure_future(node(library, service, waiting)) for library in NODE}
        runs |= {
            "chromium": asyncio.ensure_future(in_chromium(service, waiting)),
            "firefox": asyncio.ensure_future(in_firefox(service, waiting)),
        }
        arrived = asyncio.ensure_future(all_wait.wait())
        await asyncio.wait([arrived, *runs.values()], return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        await asyncio.sleep(0.5 * UNIT)  # the other scenes of the last to come
        closes = closed(service)
        assert await asyncio.to_thread(service.stop) == 0
        reports = dict(zip(runs, await asyncio.gather(*runs.values()), strict=True))
    finally:
        await asyncio.to_thread(service.stop)
    assert {client: wrong for client, report in reports.items() if (wrong := mistakes(client, report))} == {}
    assert closes.keys() == {"1000", "1008", "4401", "4403"}, "a socket ended in another way, as seen from the service"
    assert set(closes.values()) == {len(reports)}


async def test_without_the_handshake_clients_lose_the_code() -> None:
    """What the test above is good for: with FIN at once aiohttp takes a refusal for a broken connection."""
    service = await asyncio.to_thread(ServiceProcess({"DRAIN_SECONDS": "0.5"}, command=("tests.clients.hasty",)).start)
    try:
        waits = asyncio.Event()
        run = asyncio.ensure_future(python("aiohttp", service, waits.set))
        await asyncio.wait_for(waits.wait(), 10 * UNIT)
    finally:
        await asyncio.to_thread(service.stop)
    assert "refused" in mistakes("aiohttp", await run)


def test_the_node_clients_are_pinned_and_their_lock_names_no_registry() -> None:
    """Whoever installs them has a registry of their own."""
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    lock = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert set(wanted) == {"ws", "undici", "faye-websocket"}
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert not [name for name, package in lock.items() if "resolved" in package]


def mistakes(client: str, report: Reports) -> dict[str, Any]:
    """The scenes that ended in another way than they should."""
    wrong = {}
    for scene, (code, reason) in ENDS.items():
        seen = report[scene]
        ended = seen["code"] == CODES.get((client, code), code) and seen["clean"] and seen["opened"]
        # WHATWG's sockets tell a close of their own by what the peer answers, whose reason is empty.
        told = scene == "own" or seen["reason"].startswith(reason)
        welcomed = seen["types"][:1] == ([] if scene == "refused" else ["welcome"])
        warned = scene != "drained" or "reconnect" in seen["types"]
        if not (ended and told and welcomed and warned):
            wrong[scene] = seen
    return wrong


def closed(service: ServiceProcess) -> dict[str, int]:
    """How many sockets ended by which code."""
    metrics = service.request("GET", "/metrics")[2].decode()
    return {
        code: int(float(count))
        for code, count in re.findall(r'^parley_closes_total{code="(\w+)"} (\S+)$', metrics, re.M)
    }
