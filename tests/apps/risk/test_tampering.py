"""Ten thousand ways to change a log, by somebody who knows how it is made; each one is found."""

import random

import pytest

from apps.risk.models import Decision
from apps.risk.services.decision_log import hash_line, write_canonical
from apps.risk.services.signing import Anchor
from apps.risk.services.verification import ChainCheck

LINES, KINDS = 12, ("edit", "delete", "insert", "reorder", "truncate", "hash", "link", "number")


def make_log(bodies):
    lines, previous = [], ""
    for number, body in enumerate(bodies, start=1):
        lines.append(Decision(number=number, body=body, previous_hash=previous, hash=hash_line(previous, body)))
        previous = lines[-1].hash
    return lines


def find_faults(lines, head, anchors):
    check = ChainCheck(anchors=anchors)
    return [*check.follow(lines, head), *check.end(head, head)]


def tamper(kind, bodies, chance):
    """Return other bodies; always really different ones."""
    first, second = sorted(chance.sample(range(len(bodies)), 2))
    changed = list(bodies)
    if kind == "edit":
        place = chance.randrange(len(changed[first]))
        letter = chance.choice([one for one in "0123456789" if one != changed[first][place]])
        changed[first] = changed[first][:place] + letter + changed[first][place + 1 :]
    elif kind == "delete":
        del changed[first]
    elif kind == "insert":
        changed.insert(first, write_canonical({"n": chance.random()}))
    elif kind == "reorder":
        changed[first], changed[second] = changed[second], changed[first]
    else:
        changed = changed[:first]
    return changed


def spoil_columns(kind, lines, chance):
    line = chance.choice(lines)
    if kind == "hash":
        line.hash = hash_line("", line.body + "x")
    elif kind == "link":
        line.previous_hash = hash_line("", line.body)
    else:
        line.number += chance.choice([-1, 1, LINES])


@pytest.mark.parametrize("rewrites_all", [False, True], ids=["a line changed", "the log written anew"])
def test_ten_thousand_random_changes_are_all_found(rewrites_all):
    chance = random.Random(f"seed {rewrites_all}")
    bodies = [write_canonical({"n": number, "approved": number % 2 == 0}) for number in range(LINES)]
    original = make_log(bodies)
    head = (LINES, original[-1].hash)
    missed = []
    for attempt in range(5000):
        kind = chance.choice(KINDS[:5] if rewrites_all else KINDS)
        if kind in KINDS[:5]:
            lines = make_log(changed := tamper(kind, bodies, chance))
            anchors = []
            now = head
            if rewrites_all:  # head too: only what was signed tells
                now = (len(changed), lines[-1].hash if lines else "")
                anchors = [Anchor("acc", LINES, original[-1].hash, "then")]
            elif kind != "truncate":  # hashes left as they were
                keep = {line.number: line for line in original}
                lines = [
                    Decision(number=line.number, body=line.body, previous_hash=keep[line.number].previous_hash,
                             hash=keep[line.number].hash)
                    for line in lines if line.number in keep
                ]  # fmt: skip
        else:
            lines, now, anchors = make_log(bodies), head, []
            spoil_columns(kind, lines, chance)
        if not find_faults(lines, now, anchors):
            missed.append((attempt, kind))
    assert missed == []


def test_the_untouched_log_has_no_fault():
    lines = make_log([write_canonical({"n": number}) for number in range(LINES)])
    anchors = [Anchor("acc", line.number, line.hash, "then") for line in lines[::3]]
    assert find_faults(lines, (LINES, lines[-1].hash), anchors) == []


def test_lines_added_while_the_log_is_read_are_no_fault_and_lines_beyond_the_account_are():
    lines = make_log([write_canonical({"n": number}) for number in range(LINES)])
    before, after = (LINES - 2, lines[-3].hash), (LINES, lines[-1].hash)
    check = ChainCheck(anchors=[])
    assert [*check.follow(lines, before), *check.end(before, after)] == []

    check = ChainCheck(anchors=[])
    assert [one.code for one in (*check.follow(lines, before), *check.end(before, before))] == ["LENGTH_DIFFERS"]
