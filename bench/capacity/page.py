"""docs/scaling.md: the text is in page.md, the tables and each number that it names are computed."""

from pathlib import Path
from string import Template

from bench.capacity.costs import Costs
from bench.capacity.heroku import dynos_table, redis_plans_table
from bench.capacity.model import (
    CONNECTIONS,
    HISTORY_LIMIT,
    IDS_MOST,
    Load,
    Plan,
    largest_room,
    redis_connect,
    room_memory,
)
from bench.capacity.points import points_table
from bench.capacity.tables import (
    GROWTH,
    MANY,
    TEN_MILLION,
    costs_table,
    deployments_table,
    hot_table,
    memory,
    process_table,
    redis_table,
    sized,
)
from bench.scaling import ROOM, Facts
from service.config import SETTINGS
from service.rooms import presence

TEXT = Path(__file__).with_name("page.md")


def words(costs: Costs, plan: Plan, facts: Facts) -> dict[str, str]:
    """What stands in page.md after a `$`: tables, and every number that its sentences name."""
    load = Load(0, ROOM)
    tables = {
        "costs": costs_table(costs),
        "process": process_table(costs, plan),
        "redis": redis_table(costs, plan),
        "growth": deployments_table(costs, plan, GROWTH),
        "ten_million": deployments_table(costs, plan, TEN_MILLION),
        "hot": hot_table(costs, plan),
        "redis_plans": redis_plans_table(costs, plan),
        "dynos": dynos_table(costs, plan),
        "points": points_table(costs, facts),
    }
    return tables | {
        "machine": "\n".join(f"- {name}: {value}" for name, value in facts.machine.items()),
        "command": facts.command,
        "date": facts.date,
        "share": f"{plan.share:.0%}".replace("%", " %"),
        "many": f"{MANY:,}",
        "heard": f"{load.heard:g}",
        "session": f"{load.session / 60:g}",
        "sockets": f"{plan.sockets:,}",
        "connects": sized(plan.share / costs.connect),
        "refill": f"{plan.sockets * costs.connect / plan.share:.0f}",
        "names_connects": sized(plan.share / redis_connect(costs)),
        "rooms_total": f"{int(SETTINGS['ROOMS_TOTAL'].default):,}",
        "history": f"{HISTORY_LIMIT:,}",
        "ids": f"{IDS_MOST:,}",
        "primary_memory": memory(plan.primary_bytes),
        "filled": f"{plan.filled:.0%}".replace("%", " %"),
        "connections": f"{CONNECTIONS}",
        "network": f"{plan.out * 8 / 1e9:g} Gbit/s",
        "room_memory": memory(room_memory(costs, HISTORY_LIMIT)),
        "worn_memory": memory(room_memory(costs, IDS_MOST)),
        "gather": f"{presence.PRESENCE_GATHER:g}",
        "largest_1": sized(largest_room(costs, plan, 1)),
        "largest_100": sized(largest_room(costs, plan, 100)),
        "rate": f"{facts.rate:,.0f}",
        "seldom": f"{facts.seldom:,.0f}",
        "large": f"{facts.members:,}",
    }


def page(costs: Costs, plan: Plan, facts: Facts) -> str:
    """docs/scaling.md."""
    return Template(TEXT.read_text()).substitute(words(costs, plan, facts))


def tables(costs: Costs, plan: Plan, facts: Facts) -> str:
    """Those of the page, under their names."""
    found = words(costs, plan, facts)
    return "\n\n".join(f"## {name}\n\n{text}" for name, text in found.items() if text.startswith("|"))
