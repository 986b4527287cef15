"""The chat page in a real Chromium where no upgrade passes."""

from ..browser import chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, ServiceProcess, TcpProxy


def blocked(reply: bytes) -> bytes:
    """What a proxy answers that knows no upgrade."""
    if reply.startswith(b"HTTP/1.1 101"):
        return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return reply


async def test_one_talks_where_websockets_are_blocked() -> None:
    """By an event stream and POST: what is said arrives both ways."""
    with ServiceProcess(NO_LIMITS) as service, TcpProxy("127.0.0.1", service.port, rewrite=lambda: blocked) as proxy:
        async with chromium() as browser, person(browser, f"http://127.0.0.1:{proxy.port}") as ada:
            await ada.enter("Ada")
            await expect(ada.page.locator("#me-state")).to_have_text("Online")
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                await ada.say("round")
                assert (await bob.recv("message"))["text"] == "round"
                await bob.send("lobby", "and back")
                await ada.reads("round", "and back")
