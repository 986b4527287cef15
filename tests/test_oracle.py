"""service/probe/oracle.py: it passes what the contract allows and counts each way to break it."""

from typing import Any

import pytest

from service.probe.oracle import Oracle, ReceiverLog

from .oracles import settled

ROOM = "lobby"


def joined(seq: int, epoch: str = "e", *, resumed: bool = False, page: tuple[int, ...] = ()) -> dict[str, Any]:
    messages = [message(number) for number in page]
    return {
        "type": "joined",
        "room": ROOM,
        "epoch": epoch,
        "seq": seq,
        "resumed": resumed,
        "messages": messages,
    }


def message(seq: int, id: str | None = None, type: str = "message") -> dict[str, Any]:
    return {
        "type": type,
        "room": ROOM,
        "seq": seq,
        "id": id or f"m{seq}",
        "user": {"id": "ada", "name": "Ada"},
    }


def sent(seq: int, id: str | None = None) -> dict[str, Any]:
    return {"type": "sent", "room": ROOM, "seq": seq, "id": id or f"m{seq}", "duplicate": False}


def watch(*frames: dict[str, Any], acknowledged: int = 0) -> tuple[Oracle, ReceiverLog]:
    """An oracle with `acknowledged` events and one receiver who saw `frames`."""
    oracle = Oracle()
    log = oracle.receiver("bob")
    for seq in range(1, acknowledged + 1):
        oracle.acknowledged(sent(seq), "ada")
    for frame in frames:
        log.observe(frame)
    return oracle, log


def counts(oracle: Oracle) -> dict[str, int]:
    """The faults that are not zero."""
    verdict = oracle.verdict()
    kinds = ("lost", "repeated", "out_of_order", "holes", "conflicting", "said")
    return {kind: getattr(verdict, kind) for kind in kinds if getattr(verdict, kind)}


def test_a_whole_run_is_clean() -> None:
    """Everything after `joined`, once and in order, edits among it; what the page showed needs no frame."""
    oracle, _ = watch(joined(1, page=(1,)), message(2), message(3, type="edited"), acknowledged=3)
    assert counts(oracle) == {}
    oracle.verdict().assert_clean()
    assert oracle.verdict().deliveries == 2


def test_an_acknowledged_event_that_never_comes_is_lost() -> None:
    """The last one too, which leaves no hole behind it."""
    oracle, _ = watch(joined(0), message(1), acknowledged=2)
    assert counts(oracle) == {"lost": 1}
    with pytest.raises(AssertionError, match="bob: lobby 2 m2"):
        oracle.verdict().assert_clean()


def test_a_hole_is_counted_even_when_nobody_acknowledged() -> None:
    """A jump in seq is a hole unsaid; with acknowledgements each event in it is lost besides."""
    assert counts(watch(joined(0), message(1), message(4))[0]) == {"holes": 2}
    assert counts(watch(joined(0), message(1), message(4), acknowledged=4)[0]) == {"holes": 2, "lost": 2}


def test_a_hole_after_joined_is_a_hole() -> None:
    """The first frame is `joined.seq` + 1."""
    assert counts(watch(joined(5), message(7))[0]) == {"holes": 1}


def test_repeats_are_counted() -> None:
    """The same seq again, or the same id under another seq."""
    assert counts(watch(joined(0), message(1), message(1))[0]) == {"repeated": 1}
    assert counts(watch(joined(0), message(1, "x"), message(2, "x"))[0])["repeated"] == 1


def test_a_frame_from_before_joined_is_out_of_order() -> None:
    """`joined.seq` itself or less must not come after it."""
    assert counts(watch(joined(5), message(5))[0]) == {"out_of_order": 1}


def test_a_late_frame_is_a_hole_and_out_of_order() -> None:
    """1, 3, 2: nothing is missing in the end, and yet twice wrong."""
    assert counts(watch(joined(0), message(1), message(3), message(2))[0]) == {"holes": 1, "out_of_order": 1}


@pytest.mark.parametrize("end", ["left", "reset"])
def test_frames_outside_a_membership_are_wrong(end: str) -> None:
    """After `left` and `reset` nothing of the room may come before the next `joined`."""
    oracle, _ = watch(joined(0), message(1), {"type": end, "room": ROOM, "reason": "epoch"}, message(2))
    assert counts(oracle) == {"out_of_order": 1}


def test_nothing_is_owed_after_leaving() -> None:
    """What comes after `left`, or between two sockets without a `since`, is no loss."""
    oracle, _ = watch(joined(0), message(1), {"type": "left", "room": ROOM}, acknowledged=3)
    oracle.verdict().assert_clean()


def test_resuming_goes_on_where_it_stood() -> None:
    """A resume owes all that was missed; one that leaves a part out loses it."""
    oracle, log = watch(joined(0), message(1), acknowledged=3)
    log.disconnected()
    assert log.since(ROOM) == {"epoch": "e", "seq": 1}
    log.observe(joined(1, resumed=True))
    assert counts(oracle) == {"lost": 2}
    log.observe(message(2))
    log.observe(message(3))
    oracle.verdict().assert_clean()


def test_resuming_elsewhere_is_wrong() -> None:
    """`resumed: true` with another seq than `since` hides a hole."""
    oracle, log = watch(joined(0), message(1))
    log.disconnected()
    log.observe(joined(3, resumed=True))
    assert counts(oracle) == {"conflicting": 1}


def test_a_count_that_goes_back_is_wrong() -> None:
    """Whoever lost events must begin a new epoch: the same one with a smaller seq hides it."""
    oracle, log = watch(joined(0), message(1), message(2))
    log.observe(joined(1))
    assert counts(oracle) == {"conflicting": 1}


def test_a_closed_socket_still_owes() -> None:
    """Closing before the verdict hides no loss; a receiver that is gone for good is owed nothing."""
    oracle, log = watch(joined(0), acknowledged=1)
    assert counts(oracle) == {"lost": 1}
    log.disconnected()
    assert counts(oracle) == {}


def test_a_said_gap_is_no_loss() -> None:
    """`resumed: false` excuses what lies between, page or not, and nothing after it."""
    oracle, log = watch(joined(0), message(1), acknowledged=6)
    log.disconnected()
    log.observe(joined(5, page=(4, 5)))
    assert counts(oracle) == {"lost": 1, "said": 2}
    log.observe(message(6))
    assert counts(oracle) == {"said": 2}


def test_a_new_epoch_excuses_the_old_one() -> None:
    """After FLUSHALL the old events are gone and said to be; the new ones are owed."""
    oracle, log = watch(joined(0), message(1), acknowledged=2)
    log.observe({"type": "reset", "room": ROOM, "reason": "epoch"})
    log.observe(joined(0, "f"))
    assert counts(oracle) == {"said": 1}
    log.observe(message(1, "n1"))
    log.observe(message(3, "n3"))
    assert counts(oracle) == {"said": 1, "holes": 1}


def test_a_loss_in_a_new_epoch_is_found_when_another_saw_it() -> None:
    """A change of epoch does not excuse what one receiver of the new epoch got and another did not."""
    oracle, log = watch(joined(0), acknowledged=0)
    other = oracle.receiver("eve")
    other.observe(joined(0))
    for receiver in (log, other):
        receiver.observe(joined(0, "f"))
    oracle.acknowledged(sent(1, "n1"), "ada")
    other.observe(message(1, "n1"))
    assert counts(oracle) == {"lost": 1}


def test_receivers_must_agree() -> None:
    """Two events under one seq, or one event under two, for different receivers."""
    oracle, _ = watch(joined(0), message(1, "x"))
    other = oracle.receiver("eve")
    other.observe(joined(0))
    other.observe(message(1, "y"))
    assert counts(oracle)["conflicting"] == 1


def test_an_acknowledgement_must_name_the_seq_that_came() -> None:
    """`sent.seq` is the seq of the broadcast."""
    oracle, _ = watch(joined(0), message(1, "x"))
    oracle.acknowledged(sent(2, "x"), "ada")
    assert counts(oracle) == {"conflicting": 1}


def test_an_id_sent_again_keeps_its_seq() -> None:
    """A second acknowledgement under another seq means it was stored twice."""
    oracle, _ = watch()
    oracle.acknowledged(sent(1, "x"), "ada")
    oracle.acknowledged(sent(1, "x"), "ada")
    assert counts(oracle) == {}
    oracle.acknowledged(sent(2, "x"), "ada")
    assert counts(oracle) == {"repeated": 1}


def test_ids_belong_to_their_user() -> None:
    """Two users may choose the same id."""
    oracle, log = watch(joined(0), message(1, "x"))
    log.observe(message(2, "x") | {"user": {"id": "eve", "name": "Eve"}})
    assert counts(oracle) == {}


async def test_settled_waits_for_the_last_frame() -> None:
    """It returns as soon as nothing is missing, and at its deadline with what is."""
    oracle, log = watch(joined(0), acknowledged=1)
    assert (await settled(oracle, 0.05)).lost == 1
    log.observe(message(1))
    (await settled(oracle, 0.05)).assert_clean()
