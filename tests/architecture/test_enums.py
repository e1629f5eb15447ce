"""docs/policies/enums.md lists every stored choice, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs/policies/enums.md"


def stored_choices() -> dict[str, list[str]]:
    """Return `app.Model.field` → its values, for every model of ours."""
    found = {}
    for model in apps.get_models():
        if model.__module__.startswith("apps."):
            for field in model._meta.concrete_fields:
                if field.choices:
                    found[f"{model._meta.label}.{field.name}"] = [str(value) for value, _ in field.choices]
    return found


def listed_choices() -> dict[str, list[str]]:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", TABLE.read_text("utf-8"), flags=re.MULTILINE)
    return {name: values.split() for name, values in rows}


def test_the_table_lists_exactly_what_is_stored():
    assert listed_choices() == stored_choices()


def test_every_stored_choice_is_upper_case():
    assert all(re.fullmatch(r"[A-Z][A-Z_0-9]*", value) for values in stored_choices().values() for value in values)
