"""service/brokers/contents.py: what stays of a content beside its id tells nobody the content, and mistakes nothing."""

import sqlite3
from pathlib import Path
from typing import Any

from redis import Redis

from service.brokers.contents import Contents, differ
from service.brokers.log import Receipt
from service.protocol import event_content

from .brokers import Make, message, opened, publish, refusal

USED = ("bad_request", "this id was used for something else")
AS_IN_1_0 = "0123456789ab"


def test_without_the_secret_a_text_can_not_be_found_by_trying() -> None:
    """Under two secrets nothing of it is the same, and what is not known stays so."""
    one, other = Contents("one"), Contents("other")
    content = event_content("message", "yes")
    assert one.kept(content) == Contents("one").kept(content)
    assert one.kept(content)[:3] != other.kept(content)[:3] and one.kept(content)[3:] != other.kept(content)[3:]
    assert one.kept(b"") == ""


def test_only_what_can_be_compared_differs() -> None:
    """Not across secrets, forms, and what is not known."""
    one, other = Contents("one"), Contents("other")
    yes, no = event_content("message", "yes"), event_content("message", "no")
    assert differ(one.kept(yes), one.kept(no))
    assert not differ(one.kept(yes), one.kept(yes))
    assert not differ(one.kept(yes), other.kept(no))
    assert not differ(one.kept(yes), AS_IN_1_0) and not differ(AS_IN_1_0, one.kept(no))
    assert not differ("", one.kept(no)) and not differ(one.kept(no), "")


def as_it_was(url: str, path: Path, content: str) -> None:
    """Keep the content of every id in the form that it had before."""
    if path.exists():
        with sqlite3.connect(path) as file:
            file.execute("UPDATE ids SET content = ?", (content,))
        file.close()
        return
    redis: Any = Redis.from_url(url)
    (ids,) = redis.scan_iter("*:ids")
    for key, record in redis.hgetall(ids).items():
        seq, at, _ = record.split(b":")
        redis.hset(ids, key, b":".join((seq, at, content.encode())))
    redis.close()


async def test_an_id_repeated_across_an_upgrade_is_a_duplicate(make: Make, redis_url: str, tmp_path: Path) -> None:
    """Whichever secret or form it was kept under: it is stored once. Under the same secret it must be the same."""
    sent = message(id="x")
    async with opened(make(secret="one")) as (broker, _):
        (first,) = await publish(broker, sent)
        assert isinstance(first, Receipt)
        assert await refusal(broker, message(id="x", text="another")) == USED
    for secret, kept in (("two", None), ("one", AS_IN_1_0), ("one", ""), ("two", "0123456789ab")):
        if kept is not None:
            as_it_was(redis_url, tmp_path / "parley.db", kept)
        async with opened(make(secret=secret)) as (broker, _):
            again = await publish(broker, sent, message(id="y", text="behind it"))
            assert again[0] == Receipt(1, first.at, duplicate=True), (secret, kept)
            page = await broker.log.newest("lobby", 10)
            assert page is not None and page.position.seq == 2
