"""What rules are given: the service that is held to them. How it is run: docs/protocol.md, "Another implementation"."""

import asyncio
import inspect
from collections.abc import Generator

import pytest

from .target import Target

RULE_SECONDS = 90


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract")
    group.addoption("--url", required=True, help="of the service, for example http://localhost:8000")
    group.addoption("--jwt-secret", help="with which tokens for users may be signed (HS256)")
    group.addoption(
        "--transport",
        choices=["sockets", "events"],
        default="sockets",
        help="by what clients come: WebSockets or, where these are blocked, event streams",
    )
    group.addoption(
        "--bearer",
        action="append",
        default=[],
        metavar="ROLE=TOKEN",
        help="instead: a token of a user with the role member, moderator or service; may stand more than once",
    )


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    tokens = dict(given.split("=", 1) for given in request.config.getoption("--bearer"))
    option = request.config.getoption
    return Target(option("--url").rstrip("/"), option("--jwt-secret"), tokens, option("--transport") == "events")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """A rule runs on a loop of its own, and not for ever."""
    rule = pyfuncitem.obj
    if not inspect.iscoroutinefunction(rule):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(rule).parameters}
    asyncio.run(asyncio.wait_for(rule(**arguments), RULE_SECONDS))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A rule that is broken is shown with what it says."""
    report = yield
    if report.failed:
        report.sections.append(("the rule", inspect.getdoc(getattr(item, "obj", None)) or ""))
    return report
