"""The one-shot commands: each handler brings one command a step further and says when it is over."""

from executor_agent.oneshots.closing import Closings
from executor_agent.oneshots.outcome import Done, executed, failed, unresolved
from executor_agent.oneshots.sending import Sendings
from executor_agent.oneshots.telling import Tellings

__all__ = ["Closings", "Done", "Sendings", "Tellings", "executed", "failed", "unresolved"]
