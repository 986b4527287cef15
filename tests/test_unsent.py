"""service/sockets/unsent.py: who goes when too much waits."""

import asyncio

from service.sockets.unsent import Budget


class Waiting:
    """A holder that gives back what it holds when it is shed, at once or only when asked again."""

    def __init__(self, budget: Budget, size: int = 0, stubborn: bool = False) -> None:
        self.budget = budget
        self.size = 0
        self.stubborn = stubborn
        self.shed_times = 0
        self.take(size)

    def take(self, size: int) -> None:
        self.size += size
        self.budget.keep(self, size)

    def shed(self) -> None:
        self.shed_times += 1
        if self.stubborn and self.shed_times == 1:
            self.budget.progress(self, 1)
            self.size -= 1
            return
        self.budget.free(self, self.size)
        self.size = 0


async def test_within_the_budget_nobody_goes() -> None:
    """To the byte."""
    budget = Budget(100)
    holders = [Waiting(budget, 50), Waiting(budget, 50)]
    await asyncio.sleep(0)
    assert [holder.shed_times for holder in holders] == [0, 0] and budget.held_bytes == 100


async def test_the_one_without_progress_for_the_longest_goes_first() -> None:
    """More to wait for is no progress; a byte taken is."""
    budget = Budget(100)
    one, two, three = (Waiting(budget, 30) for _ in range(3))
    one.take(5)
    budget.progress(two, 0)
    three.take(50)
    await asyncio.sleep(0)
    assert [holder.shed_times for holder in (one, two, three)] == [1, 0, 1]
    assert budget.held_bytes == 30


async def test_nobody_goes_before_the_turn_is_over() -> None:
    """Whoever writes to a list of sockets finds it as it was."""
    budget = Budget(10)
    holder = Waiting(budget, 100)
    assert holder.shed_times == 0
    await asyncio.sleep(0)
    assert holder.shed_times == 1


async def test_one_that_keeps_some_of_it_is_shed_again() -> None:
    """Until the budget holds, and no further."""
    budget = Budget(10)
    holder, other = Waiting(budget, 100, stubborn=True), Waiting(budget, 5)
    await asyncio.sleep(0)
    assert budget.held_bytes <= 10
    assert holder.shed_times + other.shed_times >= 2 and holder.size == 0


async def test_a_budget_that_nobody_can_meet_is_no_endless_loop() -> None:
    """Bytes without a holder are not looked for."""
    budget = Budget(10)
    budget.held_bytes = 50
    Waiting(budget, 1)
    await asyncio.sleep(0)
    assert budget.held_bytes == 50
