"""The chat page in Debian's Firefox: its main path, by keys and mouse."""

import json
from pathlib import Path

import pytest

from ..clients.firefox import Firefox, firefox
from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess

SHOWN = "[...document.querySelectorAll('.message:not(.pending) .text')].map((node) => node.textContent)"


async def _reads(ada: Firefox, *texts: str) -> None:
    """Wait until these are the stored messages, in this order, and nothing is pending."""
    await ada.until(f"JSON.stringify({SHOWN}) === {json.dumps(json.dumps(texts, separators=(',', ':')))}")
    await ada.until("!document.querySelector('.pending')")


async def _online(ada: Firefox) -> None:
    await ada.until("document.querySelector('#me-state').textContent === 'Online'")


@pytest.mark.timeout(seconds=120 * UNIT)
async def test_the_main_path_in_firefox(tmp_path: Path) -> None:
    """Enter, talk, edit, react, reload; and what is typed while the service is dead comes once, in order."""
    with ServiceProcess(NO_LIMITS | {"SQLITE_PATH": str(tmp_path / "chat.db")}) as service:
        async with firefox() as ada, ChatClient.open(service.url, "Bob") as bob:
            await bob.join("lobby")
            await ada.goto(service.url)
            await ada.until("document.activeElement.id === 'entrance-name'")
            await ada.press("Ada", "Enter")
            await _online(ada)
            await ada.click("#text")
            await ada.press("Hello, **everybody**", "Enter")
            assert (await bob.recv("message"))["text"] == "Hello, **everybody**"
            await bob.send("lobby", "Hello, Ada")
            await _reads(ada, "Hello, everybody", "Hello, Ada")

            await ada.press("ArrowUp")
            await ada.until("document.querySelector('#text').value === 'Hello, **everybody**'")
            await ada.press("!", "Enter")
            assert (await bob.recv("edited"))["text"] == "Hello, **everybody**!"
            await _reads(ada, "Hello, everybody!", "Hello, Ada")

            await ada.click(".message[data-author='Bob'] .text")
            await ada.click(".tools button")  # which come a moment later, to the row that the mouse is over
            assert (await bob.recv("reacted"))["emoji"] == "👍"
            await ada.until("document.querySelector('.chip')?.textContent === '👍1'")

            await ada.reload()
            await _online(ada)
            await _reads(ada, "Hello, everybody!", "Hello, Ada")
            await ada.until("document.querySelector('.chip')?.textContent === '👍1'")

            service.kill9()
            await ada.until("/can’t be reached/.test(document.querySelector('#banner').textContent)")
            await ada.click("#text")
            await ada.press("typed while", "Enter", "it was dead", "Enter")
            await ada.until("document.querySelectorAll('.pending').length === 2")
            service.start()
            await _online(ada)
            await _reads(ada, "Hello, everybody!", "Hello, Ada", "typed while", "it was dead")
            async with ChatClient.open(service.url, "Cem") as cem:
                found = (await cem.join("lobby"))["messages"]
                assert [message["text"] for message in found][2:] == ["typed while", "it was dead"]
