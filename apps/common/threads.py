"""The thread that Django keeps for each asynchronous request."""

from __future__ import annotations

from asgiref.sync import SyncToAsync


def release_thread() -> None:
    """
    End the idle thread of the request that runs now; what needs one later in the request gets a new one.

    Django gives a request a thread of its own with the first synchronous call (any of its middlewares makes one) and keeps
    it until the answer is sent: a thousand agents that wait would be a thousand idle threads. Database connections belong
    to threads, so they must be given back before.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context is not None else None
    if executor is not None:
        executor.shutdown(wait=False)
