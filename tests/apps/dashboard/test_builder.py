"""The builder's own doors: trees, partial exits and ready strategies, with plain requests as a browser without scripts sends them."""

from __future__ import annotations

import re
from html import unescape

from apps.strategies.models import Strategy
from tests.apps.dashboard.test_acting import FIELDS, read


def _inputs(page):
    """What a browser would send of the builder: every input's name and value."""
    found = dict(re.findall(r'<input type="(?:text|hidden)" name="([^"]+)" value="([^"]*)"', page))
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = unescape(chosen[1]) if chosen else ""
    return {name: value for name, value in found.items() if name != "csrfmiddlewaretoken"}


def test_a_tree_of_conditions_is_built_with_buttons_and_saved(world, tom):
    page = read(tom.post("/strategies/preview", {**FIELDS, "entry_type": "tree"}))
    for action in ("add:entry-long", "start:entry-short", "add:management-partialExits"):
        page = read(tom.post("/strategies/preview", {**FIELDS, **_inputs(page), "do": action}))
    sent = {**FIELDS, **_inputs(page), "entry-long-1-left-what": "RSI", "entry-long-1-op": "<"}
    sent |= {"entry-long-1-right-what": "number", "entry-long-1-right-value": "30"}
    page = read(tom.post("/strategies/preview", sent))
    refused = tom.post("/strategies/new", {**FIELDS, **_inputs(page), "entry-long-1-right-value": "130"})
    saved = {**FIELDS, **_inputs(page), "entry-short-0-op": "crosses_below"}

    tom.post("/strategies/new", saved)

    place = re.search(r'id="id_entry-long-1-right-value_error">(.*?)</p>', read(refused), re.DOTALL)
    assert "0 to 100" in place[1]
    rules = Strategy.objects.get(slug="cross-5-20").versions.get().rules
    cross = {"left": "EMA_20", "op": "crosses_above", "right": "EMA_50"}
    assert rules["entry"]["long"] == {"all": [cross, {"left": "RSI_20", "op": "<", "right": 30}]}
    assert rules["entry"]["short"] == {"all": [{**cross, "op": "crosses_below"}]}
    assert rules["management"] == {"partialExits": [{"at": {"unit": "r", "value": 1}, "fraction": 0.5}]}


def test_a_ready_strategy_is_chosen_with_its_parameters(world, tom):
    page = read(tom.post("/strategies/preview", {**FIELDS, "entry_type": "strategy", "ready_name": "RSIStrategy"}))
    assert 'name="entry-parameters-rsi_period"' in page

    tom.post("/strategies/new", {**FIELDS, **_inputs(page), "entry-parameters-rsi_period": "9"})

    entry = Strategy.objects.get().versions.get().rules["entry"]
    assert (entry["name"], entry["parameters"]) == ("RSIStrategy", {"rsi_period": 9})


def test_the_schema_of_rules_is_published(bob):
    answer = bob.get("/api/v1/strategies/rules/schema")

    assert answer.status_code == 200
    assert answer.json()["$defs"]["condition"]
