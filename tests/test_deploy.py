"""deploy/ and the Dockerfile are true: proxies run and are spoken through, the rest says what the service takes."""

import asyncio
import configparser
import contextlib
import fnmatch
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
import yaml
from websockets.asyncio.client import connect

from service.config import DRAIN_LONGEST, PING_LONGEST, SETTINGS, load
from service.identity.headers import TICKET_PREFIX
from service.lifecycle import Waits
from service.protocol import SUBPROTOCOL
from service.sockets.acceptor import RESERVE

from .harness import SECRET_KEY, UNIT, Authority, ServiceProcess, free_port, require_tool, service_env, wait_until
from .harness.service_process import ROOT

DEPLOY = ROOT / "deploy"
GRACE = DRAIN_LONGEST + Waits().handshakes + Waits().close  # seconds from SIGTERM to the end, at most
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
    request = Request(f"{scheme}://127.0.0.1:{port}{path}", data, named)  # noqa: S310
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


# -- the image


class Step(NamedTuple):
    """An instruction of the Dockerfile."""

    word: str
    rest: str


def steps() -> list[list[Step]]:
    """Those of each stage, that with FROM first; lines that go on joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found = [Step(*line.split(maxsplit=1)) for line in text.splitlines() if line]
    starts = [index for index, step in enumerate(found) if step.word == "FROM"]
    return [found[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def of(stage: list[Step], word: str) -> list[str]:
    return [step.rest for step in stage if step.word == word]


def sent(path: str) -> bool:
    """Whether .dockerignore lets a file of the tree be copied: the last line that fits decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, keeps = line.removeprefix("!"), line.startswith("!")
            names = [path, *map(str, Path(path).parents)]
            anywhere = pattern.removeprefix("**/")
            if any(fnmatch.fnmatch(name, pattern) for name in names) or (
                anywhere != pattern and any(fnmatch.fnmatch(part, anywhere) for part in Path(path).parts)
            ):
                kept = keeps
    return kept


def test_the_image_is_locked_up() -> None:
    """Packages by their hashes, no root, no shell before the service, data in a volume of the user's."""
    packages, final = steps()
    assert all(step.rest.split()[0] == of(final, "FROM")[0] for step in (packages[0], final[0]))
    version = (ROOT / ".python-version").read_text().strip()
    assert of(final, "FROM")[0].startswith(f"python:{version}-slim")
    assert "--require-hashes" in of(packages, "RUN")[0] and "requirements.txt" in of(packages, "COPY")[0]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", of(final, "USER")[-1])
    (volume,) = of(final, "VOLUME")
    assert f"--mode 0700 {volume}" in of(final, "RUN")[0]
    assert of(final, "STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(of(final, "CMD")[0]) == ["python", "-m", "service"]
    assert [step.word for step in final].index("USER") > max(
        index for index, step in enumerate(final) if step.word == "RUN"
    )


def test_the_image_gets_what_it_is_made_of_and_nothing_else() -> None:
    """No database, no secrets, no tests, whatever lies about."""
    for copied in [rest.split()[0] for stage in steps() for rest in of(stage, "COPY") if "--from" not in rest]:
        assert (ROOT / copied).exists() and sent(copied), copied
    for path in ("service/app.py", "service/brokers/redis/log.lua", "static/page/log.js", "requirements.txt"):
        assert sent(path), path
    for path in (
        "parley.db",
        "parley.db.secret",
        ".git/config",
        ".env",
        "tests/conftest.py",
        "service/__pycache__/a.pyc",
    ):
        assert not sent(path), path


def test_the_image_s_content_serves(tmp_path: Path) -> None:
    """Copied as the Dockerfile says, run by its command and its variables, asked by its health check, ended."""
    (_, final) = steps()
    for rest in of(final, "COPY"):
        if "--from" not in rest:
            source, place = rest.split()
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, tmp_path / place.lstrip("/"), ignore=ignored)
    data = tmp_path / of(final, "WORKDIR")[0].lstrip("/")
    data.mkdir()
    env = dict(part.split("=", 1) for part in shlex.split(of(final, "ENV")[0]))
    env |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "app"), "SQLITE_PATH": str(data / "parley.db")}
    env |= {"SECRET_KEY": "", "METRICS_TOKEN": SECRET_KEY}
    command = [sys.executable, *json.loads(of(final, "CMD")[0])[1:]]
    (check,) = (json.loads(rest.split("CMD ")[1]) for rest in of(final, "HEALTHCHECK"))
    with ServiceProcess(env, program=command, cwd=data) as service:
        asked = [sys.executable, *check[1:]]
        assert subprocess.run(asked, env=env | {"PORT": str(service.port)}, check=False).returncode == 0
        assert {path.name for path in data.iterdir()} >= {"parley.db", "parley.db.secret"}
    assert service.exit_code == 0
    gone = subprocess.run(asked, env=env | {"PORT": str(service.port)}, capture_output=True, check=False)
    assert gone.returncode != 0


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


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
