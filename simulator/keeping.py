"""The journal of a fleet of light agents."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path


class Journal:
    """
    What all agents of the fleet write down before it is done; it survives the machine.

    One file, synced for all who wait: two hundred agents have as many disks, this machine has one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, lines: Iterable[str]) -> None:
        """Return when the lines are on the disk; :raises OSError: where they are not."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append(("".join(lines), kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await kept

    async def _write(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                try:
                    await asyncio.to_thread(self._sync, "".join(text for text, _ in waiting))
                except OSError as error:
                    _end(waiting, error)
                else:
                    _end(waiting, None)
        finally:
            self._writing = None

    def _sync(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _end(waiting: list[tuple[str, asyncio.Future[None]]], error: OSError | None) -> None:
    for _, kept in waiting:
        if kept.done():
            continue  # an agent may have ended
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
