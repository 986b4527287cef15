"""Section 8 of docs/protocol.md: what names, texts and emoji may be."""

import secrets
import unicodedata

import pytest

from ..harness.chat_client import ChatError
from .target import Target, ask, code_of, events, new_room


async def rule_8_1(target: Target) -> None:
    """A name is trimmed and in NFC; 32 characters as they are seen may be any number of code points."""
    for given in (
        f"  Zoë {secrets.token_hex(4)} ",
        unicodedata.normalize("NFD", f"Ünö {secrets.token_hex(4)}"),
        24 * "👩‍👩‍👧" + secrets.token_hex(4),
    ):
        try:
            async with target.open(given) as client:
                assert client.user["name"] == unicodedata.normalize("NFC", given.strip())
        except ChatError as error:
            assert error.code == "bad_request" and len(given) > 128, given


async def rule_8_2(target: Target) -> None:
    """Control, format and bidi characters, other spaces and what is drawn as nothing are in no name."""
    for part in ("\u202e", "\u200b", "\x07", "\u00a0", "\ufeff", "\u2800", "\n"):
        with pytest.raises(ChatError) as caught:
            await target.enter(f"a{part}{secrets.token_hex(4)}")
        assert caught.value.code == "bad_request", repr(part)


async def rule_8_3(target: Target) -> None:
    """Joiners stand where a script needs them."""
    async with target.open(f"علی\u200cرضا {secrets.token_hex(4)}") as client:
        assert "\u200c" in client.user["name"]
    with pytest.raises(ChatError):
        await target.enter(f"a\u200c{secrets.token_hex(4)}")


async def rule_8_4(target: Target) -> None:
    """A text may hold line ends, but neither NUL nor a lone surrogate; what shows nothing is empty."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        seq = (await ask(client, "send", room=room, text="two\nlines"))["seq"]
        (message,) = await events(client, room, seq)
        assert message["text"] == "two\nlines"
        for text in ("a\0b", "\u3164", "\u2800 \u200d", "\ufe0f"):
            assert await code_of(client, "send", room=room, text=text) == "bad_request", repr(text)
        await client.raw('{"type":"send","room":"%s","id":"s","text":"\\ud800"}' % room)
        assert (await client.recv("error"))["code"] == "bad_request"


async def rule_8_5(target: Target) -> None:
    """An emoji is kept as Unicode's list writes it in full."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        one = (await ask(client, "send", room=room, text="one"))["seq"]
        seq = (await ask(client, "react", room=room, target=one, emoji="❤"))["seq"]
        assert (await events(client, room, seq))[-1]["emoji"] == "❤\ufe0f"
        assert (await ask(client, "react", room=room, target=one, emoji="❤\ufe0f"))["duplicate"] is True
