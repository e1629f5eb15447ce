"""Who did something, for people: a key by the name it was given, never by its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_WORDS = {"bot": "bot {}", "executor": "the agent of {}", "staff": "{} (staff)", "user": "{}"}


def say_actor(actor: str | None, read_keys: Callable[[], Mapping[str, str]]) -> str:
    """
    Return an actor of the records in words.

    :param read_keys: gives the names of the team's keys by public id; asked only where a key is to be named.

    >>> say_actor("key:key_1", lambda: {"key_1": "Grafana"}), say_actor("user:alice@example.com", dict)
    ('key “Grafana”', 'alice@example.com')
    """
    kind, _, name = (actor or "").partition(":")
    if kind == "key":
        known = read_keys().get(name)
        return f"key “{known}”" if known else "a key of another team"
    if kind == "system" or not kind:
        return "the platform"
    return _WORDS[kind].format(name) if kind in _WORDS and name else str(actor)
