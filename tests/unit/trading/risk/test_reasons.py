"""Every code that the judge can give is in the table, and every code in the table can be given."""

import ast
from pathlib import Path

import trading.risk
from trading.risk.reasons import Reason

FOLDER = Path(trading.risk.__file__).parent
LATCHES = {f"HALTED_{name}" for name in ("PLATFORM", "TEAM", "ACCOUNT", "BREACH", "DAY")}
OUTSIDE = {"APPROVED", "BUSY", "LIMITS_BROKEN", "JUDGE_ERROR"}


def raised_codes():
    """Read the first argument of every Denied(…) and SizingRefused(…), and the codes of the caps."""
    codes = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Denied", "SizingRefused") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    codes.add(first.value)
            if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Dict):
                names = [ast.unparse(one) for one in (getattr(node, "targets", None) or [node.target])]
                if names == ["_TOO_SMALL"]:
                    codes |= {key.value for key in node.value.keys}
    return codes


def test_the_table_of_reasons_is_exactly_what_the_judge_can_say():
    assert raised_codes() | LATCHES | OUTSIDE == set(Reason)
