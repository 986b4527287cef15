"""static/admin/: rates and percentiles, made of what the service counted."""

import json
from typing import Any

import pytest

from .test_javascript import node_source


def figures(seconds: float, *, group: str = "a", published: int = 0, cpu: float = 0, **buckets: int) -> dict[str, Any]:
    """An answer of one process; `buckets` of delivery: `b10` is how many were within 10 ms, `all` is all."""
    delivery = {"0.01": buckets.get("b10", 0), "0.1": buckets.get("b100", 0), "+Inf": buckets.get("all", 0)}
    process = {"process": 0, "started": 5, "memory": 1, "cpu": cpu, "descriptors": 1, "descriptors_limit": 2}
    return {
        "group": group,
        "seconds": seconds,
        "counted": {"published": published},
        "measured": {"delivery": delivery},
        "processes": [process],
    }


def window(*answers: dict[str, Any]) -> Any:
    """What is said after these, the newest last."""
    source = f"""
        import {{ Window }} from "./static/admin/figures.js";
        const answers = {json.dumps(answers)};
        const window = new Window();
        for (const one of answers) window.add(one);
        const last = answers.at(-1).processes[0];
        console.log(JSON.stringify({{
            seconds: window.seconds,
            rate: window.rate("published"),
            load: window.load(last),
            half: window.percentile("delivery", 0.5),
            most: window.percentile("delivery", 0.99),
        }}));
    """
    return json.loads(node_source(source))


def test_rates_are_those_of_the_last_half_minute() -> None:
    """Of one answer nothing is known; what is older is left out, and what another group of processes counted."""
    nothing = {"seconds": 0, "rate": None, "load": None, "half": None, "most": None}
    assert window(figures(100, published=7)) == nothing
    assert window(figures(100, published=7), figures(105, group="b", published=900)) == nothing
    two = window(figures(100, published=7, cpu=1), figures(110, published=27, cpu=2.5))
    assert (two["seconds"], two["rate"], two["load"]) == (10, 2, 0.15)
    many = window(*(figures(100 + 5 * n, published=100 * (n > 6) + n) for n in range(14)))
    assert (many["seconds"], many["rate"]) == (30, pytest.approx(6 / 30))


def test_percentiles_are_of_what_came_since() -> None:
    """Evenly within a bucket; beyond the last bound no more is said than that."""
    before = figures(100, b10=1000, b100=1000, all=1000)
    grown = window(before, figures(105, b10=1010, b100=1020, all=1020))
    assert grown["half"] == pytest.approx(0.01) and grown["most"] == pytest.approx(0.0982)
    assert window(before, figures(105, b10=1000, b100=1000, all=1005))["half"] == pytest.approx(0.1)


def test_it_asks_while_somebody_can_see_it() -> None:
    """One look after the other; hidden none at all, in sight again at once; what is wanted meanwhile is done once."""
    source = """
        const listeners = new Set();
        globalThis.document = {
            hidden: false,
            addEventListener: (_, listener) => listeners.add(listener),
            removeEventListener: (_, listener) => listeners.delete(listener),
        };
        const { Poll } = await import("./static/admin/poll.js");
        const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        const see = (hidden) => {
            document.hidden = hidden;
            for (const listener of listeners) listener();
        };
        let [count, going, most] = [0, 0, 0];
        const poll = new Poll(async () => {
            count += 1;
            most = Math.max(most, (going += 1));
            await pause(5);
            going -= 1;
            return 0;
        }, 10);
        while (count < 3) await pause(1);
        see(true);
        await pause(20);
        const hidden = count;
        await pause(60);
        const stayed = count - hidden;
        see(false);
        const atOnce = count - hidden;
        for (let n = 0; n < 5; n += 1) void poll.now();
        await pause(6);
        while (going) await pause(1);
        const wanted = count - hidden;
        poll.end();
        await pause(20);
        const over = count;
        see(false);
        await pause(40);
        console.log(JSON.stringify({ most, stayed, atOnce, wanted, after: count - over, listeners: listeners.size }));
    """
    seen = json.loads(node_source(source))
    assert seen == {"most": 1, "stayed": 0, "atOnce": 1, "wanted": 2, "after": 0, "listeners": 0}
