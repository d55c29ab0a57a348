import asyncio
import json
import time
from pathlib import Path

from ghasi.simulator.log import Journal


async def test_lines_are_gathered_and_flushed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new", "one", asyncio.get_running_loop())
    path = tmp_path / "new" / "one.jsonl"
    journal.write("submit", at=1.5, mono=2.5, seq=7)
    journal.write("closed", reason="سلام")
    assert path.read_bytes() == b""
    async with asyncio.timeout(60):
        while not path.read_bytes():
            await asyncio.sleep(0.01)
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first == {"at": 1.5, "mono": 2.5, "event": "submit", "seq": 7}
    assert (second["event"], second["reason"]) == ("closed", "سلام")
    assert abs(second["at"] - time.time()) < 60
    journal.close()


async def test_closing_writes_the_rest_and_a_second_run_appends(tmp_path: Path) -> None:
    for _ in range(2):
        journal = Journal(tmp_path, "one", asyncio.get_running_loop())
        journal.write("listening", port=1)
        journal.close()
        journal.write("late")
        assert not journal.is_open
    assert [json.loads(line)["event"] for line in (tmp_path / "one.jsonl").read_text().splitlines()] == [
        "listening"
    ] * 2


async def test_without_a_folder_nothing_is_kept() -> None:
    journal = Journal(None, "one", asyncio.get_running_loop())
    assert not journal.is_open
    journal.write("submit")
    journal.close()
