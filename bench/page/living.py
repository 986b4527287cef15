"""Rows of a page that is open: how soon a message is seen, and how much memory it takes."""

import asyncio
import itertools

from bench.page.lab import WAIT_MS, Lab, Visitor
from service.probe.percentiles import percentile

REST = 0.5  # seconds from one message to the next: people who talk write no faster, and what does is drawn less often

_messages = itertools.count()  # no text comes twice, in however many rounds

# When the text given stands there and was painted, by the machine's clock.
_SEEN = """(text) => new Promise((resolve) => {
    const list = document.querySelector("#messages");
    const look = () => {
        if (!list.textContent.includes(text)) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.timeOrigin + performance.now())));
    };
    const observer = new MutationObserver(look);
    observer.observe(list, { childList: true, subtree: true, characterData: true });
    look();
})"""
_PRESSED = """() => new Promise((resolve) => document.addEventListener("keydown", ({ key }) => {
    if (key === "Enter") resolve(performance.timeOrigin + performance.now());
}, { capture: true, once: true }))"""


async def delivery(lab: Lab, quick: bool) -> dict[str, float]:
    """ms from Enter at one person's to the painted message at another's."""
    async with lab.visitor("Ada") as ada, lab.visitor("Ben") as ben:
        for person in (ada, ben):
            await person.open()
            await person.joined()
        waits = [await _delivered(ada, ben) for _ in range(5 if quick else 40)]
    return {"delivery.p50": percentile(waits, 50), "delivery.p95": percentile(waits, 95)}


async def _delivered(author: Visitor, reader: Visitor) -> float:
    text = f"a message to be timed, number {next(_messages)}."
    box = author.page.locator("#text")
    await box.fill(text)
    pressed = asyncio.create_task(author.page.evaluate(_PRESSED))
    seen = asyncio.create_task(reader.page.evaluate(_SEEN, text))
    await asyncio.sleep(REST)  # both listen
    await box.press("Enter")
    return float(await seen) - float(await pressed)


async def heap(lab: Lab, quick: bool) -> dict[str, float]:
    """MB: after the join, and after messages that came while somebody looked on."""
    count = 500 if quick else 5000
    async with lab.visitor() as visitor, lab.publisher() as publisher:
        await visitor.open()
        await visitor.joined()
        await lab.wire.quiet()
        joined = await visitor.heap_bytes()
        await publisher.stream(count, rate=100, text=lambda number: f"message {number} of the heap's row")
        await visitor.page.get_by_text(f"message {count - 1} of the heap's row").first.wait_for(timeout=WAIT_MS)
        await asyncio.sleep(1)
        after = await visitor.heap_bytes()
    return {"heap.joined": joined / 1e6, "heap.messages": after / 1e6}
