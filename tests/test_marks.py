"""Marks: what changes do to a message, and how it is shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import marks
from service.broker import Change
from service.marks import REACTIONS_LIMIT, Marks
from service.protocol import Person, RequestError, encode, event_head, message_tail

ADA = Person("u1", "Ada")


def frame(text: str = "hello", person: Person = ADA) -> bytes:
    return event_head("message", "lobby").encode() + b"7" + message_tail("m", encode(person), text) + b"1000}"


# Text as it comes over the wire: no lone surrogates.
wire_text = st.text(st.characters(exclude_categories=["Cs"]))
users = st.sampled_from(["u1", "u2", "u3"])
changes = st.one_of(
    st.builds(Change, st.just("edit"), st.just(7), users, st.booleans(), text=wire_text),
    st.builds(
        Change, st.just("react"), st.just(7), users, st.booleans(), emoji=wire_text.filter(bool), on=st.booleans()
    ),
    st.builds(Change, st.just("remove"), st.just(7), users, st.booleans()),
)


@given(wire_text, st.lists(changes, max_size=12))
def test_any_changes_keep_a_message_whole(text: str, several: list[Change]) -> None:
    """Whatever happens to it, a message keeps its other fields in their order, and a removed one shows no text."""
    original = frame(text)
    state, removed = Marks(), False
    for at, change in enumerate(several, 2000):
        try:
            state = marks.change(original, state, change, at)
        except RequestError as refusal:
            assert removed or refusal.code == "forbidden"
            continue
        assert not removed
        removed = change.kind == "remove"
    assert marks.parse(marks.encode(state)) == state
    shown, before = json.loads(marks.apply(original, state)), json.loads(original)
    kept = [field for field in before if not (removed and field == "text")]
    assert list(shown)[: len(kept)] == kept
    assert {field: shown[field] for field in kept if field != "text"} == {
        field: before[field] for field in kept if field != "text"
    }
    assert set(shown) - set(kept) <= {"edited_at", "removed", "reactions"}
    assert shown.get("removed", False) == removed == state.removed
    assert ("edited_at" in shown) == (state.text is not None)
    assert shown.get("text") == (None if removed else text if state.text is None else state.text)
    assert all(shown.get("reactions", {"-": ["-"]}).values())  # an emoji that nobody gives is not there
    assert json.loads(marks.redact(original, state)).get("text") == (None if removed else text)


@given(st.lists(st.tuples(users, st.sampled_from("👍🎉"), st.booleans()), max_size=20))
def test_reactions_are_sets_in_the_order_of_giving(given_: list[tuple[str, str, bool]]) -> None:
    """Each user counts once an emoji, and the last word holds."""
    state, last = Marks(), dict[tuple[str, str], bool]()
    for user, emoji, on in given_:
        state = marks.change(frame(), state, Change("react", 7, user, False, emoji=emoji, on=on), 2000)
        last[emoji, user] = on
    held = [(emoji, user) for emoji, them in state.reactions.items() for user in them]
    assert sorted(held) == sorted(pair for pair, on in last.items() if on)


def test_nothing_is_the_same_bytes() -> None:
    """A message without marks of its kind is handed on as it is."""
    original = frame("ü 👋")
    assert marks.apply(original, Marks()) == original
    assert marks.redact(original, Marks(text="x", edited_at=1)) == original
    assert marks.encode(Marks()) == b"{}"


def test_a_removal_takes_all() -> None:
    """Nothing of what was said, edited or felt is kept."""
    state = Marks(text="x", edited_at=1, reactions={"👍": ["u2"]})
    state = marks.change(frame(), state, Change("remove", 7, "u1", False), 2000)
    assert marks.encode(state) == b'{"removed":true}'


def test_reactions_are_limited() -> None:
    """One emoji more than the limit is refused; those that are there are not."""
    state = Marks(reactions={chr(0x1F600 + number): ["u1"] for number in range(REACTIONS_LIMIT)})
    with pytest.raises(RequestError, match="too many"):
        marks.change(frame(), state, Change("react", 7, "u2", False, emoji="new"), 2000)
    marks.change(frame(), state, Change("react", 7, "u2", False, emoji=chr(0x1F600)), 2000)


@pytest.mark.parametrize("target", [None, b'{"type":"edited","room":"lobby","seq":7}'])
def test_only_messages_change(target: bytes | None) -> None:
    """What the log doesn't hold, and events that are no messages, are refused."""
    with pytest.raises(RequestError, match="no such message"):
        marks.change(target, Marks(), Change("remove", 7, "u1", True), 2000)


def test_an_unknown_kind_is_a_fault() -> None:
    """It can't come from a client, so it is no refusal."""
    with pytest.raises(ValueError, match="unknown kind"):
        marks.change(frame(), Marks(), Change("pin", 7, "u1", True), 2000)
