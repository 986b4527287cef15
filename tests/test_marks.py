"""Marks: what changes do to a message, and how it is shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.brokers import marks
from service.brokers.log import Change
from service.brokers.marks import EDITS_LIMIT, REACTIONS_LIMIT, RETRACTIONS_LIMIT, RETRACTORS_LIMIT, Marks
from service.protocol import Person, RequestError, change_tail, encode, event_head, message_tail

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
            state = marks.change(original, state, change, at - 1900, at)
        except RequestError as refusal:
            assert removed or refusal.code == "forbidden"
            continue
        assert not removed
        removed = change.kind == "remove"
    assert marks.parse(marks.serialize(state)) == state
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
    assert "text" not in json.loads(marks.redacted(original))


@given(st.lists(st.tuples(users, st.sampled_from("👍🎉"), st.booleans()), max_size=20))
def test_reactions_are_sets_in_the_order_of_giving(given_: list[tuple[str, str, bool]]) -> None:
    """Each user counts once an emoji, and the last word holds."""
    state, last = Marks(), dict[tuple[str, str], bool]()
    for user, emoji, on in given_:
        state = marks.change(frame(), state, Change("react", 7, user, False, emoji=emoji, on=on), 8, 2000)
        last[emoji, user] = on
    held = [(emoji, user) for emoji, them in state.reactions.items() for user in them]
    assert sorted(held) == sorted(pair for pair, on in last.items() if on)


def test_nothing_is_the_same_bytes() -> None:
    """A message without marks of its kind is handed on as it is."""
    original = frame("ü 👋")
    assert marks.apply(original, Marks()) == original
    assert marks.serialize(Marks()) == b"{}"


def test_a_removal_takes_all() -> None:
    """Nothing of what was said, edited or felt is kept."""
    state = Marks(text="x", edited_at=1, reactions={"👍": ["u2"]})
    state = marks.change(frame(), state, Change("remove", 7, "u1", False), 8, 2000)
    assert marks.serialize(state) == b'{"removed":true}'


def test_reactions_are_limited() -> None:
    """One emoji more than the limit is refused; those that are there are not."""
    state = Marks(reactions={chr(0x1F600 + number): ["u1"] for number in range(REACTIONS_LIMIT)})
    with pytest.raises(RequestError, match="too many"):
        marks.change(frame(), state, Change("react", 7, "u2", False, emoji="new"), 8, 2000)
    marks.change(frame(), state, Change("react", 7, "u2", False, emoji=chr(0x1F600)), 8, 2000)


def react(state: Marks, user: str, emoji: str, on: bool) -> Marks:
    return marks.change(frame(), state, Change("react", 7, user, False, emoji=emoji, on=on), 8, 2000)


def edit(state: Marks, text: str, seq: int = 8) -> Marks:
    return marks.change(frame(), state, Change("edit", 7, "u1", False, text=text), seq, 2000)


def test_what_changes_nothing_is_the_same_marks() -> None:
    """The reaction that is there, the one that isn't, the text as it is; its neighbours do change something."""
    state = react(Marks(), "u2", "👍", True)
    assert react(state, "u2", "👍", True) is state
    assert react(state, "u3", "👍", False) is state
    assert react(state, "u2", "🎉", False) is state
    assert edit(state, "hello") is state
    better = edit(state, "better")
    assert edit(better, "better") is better
    assert edit(better, "hello") is not better
    assert react(state, "u3", "👍", True) is not state


def test_edits_are_counted_and_limited() -> None:
    """The hundredth is taken, one more isn't; what changes nothing, and the removal, still are."""
    state = Marks()
    for number in range(EDITS_LIMIT):
        state = edit(state, str(number), 100 + number)
    assert state.edits == list(range(100, 100 + EDITS_LIMIT))
    with pytest.raises(RequestError, match="changed too often"):
        edit(state, "one more")
    assert edit(state, str(EDITS_LIMIT - 1)) is state
    removed = marks.change(frame(), state, Change("remove", 7, "u1", False), 8, 2000)
    assert removed == Marks(removed=True, edits=state.edits)


def test_who_took_back_too_often_gives_no_more() -> None:
    """At this message, and only they; what they have given they can still take back."""
    state = react(Marks(), "u2", "🎉", True)
    for _ in range(RETRACTIONS_LIMIT):
        state = react(react(state, "u2", "👍", True), "u2", "👍", False)
    for emoji in "👍😀":
        with pytest.raises(RequestError, match="changed too often"):
            react(state, "u2", emoji, True)
    state = react(state, "u2", "🎉", False)
    assert react(state, "u3", "👍", True).reactions == {"👍": ["u3"]}
    assert state.reactions == {}


def test_the_count_of_those_who_took_back_is_bounded() -> None:
    """Past the limit nobody new is counted, so who isn't can't give; whoever is counted can."""
    crowd = Marks(reactions={"👍": ["a", "b"]}, retracted={f"n{number}": 1 for number in range(RETRACTORS_LIMIT - 1)})
    assert react(crowd, "x", "👍", True).reactions == {"👍": ["a", "b", "x"]}
    crowd = react(crowd, "a", "👍", False)
    assert len(crowd.retracted) == RETRACTORS_LIMIT
    crowd = react(crowd, "b", "👍", False)
    assert len(crowd.retracted) == RETRACTORS_LIMIT
    with pytest.raises(RequestError, match="changed too often"):
        react(crowd, "b", "👍", True)
    assert react(crowd, "a", "👍", True).reactions == {"👍": ["a"]}


@pytest.mark.parametrize("kind", ["message", "edited"])
def test_a_text_is_taken_out_of_its_frame(kind: str) -> None:
    """Nothing else goes, `removed` stands last, and doing it again changes nothing."""
    tail = message_tail("m", encode(ADA), r'a "secret" \ ,"text":"x","at":1}')
    whole = event_head(kind, "lobby").encode() + b"7" + tail + b"1000}"
    bare = marks.redacted(whole)
    assert bare.endswith(b'"at":1000' + marks.REMOVED_END) and b"secret" not in bare
    fields = json.loads(whole)
    del fields["text"]
    assert json.loads(bare) == fields | {"removed": True}
    assert marks.redacted(bare) == bare
    with pytest.raises(RequestError, match=r"no such|removed"):
        marks.change(bare, Marks(), Change("remove", 7, "u1", True), 8, 2000)


MESSAGE = frame()
EDIT, OTHER_EDIT = (
    event_head("edited", "lobby").encode() + b"7" + change_tail("m", 3, encode(ADA), text="x") + at + b"}"
    for at in (b"1000", b"1001")
)
REACTION, OTHER_REACTION = (
    event_head("reacted", "lobby").encode() + b"7" + change_tail(id, 3, encode(ADA), emoji="👍", on=True) + b"1000}"
    for id in ("m", "n")
)
REMOVAL = event_head("removed", "lobby").encode() + b"7" + change_tail("m", 3, encode(ADA)) + b"1000}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (MESSAGE, MESSAGE, True),
        (MESSAGE, marks.redacted(MESSAGE), True),
        (MESSAGE, MESSAGE.replace(b"1000", b"1001"), False),
        (MESSAGE, marks.redacted(MESSAGE.replace(b"1000", b"1001")), False),
        (MESSAGE, frame(person=Person("u2", "Ada")), False),
        (marks.redacted(MESSAGE), marks.redacted(frame(person=Person("u2", "Ada"))), False),
        (EDIT, EDIT, True),
        (EDIT, marks.redacted(EDIT), True),
        (EDIT, OTHER_EDIT, False),
        (marks.redacted(EDIT), marks.redacted(MESSAGE), False),
        (REACTION, REACTION, True),
        (REACTION, OTHER_REACTION, False),
        (REMOVAL, REMOVAL, True),
        (REMOVAL, MESSAGE, False),
        (b"garbage", b"garbage", True),
        (b"garbage", b"", False),
        (MESSAGE, MESSAGE[:-1], False),
        (MESSAGE, b"[]", False),
        (MESSAGE, b'{"a":"\xff"}', False),
        (MESSAGE, b'{"a":' + 100_000 * b"[", False),
    ],
)
def test_two_frames_are_of_one_event_or_of_two(one: bytes, other: bytes, same: bool) -> None:
    """A removed text makes no difference; time, id, author and kind do, and what can't be read is another one."""
    assert marks.same_event(one, other) is same is marks.same_event(other, one)


@pytest.mark.parametrize("target", [None, b'{"type":"edited","room":"lobby","seq":7}'])
def test_only_messages_change(target: bytes | None) -> None:
    """What the log doesn't hold, and events that are no messages, are refused."""
    with pytest.raises(RequestError, match="no such message"):
        marks.change(target, Marks(), Change("remove", 7, "u1", True), 8, 2000)


def test_an_unknown_kind_is_a_fault() -> None:
    """It can't come from a client, so it is no refusal."""
    with pytest.raises(ValueError, match="unknown kind"):
        marks.change(frame(), Marks(), Change("pin", 7, "u1", True), 8, 2000)
