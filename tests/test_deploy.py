"""deploy/ and the Dockerfile are true: proxies run and are spoken through, the rest says what the service takes."""

import asyncio
import configparser
import contextlib
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import HTTPErrorProcessor, HTTPSHandler, Request, build_opener

import pytest
import yaml  # type: ignore[import-untyped]
from websockets.asyncio.client import connect

from service.config import DRAIN_LONGEST, PING_LONGEST, SETTINGS, load
from service.identity.headers import TICKET_PREFIX
from service.protocol import SUBPROTOCOL
from service.sockets.acceptor import RESERVE

from .harness import (
    SECRET_KEY,
    UNIT,
    Authority,
    ServiceProcess,
    free_port,
    make_jwt,
    require_tool,
    service_env,
    wait_until,
)
from .harness.service_process import ROOT

DEPLOY = ROOT / "deploy"
# Seconds from SIGTERM to the end, at most.
GRACE = DRAIN_LONGEST
UNITS_OF_TIME = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """`30s`, `1h`."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    assert match, text
    return int(match[1]) * UNITS_OF_TIME[match[2]]


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """With the example's own places exchanged for a test's: each must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


# -- proxies


class Proxy(NamedTuple):
    """A running one, by its ports."""

    http: int
    https: int
    context: ssl.SSLContext


def haproxy(folder: Path, ports: tuple[int, int], service: int, authority: Authority) -> list[str]:
    """The command; its configuration is the example's but for places."""
    issued = authority.issue("chat")
    (folder / "both.pem").write_text(issued.certfile.read_text() + issued.keyfile.read_text())
    text = replaced(
        (DEPLOY / "haproxy.cfg").read_text(),
        ("bind :80\n", f"bind 127.0.0.1:{ports[0]}\n"),
        ("bind :443 ssl crt /etc/haproxy/chat.example.com.pem", f"bind 127.0.0.1:{ports[1]} ssl crt {folder}/both.pem"),
        ("127.0.0.1:8001", f"127.0.0.1:{service}"),
        ("127.0.0.1:8002", f"127.0.0.1:{free_port()}"),  # one that is gone
        ("maxconn 50000", "maxconn 100"),
    )
    (folder / "haproxy.cfg").write_text(text)
    command = [require_tool("haproxy", "haproxy"), "-f", str(folder / "haproxy.cfg")]
    subprocess.run([*command, "-c"], check=True, capture_output=True)
    return command


def nginx(folder: Path, ports: tuple[int, int], service: int, authority: Authority) -> list[str]:
    """The same."""
    issued = authority.issue("chat")
    text = replaced(
        (DEPLOY / "nginx.conf").read_text(),
        ("listen 80;", f"listen 127.0.0.1:{ports[0]};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{ports[1]} ssl;"),
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl;\n", ""),
        ("/etc/ssl/chat.example.com.pem", str(issued.certfile)),
        ("/etc/ssl/private/chat.example.com.key", str(issued.keyfile)),
        ("127.0.0.1:8001", f"127.0.0.1:{service}"),
        ("127.0.0.1:8002", f"127.0.0.1:{free_port()}"),
    )
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    around = "daemon off; master_process off; pid %s/pid; error_log stderr warn; events { worker_connections 100; }"
    inside = f"access_log off; {temporary}\n{text}"
    (folder / "nginx.conf").write_text(f"{around % folder}\nhttp {{ {inside} }}\n")
    command = [require_tool("nginx", "nginx"), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-p", str(folder)]
    subprocess.run([*command, "-t", "-q"], check=True)
    return command


def caddy(folder: Path, ports: tuple[int, int], service: int, authority: Authority) -> list[str]:
    """The same. Certificates would be fetched; here it has one."""
    issued = authority.issue("chat")
    options = ("admin off", f"http_port {ports[0]}", f"https_port {ports[1]}")
    own = "\n".join(["{", *options, f"storage file_system {folder}", "}", ""])
    text = replaced(
        (DEPLOY / "Caddyfile").read_text(),
        ("\nchat.example.com {", f"\nhttps://127.0.0.1:{ports[1]} {{\n tls {issued.certfile} {issued.keyfile}"),
        ("127.0.0.1:8001", f"127.0.0.1:{service}"),
        ("127.0.0.1:8002", f"127.0.0.1:{free_port()}"),
    )
    (folder / "Caddyfile").write_text(own + text)
    return [require_tool("caddy", "caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@contextlib.contextmanager
def proxied(made: Any, folder: Path, service: int) -> Iterator[Proxy]:
    authority = Authority(folder)
    ports = free_port(), free_port()
    command = made(folder, ports, service, authority)
    env = os.environ | {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}  # where Caddy keeps things
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.create_default_context(cafile=str(authority.certificate.certfile))
    proxy = Proxy(*ports, context)
    try:
        wait_until(lambda: ask(proxy, "/healthz")[0] == 200, "the proxy answers", 20 * UNIT)
        yield proxy
    finally:
        process.terminate()
        process.wait(10 * UNIT)


class _AsItIs(HTTPErrorProcessor):
    """Redirects and errors are answers."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


def ask(proxy: Proxy, path: str, body: Any = None, scheme: str = "https", **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers, body; status 0 where there is no answer."""
    opener = build_opener(_AsItIs, HTTPSHandler(context=proxy.context))
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    port = proxy.https if scheme == "https" else proxy.http
    request = Request(f"{scheme}://127.0.0.1:{port}{path}", data, named)  # noqa: S310  # http or https
    try:
        with opener.open(request, timeout=10 * UNIT) as response:
            return response.status, response.headers, response.read()
    except OSError:
        return 0, {}, b""


@pytest.mark.parametrize("made", [caddy, haproxy, nginx])
async def test_a_proxy_lets_people_talk(made: Any, tmp_path: Path) -> None:
    """Over TLS, with one of two processes gone; who comes by http is sent on, and forged headers don't count."""
    # Two tickets for an address, and one in five seconds: who could forge one would have as many as they like.
    env = {"TRUSTED_PROXIES": "1", "FORCE_HTTPS": "1", "TICKET_RATE": "0.2"}
    with ServiceProcess(env | {"PRESENCE_GRACE": "0"}, wait=False) as service:
        wait_until(service.ready, "it serves", 20 * UNIT)
        with proxied(made, tmp_path, service.port) as proxy:
            status, headers, _ = ask(proxy, "/", scheme="http", X_Forwarded_Proto="https")
            # Caddy sends on by itself, and to 443; the service answers through the others.
            assert status == (308 if made is caddy else 301) and headers["Location"].startswith("https://127.0.0.1")
            status, headers, page = ask(proxy, "/")
            assert status == 200 and b"<script" in page and "max-age" in headers["Strict-Transport-Security"]
            status, _, made_ticket = ask(proxy, "/tickets", {"name": "Ada"}, X_Forwarded_For="192.0.2.1")
            assert status == 201
            for number in range(2, 4):
                forged = f"192.0.2.{number}"
                status, _, _ = ask(proxy, "/tickets", {"name": f"Ada{number}"}, X_Forwarded_For=forged)
            assert status == 429
            protocols: Any = [SUBPROTOCOL, TICKET_PREFIX + json.loads(made_ticket)["ticket"]]
            url = f"wss://127.0.0.1:{proxy.https}/socket"
            async with connect(url, ssl=proxy.context, subprotocols=protocols, proxy=None) as socket:
                for request, answer in (
                    ({"type": "join", "room": "lobby"}, "joined"),
                    ({"type": "send", "room": "lobby", "id": "1", "text": "Hi"}, "sent"),
                ):
                    await socket.send(json.dumps(request))
                    async with asyncio.timeout(10 * UNIT):
                        while json.loads(await socket.recv())["type"] != answer:
                            pass
            assert pong_by_events(proxy) == "pong"


def pong_by_events(proxy: Proxy) -> str:
    """What answers a ping over an event stream, of which the proxy holds nothing back."""
    opener = build_opener(HTTPSHandler(context=proxy.context))
    url, token = f"https://127.0.0.1:{proxy.https}/events", make_jwt("u1", "Una")
    with opener.open(Request(url, b"", {"Authorization": f"Bearer {token}"}), timeout=10 * UNIT) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"

        def frame() -> dict[str, Any]:
            while not (line := stream.readline()).startswith(b"data: "):
                assert line, "the stream ended"
            found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return found

        secret = frame()["session"]
        authorization = {"Authorization": f"Bearer {secret}"}
        post = Request(f"{url}/frames?n=1", b'{"type":"ping"}', authorization)  # noqa: S310  # https
        with opener.open(post, timeout=10 * UNIT) as response:
            assert response.status == 204
        return str(frame()["type"])


def test_proxies_wait_for_longer_than_pings() -> None:
    """Or they would cut those who only listen."""
    texts = (DEPLOY / "haproxy.cfg").read_text(), (DEPLOY / "nginx.conf").read_text()
    waits = re.findall(r"timeout (?:tunnel|client|server) (\w+)|proxy_(?:read|send)_timeout (\w+);", "".join(texts))
    assert len(waits) == 5
    assert all(seconds(one or other) > PING_LONGEST for one, other in waits)


def test_proxies_look_often_enough() -> None:
    """All checks that it takes, three for haproxy, fall within DRAIN_DELAY: nobody is sent to who takes nobody."""
    (haproxys,) = re.findall(r"default-server check inter (\w+)", (DEPLOY / "haproxy.cfg").read_text())
    (caddys,) = re.findall(r"health_interval (\w+)", (DEPLOY / "Caddyfile").read_text())
    assert max(3 * seconds(haproxys), seconds(caddys)) < load({"SQLITE_PATH": ":memory:"}).drain_delay


# -- systemd


def unit(name: str = "parley@.service") -> configparser.ConfigParser:
    """Of keys that come twice the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(DEPLOY / name)
    return parser


def test_the_unit_gives_a_drain_its_time() -> None:
    """SIGTERM to the first process alone, and as long as the longest drain; a bad setting is not retried."""
    service = unit()["Service"]
    assert GRACE <= seconds(service["TimeoutStopSec"]) <= 30
    assert (service["KillMode"], service["KillSignal"]) == ("mixed", "SIGTERM")
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert service["Type"] == "notify" and not re.search("^NotifyAccess", (DEPLOY / "parley@.service").read_text())
    assert int(service["LimitNOFILE"]) > 10_000 + RESERVE
    assert not {"ProcSubset", "PrivateNetwork"} & set(service)  # /metrics reads /proc/stat; Redis may be elsewhere


def test_the_unit_starts_what_there_is(tmp_path: Path) -> None:
    """Its command and its variables, as they are, but for the places."""
    service = unit()["Service"]
    command = shlex.split(service["ExecStart"].replace("%i", "8001"))
    assert command[0] == "/opt/parley/bin/parley"
    name, _, value = service["Environment"].partition("=")
    assert name in SETTINGS and value.startswith(f"/var/lib/{service['StateDirectory']}/")
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    env = service_env({name: str(tmp_path / Path(value).name)})
    checked = [sys.executable, "-m", "service", *command[1:], "--check"]
    done = subprocess.run(checked, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "PORT=8001" in done.stdout


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd here; what can be read is tested"
)
@pytest.mark.parametrize("shared", [False, True])
def test_systemd_takes_the_units(shared: bool, tmp_path: Path) -> None:
    """Every line of them, with the port of their own and with a shared one; and the service is locked up well."""
    for name in ("parley@.service", *(("parley.socket", "parley.service", "parley@.service.d") if shared else ())):
        if (DEPLOY / name).is_dir():
            shutil.copytree(DEPLOY / name, tmp_path / name)
        else:
            shutil.copy(DEPLOY / name, tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_text(re.sub("^ExecStart=/opt/.*/parley", "ExecStart=/usr/bin/env", path.read_text(), flags=re.M))
    paths = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    instance = "parley@a.service" if shared else "parley@8001.service"
    for arguments in (["verify", "--man=no"], ["security", "--offline=yes", "--threshold=20"]):
        of_it = [instance] if arguments[0] == "verify" else [str(tmp_path / "parley@.service")]
        if shared and arguments[0] == "verify":
            of_it += ["parley.socket", "parley.service"]
        command = ["systemd-analyze", *arguments, *of_it]
        done = subprocess.run(command, env=paths, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and (arguments[0] != "verify" or "parley" not in said), said


def test_instances_share_the_port_that_is_documented() -> None:
    """That of the settings, on both families apart; and nothing starts an instance but who is asked to."""
    port = unit("parley.socket")["Socket"]
    text = (DEPLOY / "parley.socket").read_text()
    assert re.findall("^ListenStream=(.*)", text, re.MULTILINE) == ["0.0.0.0:8000", "[::]:8000"]
    assert SETTINGS["PORT"].default == "8000" and port["BindIPv6Only"] == "ipv6-only"
    holder = unit(port["Service"])["Service"]
    assert (holder["Type"], holder["RemainAfterExit"]) == ("oneshot", "yes")
    shared = unit("parley@.service.d/socket.conf")
    assert shared["Service"]["Sockets"] == "parley.socket"
    assert {"parley.socket", port["Service"]} <= set(shared["Unit"]["Requires"].split())
    assert shared["Service"]["Environment"] == "DRAIN_DELAY=0" and "DRAIN_DELAY" in SETTINGS


# -- compose


def test_the_compose_file_fits_the_image_and_the_settings() -> None:
    """What it sets exists, its time to leave is a drain's, and Redis is nobody else's and keeps all."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    chat, redis = compose["services"]["chat"], compose["services"]["redis"]
    assert (DEPLOY / chat["build"]).resolve() == ROOT
    values = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)) for name, value in chat["environment"].items()}
    assert set(values) <= SETTINGS.keys()
    assert all(
        re.match(rf"\$\{{{name}:", str(value)) for name, value in chat["environment"].items() if name != "REDIS_URL"
    )
    settings = load(values | {"SECRET_KEY": SECRET_KEY})
    assert settings.broker_name == "redis redis:6379"
    assert GRACE <= seconds(chat["stop_grace_period"]) <= 30
    assert chat["ports"] == [f"127.0.0.1:{SETTINGS['PORT'].default}:{SETTINGS['PORT'].default}"]
    assert chat["ulimits"]["nofile"] > 10_000 + RESERVE and chat["cap_drop"] == ["ALL"] and chat["read_only"] is True
    assert set(redis["networks"]).isdisjoint({"public"}) and compose["networks"]["private"]["internal"] is True
    assert {"noeviction", "yes"} <= set(redis["command"]) and redis["volumes"][0].split(":")[0] in compose["volumes"]
