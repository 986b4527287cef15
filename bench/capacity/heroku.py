"""What fits into Heroku's plans, whose figures are Heroku's own: none of them was measured."""

from dataclasses import dataclass

from bench.capacity.costs import Costs
from bench.capacity.model import CONNECTIONS, GIB, HISTORY_LIMIT, IDS_MOST, MIB, Plan, room_memory
from bench.capacity.tables import memory, sized
from bench.tables import table


@dataclass(frozen=True, slots=True)
class RedisPlan:
    """Of devcenter.heroku.com/articles/heroku-redis-technical-characterization, as of 2024-10-11."""

    name: str
    memory: float  # bytes
    connections: int


@dataclass(frozen=True, slots=True)
class Dyno:
    """Of devcenter.heroku.com/articles/dyno-types, as of 2024-06-04."""

    name: str
    memory: float  # bytes


REDIS_PLANS = (
    RedisPlan("mini", 25 * MIB, 20),
    RedisPlan("premium-0", 50 * MIB, 40),
    RedisPlan("premium-1", 100 * MIB, 80),
    RedisPlan("premium-2", 250 * MIB, 200),
    RedisPlan("premium-3", 500 * MIB, 400),
    RedisPlan("premium-5", GIB, 1_000),
    RedisPlan("premium-7", 7 * GIB, 10_000),
    RedisPlan("premium-9", 10 * GIB, 25_000),
    RedisPlan("premium-10", 25 * GIB, 40_000),
)
DYNOS = (
    Dyno("Eco, Basic, Standard-1X", 512 * MIB),
    Dyno("Standard-2X", GIB),
    Dyno("Performance-M", 2.5 * GIB),
    Dyno("Performance-L", 14 * GIB),
)


def redis_plans_table(costs: Costs, plan: Plan) -> str:
    """What each plan has room for: rooms, or people, or processes."""
    full, worn = room_memory(costs, HISTORY_LIMIT), room_memory(costs, IDS_MOST)
    rows = []
    for one in REDIS_PLANS:
        room = one.memory * plan.filled
        processes = one.connections // CONNECTIONS
        rows.append(
            (
                one.name,
                memory(one.memory),
                sized(one.connections),
                f"{sized(processes)}, {sized(processes // 2)}",
                sized(room // full),
                sized(room // worn),
                sized(room // costs.person_bytes),
            )
        )
    heads = (
        "plan",
        "memory",
        "connections",
        "processes, and beside as many old ones",
        f"rooms with {HISTORY_LIMIT:,} messages",
        f"rooms that have seen {IDS_MOST:,}",
        "people present, without messages",
    )
    return table(heads, rows)


def dynos_table(costs: Costs, plan: Plan) -> str:
    """How many full processes the memory of a dyno takes."""
    full = costs.process_bytes + plan.sockets * (costs.socket_bytes + costs.room_bytes)
    rows = [(one.name, memory(one.memory), sized(one.memory * plan.filled // full), memory(full)) for one in DYNOS]
    return table(("dyno", "memory", f"processes with {plan.sockets:,} sockets each", "memory of one of them"), rows)
