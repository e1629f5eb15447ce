"""Fields that depend on the document: trees of conditions, partial exits, parameters of a ready strategy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.forms import Field

from apps.dashboard.forms.distance_fields import list_units, show_distance
from apps.dashboard.forms.ready_fields import PREFIX, find_spec, show_value
from apps.dashboard.forms.tree_fields import TREES, TreeField, children_of, field_name, is_shown, kind_of, list_fields
from trading.strategies.parameters import Parameter

TREE_TITLES = {
    "entry.long": "Buy when",
    "entry.short": "Sell when",
    "exit.closeLong": "Close what was bought when",
    "exit.closeShort": "Close what was sold when",
}


def list_trees(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the trees of a document that can be shown as fields, by the name of their fields."""
    found = {}
    for path in TREES:
        block, _, key = path.partition(".")
        place = document.get(block)
        tree = place.get(key) if isinstance(place, Mapping) else None
        if tree is not None and is_shown(tree):
            found[field_name(path)] = tree
    return found


def make_dynamic(document: Mapping[str, Any]) -> dict[str, Field]:
    """Return the fields a document needs beside the form's own."""
    fields: dict[str, Field] = {one.name: _tree_field(one) for one in _tree_fields(document)}
    for index, _ in enumerate(list_parts(document)):
        at = f"management-partialExits-{index}"
        fields[f"{at}-at"] = _bare_text("In profit by")
        fields[f"{at}-at_unit"] = unit_field("part", "Unit of the profit")
        fields[f"{at}-fraction"] = _bare_text("Close of the volume, percent")
    return {**fields, **{f"{PREFIX}{name}": _ready_field(name, one) for name, one in _parameters(document).items()}}


def read_dynamic(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of `make_dynamic`'s fields."""
    values = {one.name: one.value for one in _tree_fields(document)}
    for index, part in enumerate(list_parts(document)):
        at, share = f"management-partialExits-{index}", part.get("fraction")
        shown = show_distance(f"{at}-at", part.get("at"), _write)
        values |= {name: text for name, text in shown.items() if name in (f"{at}-at", f"{at}-at_unit")}
        is_share = isinstance(share, int | float) and not isinstance(share, bool)
        values[f"{at}-fraction"] = f"{float(share or 0) * 100:.10g}" if is_share else _write(share)
    entry = document.get("entry")
    given = entry.get("parameters") if isinstance(entry, Mapping) else None
    for name in _parameters(document):
        values[f"{PREFIX}{name}"] = show_value(given.get(name)) if isinstance(given, Mapping) else ""
    return values


def list_parts(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the partial exits of a document."""
    management = document.get("management")
    parts = management.get("partialExits") if isinstance(management, Mapping) else None
    return [part for part in parts[:10] if isinstance(part, Mapping)] if isinstance(parts, list) else []


def describe_tree(form: forms.Form, node: Mapping[str, Any], at: str, depth: int = 1) -> dict[str, Any]:
    """Return what a template needs to draw a condition: its bound fields, and what is inside it."""
    kind = kind_of(node)
    shape: dict[str, Any] = {
        "at": at,
        "kind": kind,
        "choice": form[f"{at}-kind"],
        "depth": depth,
        "can_grow": depth < 6,
    }
    if kind in ("all", "any", "not"):
        children = children_of(node)
        shape["children"] = [
            describe_tree(form, child, f"{at}-{index}", depth + 1) for index, child in enumerate(children)
        ]
        shape["can_drop"] = len(children) > 1
        return shape
    if kind == "compare":
        shape |= {side: _describe_operand(form, f"{at}-{side}") for side in ("left", "right")}
        return {**shape, "op": form[f"{at}-op"]}
    names = [name for name in form.fields if name.startswith(f"{at}-") and name != f"{at}-kind"]
    return {**shape, "numbers": [form[name] for name in names]}


def _describe_operand(form: forms.Form, at: str) -> dict[str, Any]:
    rare = [f"{at}-{name}" for name in ("source", "timeframe", "offset", "times")]
    inside = [name for name in form.fields if name.startswith(f"{at}-")]
    plus = [name for name in inside if name.startswith(f"{at}-plus-")]
    main = [name for name in inside if name not in (*rare, *plus, f"{at}-what")]
    more = [form[name] for name in inside if name in rare or name in plus]
    said = any(field.value() not in ("", "close", None) for field in more)
    return {"what": form[f"{at}-what"], "main": [form[name] for name in main], "more": more, "says_more": said}


def _tree_fields(document: Mapping[str, Any]) -> Iterator[TreeField]:
    for name, tree in list_trees(document).items():
        yield from list_fields(tree, name)


def _tree_field(one: TreeField) -> Field:
    if one.choices:
        # Those without a label beside them say what they are by themselves.
        bare = one.name.endswith(("-kind", "-op", "-what")) and not one.name.endswith("-plus-what")
        widget = forms.Select(attrs={"aria-label": one.label} if bare else {})
        return forms.ChoiceField(choices=one.choices, required=False, label=one.label, widget=widget)
    return forms.CharField(required=False, max_length=40, label=one.label)


def _parameters(document: Mapping[str, Any]) -> Mapping[str, Parameter]:
    entry = document.get("entry")
    if not isinstance(entry, Mapping) or entry.get("type") != "strategy":
        return {}
    spec = find_spec(entry.get("name"))
    return spec.parameters if spec else {}


def _ready_field(name: str, parameter: Parameter) -> Field:
    label = name.replace("_", " ").capitalize()
    default = show_value(parameter.default)
    if parameter.kind in ("choice", "bool"):
        names = parameter.choices if parameter.kind == "choice" else ("true", "false")
        empty = [("", f"default: {default}")]
        choices = [*empty, *((one, one) for one in names)]
        return forms.ChoiceField(choices=choices, required=False, label=label, help_text=parameter.help)
    widget = forms.TextInput(attrs={"placeholder": default[:40], "autocomplete": "off"})
    return forms.CharField(required=False, max_length=60_000, label=label, help_text=parameter.help, widget=widget)


def unit_field(name: str, label: str) -> Field:
    """Return the choice of a distance's unit, drawn inside the field of its number."""
    widget = forms.Select(attrs={"class": "unit-of", "aria-label": label})
    return forms.ChoiceField(choices=list_units(name), required=False, label=label, widget=widget)


def _bare_text(label: str) -> Field:
    return forms.CharField(
        required=False, max_length=12, label=label, widget=forms.TextInput(attrs={"aria-label": label})
    )


def _write(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
