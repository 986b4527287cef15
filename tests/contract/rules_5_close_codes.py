"""Section 5 of docs/protocol.md: how a socket ends. Codes that belong to tickets, moderation and floods stand there."""

from collections.abc import AsyncIterator

from .target import Target, ask


async def rule_5_1(target: Target) -> None:
    """A close frame is answered with one, and then the connection ends."""
    target.of_sockets()
    async with target.open() as client:
        await client.connection.close(1000, "bye")
        assert (client.connection.close_code, client.connection.protocol.close_rcvd is not None) == (1000, True)


async def rule_5_2(target: Target) -> None:
    """A binary frame closes with 1003."""
    target.of_sockets()
    async with target.open() as client:
        await client.raw(b'{"type":"ping"}')
        assert (await client.closed())[0] == 1003


async def rule_5_3(target: Target) -> None:
    """What is no UTF-8 closes with 1007."""
    target.of_sockets()
    async with target.open() as client:
        await client.connection.send(b'{"type":"\xff"}', text=True)
        assert (await client.closed())[0] == 1007


async def rule_5_4(target: Target) -> None:
    """A frame over `welcome.limits.frame` bytes closes with 1009; one of just so many doesn't."""
    async with target.open() as client:
        limit = next(frame for frame in client.frames if frame["type"] == "welcome")["limits"]["frame"]
        frame = '{"type":"ping","ref":"full","filler":"%s"}'
        await client.raw(frame % ("x" * (limit - len(frame) + 2)))
        await client.recv("pong", ref="full")
        await client.raw(frame % ("x" * (limit - len(frame) + 3)))
        assert (await client.closed())[0] == 1009


async def rule_5_5(target: Target) -> None:
    """A control frame of more than 125 bytes closes with 1002; a ping is answered with what it brought."""
    target.of_sockets()
    async with target.open() as client:
        await (await client.connection.ping(b"kit"))
        client.connection.transport.write(b"\x89\xfe\x00\x7e" + bytes(4) + bytes(126))
        assert (await client.closed())[0] == 1002


async def rule_5_6(target: Target) -> None:
    """A reason has at most 123 bytes of UTF-8."""
    async with target.open(welcome=False, bearer="none-of-yours") as client:
        code, reason = await client.closed()
        assert code == 4401 and len((reason or "").encode()) <= 123


async def rule_5_7(target: Target) -> None:
    """A message in fragments, with a ping between them, is one."""
    target.of_sockets()
    async with target.open() as client:

        async def fragments() -> AsyncIterator[str]:
            yield '{"type":"pi'
            await client.connection.ping()
            yield 'ng","ref":"whole"}'

        await client.connection.send(fragments())
        await client.recv("pong", ref="whole")
        await ask(client, "ping")
