"""The model: what a load takes of processes and of Redis, and how many of them it needs. Pure functions.

It adds costs up. A process and a Redis each have one core; how much of it is planned for is a part of what they do when
it is busy all the time. Seconds, bytes, and rates a second.
"""

import math
from dataclasses import dataclass, replace

from bench.capacity.costs import Cost, Costs
from service.brokers.log import IDS_LIMIT
from service.config import SETTINGS
from service.protocol import MEMBERS_LIMIT
from service.rooms import presence, reads
from service.rooms.rooms import CHECK_INTERVAL

HISTORY_LIMIT = int(SETTINGS["HISTORY_LIMIT"].default)
CONNECTIONS = 2  # of a process to each primary: commands and subscriptions
READ_EVERY = 1.0  # seconds between two read positions that the page tells of (static/page/conversation.js)
SESSION = 1_800.0  # seconds for which a socket stays
MOST = 10_000  # processes; beyond them more of them cost more than they bring
IDS_MOST = 2 * IDS_LIMIT  # of a room
MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, slots=True)
class Load:
    """People in rooms of one size, each with one socket in one room."""

    sockets: int
    room: int  # members
    heard: float = 6.0  # messages a minute that each gets, its own among them
    session: float = SESSION
    read: bool = True  # all members look at the room, and say that they have read each message
    said: int = HISTORY_LIMIT  # messages that a room has seen since it began

    @property
    def rooms(self) -> float:
        return self.sockets / self.room

    @property
    def messages(self) -> float:
        """A second."""
        return self.rooms * self.heard / 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of a machine is used."""

    share: float = 0.6  # of what a core can do
    sockets: int = 10_000  # of a process: so many are measured
    turn: float = 0.025  # seconds that a write to all of a room may take; a message waits for two of them at most
    primary_bytes: float = 16 * GIB  # of memory
    filled: float = 0.8  # of it
    out: float = 125e6  # bytes a second that can leave a primary: 1 Gbit/s


# -- the model: what a message costs all processes together, and all primaries


def holders(members: int, processes: int) -> float:
    """How many of the processes have a member of a room, where a balancer knows nothing of rooms."""
    return processes * (1 - (1 - 1 / processes) ** members)


def gathered(rate: float, sources: float, seconds: float) -> float:
    """Signals a second, where each of the sources gathers for so long what comes at random at a rate in all."""
    return sources * (1 - math.exp(-rate * seconds / sources)) / seconds if rate else 0.0


def message(costs: Costs, members: int, held: float, batch: float = 1) -> float:
    """Of all processes, where `held` of them have members of the room, and so many messages of it come at once."""
    publication = costs.call + (held - 1) * costs.receive + members * costs.write
    return publication / batch + costs.message + members * costs.copy


def signal(costs: Costs, written: float, held: float) -> float:
    """Who came, left or has read, to so many sockets, of all processes."""
    return costs.call + (held - 1) * costs.receive + written * costs.write


def redis_message(costs: Costs, held: float, batch: float = 1, kept: bool = True) -> float:
    """Of the room's primary, with an append-only file if `kept`."""
    return (costs.redis_call + held * costs.push) / batch + costs.redis_message + kept * costs.append


def redis_signal(costs: Costs, held: float, kept: bool = True) -> float:
    """Of the room's primary."""
    return costs.redis_call + held * costs.push + kept * costs.append


def redis_connect(costs: Costs) -> float:
    """Of the primary that has the names and who is online."""
    return costs.redis_connect + costs.append


@dataclass(frozen=True, slots=True)
class Use:
    """What a load takes of all processes, or of all primaries: cores, by what for."""

    parts: dict[str, float]

    @property
    def cores(self) -> float:
        return sum(self.parts.values())


def signals(load: Load, processes: int) -> tuple[float, float]:
    """Of reads and of presence, a second, in all rooms."""
    held = holders(load.room, processes)
    by_room = load.messages / load.rooms
    # All who read a message do so within a moment, so each process tells of all of its people at once.
    told = held * gathered(by_room, 1, reads.READS_GATHER) if load.read else 0.0
    moves = gathered(2 * load.room / load.session, held, presence.PRESENCE_GATHER)
    return load.rooms * told, load.rooms * moves


def reading(load: Load) -> float:
    """`read` frames a second."""
    return load.sockets * min(load.messages / load.rooms, 1 / READ_EVERY) if load.read else 0.0


def of_processes(costs: Costs, load: Load, processes: int) -> Use:
    """What the load takes of so many of them."""
    held = holders(load.room, processes)
    told, moves = signals(load, processes)
    seen = load.room if load.room <= MEMBERS_LIMIT else load.room / held  # in large rooms by their own user only
    return Use(
        {
            "messages": load.messages * message(costs, load.room, held),
            "reads": reading(load) * costs.read + told * signal(costs, seen, held),
            "presence": moves * signal(costs, load.room, held),
            "connects": load.sockets / load.session * costs.connect,
            "sockets": load.sockets * costs.ping + load.rooms * held / CHECK_INTERVAL * costs.look,
            "processes": processes * costs.idle,
        }
    )


def of_primaries(costs: Costs, load: Load, processes: int, primaries: int = 1) -> Use:
    """What the load takes of so many of them."""
    held = holders(load.room, processes)
    told, moves = signals(load, processes)
    return Use(
        {
            "messages": load.messages * redis_message(costs, held),
            "reads": reading(load) * (costs.redis_read + costs.append) + told * redis_signal(costs, held),
            "presence": moves * redis_signal(costs, held),
            "connects": load.sockets / load.session * redis_connect(costs),
            "rooms": load.rooms * held / CHECK_INTERVAL * costs.redis_look,
            "primaries": primaries * costs.redis_idle,
        }
    )


def room_memory(costs: Costs, said: int) -> float:
    """Bytes of Redis for a room that has seen so many messages."""
    return min(said, HISTORY_LIMIT) * costs.kept_bytes + min(said, IDS_MOST) * costs.id_bytes


def redis_memory(costs: Costs, load: Load) -> float:
    """Bytes, on all primaries together."""
    return load.rooms * room_memory(costs, load.said) + load.sockets * costs.person_bytes


def pushed(costs: Costs, load: Load, processes: int) -> float:
    """Bytes a second that leave all primaries. A signal is taken to be as long as a message."""
    return (load.messages + sum(signals(load, processes))) * holders(load.room, processes) * costs.push_bytes


def process_memory(costs: Costs, load: Load, processes: int) -> float:
    """Bytes of each."""
    rooms = load.rooms * holders(load.room, processes) / processes
    return costs.process_bytes + load.sockets / processes * costs.socket_bytes + rooms * costs.room_bytes


def crowded(costs: Costs) -> Costs:
    """Of processes that have as many sockets as are planned for."""
    return replace(costs, write=Cost(costs.write * costs.crowd, costs.write.source))


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a load needs; it can't be carried where `processes` is more than MOST.

    `bound`, `redis_bound`: what it needs so many processes and primaries for.
    """

    load: Load
    processes: int
    bound: str
    busy: float  # of a process's core
    process_bytes: float
    primaries: int
    redis_bound: str
    redis_busy: float  # of the core of the primary that has the names and who is online, too
    redis_bytes: float  # of all together
    out: float  # bytes a second from each primary
    connections: int  # to each primary


def deployment(costs: Costs, load: Load, plan: Plan) -> Deployment:
    """The least that carries the load within the plan."""
    costs = crowded(costs)
    processes, bound = max(1, math.ceil(load.sockets / plan.sockets)), "sockets"
    while processes <= MOST and processes < (needed := of_processes(costs, load, processes).cores / plan.share):
        processes, bound = math.ceil(needed), "CPU"
    use = of_primaries(costs, load, processes)
    alone = use.parts["connects"]  # names, and who is online: one slot
    if alone >= plan.share:
        raise ValueError("more connects than the primary of the names can take")
    bounds = {
        "CPU": math.ceil((use.cores - alone) / (plan.share - alone)),
        "memory": math.ceil(redis_memory(costs, load) / (plan.primary_bytes * plan.filled)),
        "network": math.ceil(pushed(costs, load, processes) / (plan.out * plan.share)),
    }
    redis_bound, primaries = max(bounds.items(), key=lambda one: one[1])
    return Deployment(
        load=load,
        processes=processes,
        bound=bound,
        busy=of_processes(costs, load, processes).cores / processes,
        process_bytes=process_memory(costs, load, processes),
        primaries=primaries,
        redis_bound=redis_bound,
        redis_busy=(use.cores - alone) / primaries + alone,
        redis_bytes=redis_memory(costs, load),
        out=pushed(costs, load, processes) / primaries,
        connections=CONNECTIONS * processes,
    )


@dataclass(frozen=True, slots=True)
class HotRoom:
    """One room, alone on a primary. `bound` says what forbids it, "" if it can be."""

    processes: int
    turn: float  # seconds that a write to all members takes; a message waits for two of them at most
    batch: float  # messages in it
    presence: float  # of a process's core, for who comes and leaves
    redis_busy: float
    bound: str


def hot_room(costs: Costs, plan: Plan, members: int, rate: float, session: float = SESSION) -> HotRoom:
    """With the fewest processes that can, or so many that Redis can't tell them all."""
    processes = math.ceil(members / plan.sockets)
    while (room := of_room(costs, plan, members, rate, processes, session)).bound in ("turn", "presence"):
        processes = max(processes + 1, math.ceil(processes * 1.02))
    return room


def of_room(costs: Costs, plan: Plan, members: int, rate: float, processes: int, session: float = SESSION) -> HotRoom:
    """With so many processes. Of who comes and goes each process tells all others, who write it to all members."""
    costs = crowded(costs)
    here = members / processes
    told = gathered(2 * members / session, processes, presence.PRESENCE_GATHER)
    present = told * (costs.receive + here * costs.write) + told / processes * (costs.call - costs.receive)
    left = max(1 - present, 1e-9)
    each = here * costs.copy + costs.message / processes  # a message's own part of a turn
    once = here * costs.write + costs.receive + (costs.call - costs.receive) / processes
    turn, batch = (once + each) / left, 1.0
    if rate * turn > 1:  # what comes meanwhile is the next batch
        spare = left - rate * each
        turn = once / spare if spare > 0 else math.inf
        batch = rate * turn
    publications = min(rate, processes / turn)
    redis = publications * (costs.redis_call + processes * costs.push) + rate * (costs.redis_message + costs.append)
    redis += told * redis_signal(costs, processes)
    bounds = {
        "Redis": redis > plan.share,
        "network": (rate + told) * processes * costs.push_bytes > plan.out * plan.share,
        "presence": present > plan.share / 2,
        "turn": turn > plan.turn,
    }
    bound = next((name for name, passed in bounds.items() if passed), "")
    return HotRoom(processes, turn, batch, present, redis, bound)


def largest_room(costs: Costs, plan: Plan, rate: float) -> int:
    """Members that one room can have with so many messages a second."""
    low, high = 1, 10**9
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if hot_room(costs, plan, middle, rate).bound else (middle, high)
    return low
