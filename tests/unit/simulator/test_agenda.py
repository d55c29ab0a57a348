import asyncio

from ghasi.simulator.agenda import Agenda


async def test_order_and_time() -> None:
    loop = asyncio.get_running_loop()
    agenda, ran, done = Agenda(loop), [], asyncio.Event()
    start = loop.time()

    def note(name: str) -> None:
        ran.append((name, loop.time() - start))

    agenda.at(start + 0.06, lambda: (note("last"), done.set()))
    agenda.at(start + 0.02, lambda: note("second"))
    agenda.at(start + 0.02, lambda: note("third"))
    agenda.at(start - 1, lambda: note("first"))
    assert len(agenda) == 4
    await asyncio.wait_for(done.wait(), 60)
    assert [name for name, _ in ran] == ["first", "second", "third", "last"]
    assert ran[1][1] >= 0.015
    assert ran[3][1] >= 0.055
    assert len(agenda) == 0


async def test_an_action_may_add_others() -> None:
    agenda, done = Agenda(asyncio.get_running_loop()), asyncio.Event()
    agenda.after(0, lambda: agenda.after(0.005, done.set))
    await asyncio.wait_for(done.wait(), 60)


async def test_clear() -> None:
    loop = asyncio.get_running_loop()
    agenda, ran, done = Agenda(loop), [], asyncio.Event()
    agenda.after(0.005, lambda: ran.append(1))
    agenda.clear()
    agenda.after(0.01, done.set)
    await asyncio.wait_for(done.wait(), 60)
    assert ran == []
