"""The tail of the log, sent while somebody at the server reads along."""

from __future__ import annotations

from executor_agent.logs import LogRing
from executor_agent.server.ports import Answered, Courier, Door, Event
from executor_agent.session import Session
from trading.protocol import LogLine, LogMessage
from trading.protocol.sending import LONGEST_LINE, MOST_LINES


class LogTail:
    """Sends lines that were not sent yet; a line that could not be sent in time is overtaken, never queued up."""

    def __init__(self, courier: Courier, session: Session, ring: LogRing) -> None:
        self._courier, self._session, self._ring = courier, session, ring
        self.is_wanted = False
        self._sent = self._on_way = 0

    def push(self) -> None:
        """Send what is new, where it is wanted and nothing is on its way."""
        if not self.is_wanted or not self._courier.is_free(Door.LOG):
            return
        lines = [LogLine(number=number, text=text[:LONGEST_LINE]) for number, text in self._ring.list_after(self._sent)]
        if lines:
            self._on_way = lines[-1].number
            self._courier.ask(Door.LOG, LogMessage(instance_id=self._session.instance_id, lines=lines[-MOST_LINES:]))

    def take_event(self, event: Event) -> None:
        """Take the answer of the log's door; what failed is sent again with the next lines."""
        if isinstance(event, Answered):
            self._sent = self._on_way
