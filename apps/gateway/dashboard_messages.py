"""The messages of `/ws/dashboard`, each put into letters once however many are told."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from apps.common.wire import to_json
from apps.gateway.selectors.dashboards import event_data

MOST_SAID = 1000  # messages kept as they were sent, for the dashboards that send them next
_said: OrderedDict[str, str] = OrderedDict()


def say_event(channel: str, event: dict[str, Any]) -> str:
    """Return the message of an event; every dashboard of this process gets the same letters, made once."""
    text = _said.get(event["event_id"])
    if text is None:
        head = {"channel": channel, "event_id": event["event_id"], "seq": event["number"], "ts": event["at"]}
        text = _said[event["event_id"]] = join(head, to_json(event_data(event)).decode())
        if len(_said) > MOST_SAID:
            _said.popitem(last=False)
    return text


def join(head: dict[str, Any], data: str) -> str:
    """Return a message of a head and of data that are JSON already."""
    return f'{to_json(head).decode()[:-1]},"data":{data}}}'
