"""The socket of executors: numbers that say there is something to look at."""

from __future__ import annotations

import asyncio
import random

from apps.common.codes import Code
from apps.common.errors import Forbidden
from apps.common.wire import to_json
from apps.gateway.consumers import RECHECK_S, KeyedConsumer
from apps.gateway.fanout import frame_of
from apps.gateway.hub import get_hub, read_desired_version
from apps.teams.callers import Caller

RECHECK_AFTER_S = 5.0  # after a number was told: not with each of two hundred in the same moment


class ExecutorConsumer(KeyedConsumer):
    """`/ws/executor`: `{"type": "desired", "desired_version": n}` at once and with every change. The agent then looks."""

    _told: int | None = None
    _due_s: float = 0.0  # when to look whether the key still opens, by the loop's clock

    def check(self, caller: Caller) -> None:
        if caller.executor_id is None:
            raise Forbidden(Code.FORBIDDEN, "This socket is for executors' keys.")

    async def serve(self) -> None:
        assert self.caller.executor_id is not None
        executor_id, now_s = self.caller.executor_id, asyncio.get_running_loop().time
        with get_hub().waiting_for(executor_id) as nudged:
            await self._tell_version(await read_desired_version(executor_id))
            self._due_s = now_s() + RECHECK_S
            nudged.tell_directly = self._tell_directly
            while True:
                was_woken = await nudged.wait(self._due_s - now_s())
                version = nudged.version if was_woken else None
                if version is not None and (nudged.is_told or self._may_tell(version)):
                    # A number says nothing to whoever lost the key meanwhile, and speed is what a nudge is for.
                    await self._tell_version(version)
                    self._due_s = min(self._due_s, now_s() + RECHECK_AFTER_S * random.uniform(0.5, 1.5))
                    continue
                if not await self.recheck():
                    return
                await self._tell_version(await read_desired_version(executor_id))
                self._due_s = now_s() + RECHECK_S

    def _may_tell(self, version: int) -> bool:
        """Say whether this number is news, and no look whether the key still opens is due before."""
        return version != self._told and asyncio.get_running_loop().time() < self._due_s

    def _tell_directly(self, version: int) -> bool:
        if not self._may_tell(version) or not self.write_directly(frame_of(_say_version(version))):
            return False
        self._told = version
        return True

    async def _tell_version(self, version: int) -> None:
        if version != self._told:
            self._told = version
            await self.send(text_data=_say_version(version))


def _say_version(version: int) -> str:
    return to_json({"type": "desired", "desired_version": version}).decode()
