"""The service as a process: how the harness starts, watches and ends it, and a first talk between two clients."""

import signal
import socket
from collections.abc import Iterator

import pytest

from service.probe.oracle import Oracle

from .harness import (
    NO_LIMITS,
    ChatClient,
    ChatError,
    ServiceProcess,
    free_port,
    make_jwt,
    service_process,
    wait_until,
)
from .oracles import settled


@pytest.fixture
def service() -> Iterator[ServiceProcess]:
    with ServiceProcess() as process:
        yield process


def test_it_is_ready_when_started_and_leaves_with_0(service: ServiceProcess) -> None:
    """start() waits for /readyz; SIGTERM ends it cleanly; one line on stdout says where and what."""
    assert service.ready()
    wait_until(lambda: service.stdout, "the line, which a thread reads")
    assert len(service.stdout) == 1 and str(service.port) in service.stdout[0]
    assert service.stop() == 0
    assert not service.alive and not service.ready()


def test_ctrl_c_leaves_with_0(service: ServiceProcess) -> None:
    """SIGINT is a clean end too."""
    assert service.interrupt() == 0


def test_a_killed_service_starts_again_on_its_port(service: ServiceProcess) -> None:
    """-9 is seen as -9, and the next start takes the same port."""
    port = service.port
    assert service.kill9() == -signal.SIGKILL
    assert service.start().port == port
    assert service.ready()


def test_a_frozen_service_can_be_stopped(service: ServiceProcess) -> None:
    """SIGSTOP makes it silent; stop() thaws it first."""
    service.sigstop()
    assert not service.ready()
    assert service.stop() == 0


def test_a_lost_race_for_the_port_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process took the port after it was found free, the next one is tried."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [other.getsockname()[1], free_port()]
        monkeypatch.setattr(service_process, "free_port", lambda: ports.pop(0))
        with ServiceProcess() as process:
            assert not ports and process.ready()


def test_a_service_that_cannot_start_says_why() -> None:
    """A bad setting raises with what the service said of it."""
    with pytest.raises(RuntimeError, match=r"exit code 2\n.*PING_INTERVAL"):
        ServiceProcess({"PING_INTERVAL": "never"}).start()


async def test_two_people_talk(broker_env: dict[str, str]) -> None:
    """A guest and a user with a token, in one room: both see both messages once and in order; history keeps them."""
    with ServiceProcess(broker_env | NO_LIMITS) as service:
        oracle = Oracle()
        logs = [oracle.receiver("ada"), oracle.receiver("bob")]
        async with (
            ChatClient.open(service.url, "Ada", on_frame=logs[0].observe) as ada,
            ChatClient.open(service.url, bearer=make_jwt("7", "Bob"), on_frame=logs[1].observe) as bob,
        ):
            for client in (ada, bob):
                await client.join("lobby")
            for client, text in ((ada, "hello"), (bob, "hello you")):
                oracle.acknowledged(await client.send("lobby", text), client.user["id"])
            (await settled(oracle)).assert_clean()
            assert [(await ada.expect("message"))["text"] for _ in range(2)] == ["hello", "hello you"]
            page = await bob.history("lobby", before=3)
            assert [message["text"] for message in page["messages"]] == ["hello", "hello you"]
            with pytest.raises(ChatError, match="bad_room"):
                await bob.join("No Such Room")
            await bob.leave("lobby")
            assert (await bob.ping())["type"] == "pong"


def test_its_warnings_are_found(service: ServiceProcess) -> None:
    """A line of level warning, an error, a traceback: trouble; information: none."""
    assert service.troubles() == []
    lines = {
        'at=2026-01-01T00:00:00.000Z level=info name=service msg="an error: none"': False,
        "level=warning name=service.rooms.rooms msg=consumer": True,
        '{"level": "error", "name": "service.rooms.rooms", "msg": "broker"}': True,
        "Traceback (most recent call last):": True,
        "x.py:1: ResourceWarning: unclosed": True,
    }
    for line, trouble in lines.items():
        service.stderr[:] = [line]
        assert bool(service.troubles()) is trouble, line
    service.stderr.clear()
