"""What people say in the pictures."""

from ..harness import ChatClient
from .stage import Stage, react

ROOM = "open-day"
TOPIC = "Saturday 5 December, 10:00. Who brings what?"

OPENING = (
    ("Noor", "Morning! Who opens the hall on Saturday?"),
    ("Jonas", "I can, from nine. The key hangs in the office."),
    ("Jonas", "The projector needs the *long* cable, by the way."),
    ("Priya", "Shopping list so far:\n- coffee, tea, oat milk\n- cups (we have 40)\n- name tags, two thick pens, tape"),
    ("Mei-Lin", "Plan of the rooms: https://example.org/open-day/plan"),
    ("Noor", "I have name tags left from last year, around 60."),
    ("Samuel", "The script that counts visitors, for the door:\n```python\nfor ring in bell:\n    visitors += 1\n```"),
    ("Tomás", "@Ada the page is live. Thanks everybody, this came together nicely."),
    ("Noor", "🙌"),
)

MARKUP = """**Bold**, *italic*, ~~struck~~, `code`, and a link: https://example.org/open-day
> We start when the first train is in.
> Not before.

1. unlock
2. heat
3. coffee

```js
const visitors = new Set();
bell.on("ring", (name) => visitors.add(name)); // the longest line of this block goes on, and on, beyond the window
```
[The plan](https://example.org/open-day/plan), __init__.py and 2 * 3 * 4 are left as they are."""

LONG = "\n".join(
    f"{day}, {hour}: {what}"
    for day in ("Friday", "Saturday", "Sunday", "Monday")
    for hour, what in (
        ("8:00", "unlock the doors"),
        ("8:15", "heat the hall"),
        ("8:30", "put up the signs at the station, at the bridge and at the gate"),
        ("9:00", "test the projector"),
        ("9:30", "brew coffee"),
        ("9:55", "ring the bell"),
        ("12:30", "lunch for whoever helps"),
        ("18:00", "close"),
    )
)


async def talk(stage: Stage, room: str = ROOM) -> dict[str, ChatClient]:
    """A room in which several people have said something, with a topic and reactions; they stay."""
    people: dict[str, ChatClient] = {}
    seqs = []
    for name, text in OPENING:
        if name not in people:
            people[name] = await stage.client(name, room)
        seqs.append((await people[name].send(room, text))["seq"])
    await people["Noor"].request("topic", room=room, id="topic", text=TOPIC)
    for name, number, emoji in (("Priya", 1, "👍"), ("Tomás", 1, "👍"), ("Noor", 7, "❤️"), ("Jonas", 7, "👏")):
        await react(people[name], room, seqs[number], emoji)
    return people


async def chatter(stage: Stage, count: int) -> None:
    """So many short messages by two people in turn, before they talk."""
    two = [await stage.client(name, ROOM) for name in ("Noor", "Jonas")]
    for number in range(count):
        await two[number % 2].send(ROOM, f"Guest {number + 1} is in.")
