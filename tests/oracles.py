"""Waiting for what the judge of order and loss says (service/probe/oracle.py)."""

import asyncio

from service.probe.oracle import Oracle, RunVerdict

from .harness import UNIT


async def settled(oracle: Oracle, timeout: float = 10 * UNIT) -> RunVerdict:
    """The verdict once nothing acknowledged is missing, at the latest after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while (verdict := oracle.verdict()).lost and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.1 * UNIT)
    return verdict
