"""The rule packs that ship with the platform: `presets.json`, editable defaults with the date and source of every program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from trading.risk.pack_document import parse_pack
from trading.risk.packs import InvalidPack, RulePack


def preset(pack_id: str) -> RulePack:
    """
    Return a preset by its id.

    :raises InvalidPack: if there is none; ``extra["allowed"]`` lists all.

    >>> preset("ftmo_2step").daily_loss.floor(initial=Decimal(100_000), balance=Decimal(104_000), equity=Decimal(103_500))
    Decimal('99000.00')
    """
    found = presets().get(pack_id)
    if found is None:
        raise InvalidPack(f"there is no preset {pack_id!r}", field="pack", extra={"allowed": list(presets())})
    return found


@lru_cache(maxsize=1)
def presets() -> Mapping[str, RulePack]:
    """Return all presets by id, in the order of the file."""
    return MappingProxyType({document["id"]: parse_pack(document) for document in preset_documents()})


def preset_documents() -> list[dict[str, Any]]:
    """Return the presets' JSON documents, fresh copies that a team may edit; numbers with a fraction are Decimal."""
    documents: list[dict[str, Any]] = _read_file()["presets"]
    return documents


def compiled_on() -> date:
    """Return the day on which the file was compiled from its sources."""
    return date.fromisoformat(_read_file()["compiled"])


def _read_file() -> dict[str, Any]:
    text = files("trading.risk").joinpath("presets.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return content
