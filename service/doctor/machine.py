"""This machine: how many sockets a process may have, and whether its port is free."""

from service.doctor import client
from service.doctor.context import Context
from service.errors import ConfigError, StartError
from service.findings import Finding, error, warning
from service.sockets import acceptor


async def look(context: Context) -> list[Finding]:
    """What is wrong."""
    return [*_descriptors(context, acceptor.raise_descriptor_limit()), *await _port(context)]


def _descriptors(context: Context, available: int) -> list[Finding]:
    """`available`: sockets that a process may have, as a start counts them."""
    settings = context.settings
    wanted = settings.connections_limit or settings.connections_per_address
    name = "CONNECTIONS_LIMIT" if settings.connections_limit else "CONNECTIONS_PER_ADDRESS"
    if available >= wanted:
        return []
    return [
        warning(
            "descriptors-few",
            "RLIMIT_NOFILE",
            f"RLIMIT_NOFILE leaves {available} sockets for clients, and {name} is {wanted}",
            "past them new sockets are closed 1013, and one address may use up all",
            f"ulimit -Hn {2 * (wanted + acceptor.RESERVE)} as root before the start; LimitNOFILE= of systemd",
        )
    ]


async def running(context: Context) -> bool:
    """Whether a service of ours answers where these settings would listen."""
    settings = context.settings
    if settings.port == 0:
        return False
    return client.is_ours(await client.ask(f"http://{settings.shown_host}:{settings.port}/healthz", context.timeout))


async def _port(context: Context) -> list[Finding]:
    """Where the service itself is running, its port is taken as it should be."""
    settings = context.settings
    if settings.port == 0 or await running(context):
        return []
    try:
        for sock in acceptor.bind(settings.host, settings.port):
            sock.close()
    except (ConfigError, StartError) as fault:
        return [
            error(
                "port-taken",
                "PORT",
                str(fault),
                "the service can't listen there",
                f"ss -ltnp 'sport = :{settings.port}' says who does; or export PORT=8000, or another that is free",
            )
        ]
    return []
