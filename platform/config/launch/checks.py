"""`go.py check`: everything that can be said about the code without running the platform."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence

from config.launch.options import ROOT
from config.launch.steps import Step, run_steps
from config.launch.supervisor import python

# Neither check connects; a server that happens to be named in the environment must not matter.
NO_DATABASE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
TYPED = ("platform/config", "platform/trading", "apps", "executor_agent", "simulator", "go.py", "manage.py")


def main(argv: Sequence[str]) -> int:
    """Run all checks; 0 when all pass."""
    argparse.ArgumentParser(prog="go.py check", description="Format, lint, types, contracts, settings.").parse_args(
        argv
    )
    failed = run_checks()
    print(f"go.py: checks failed: {', '.join(failed)}" if failed else "go.py: all checks passed", flush=True)
    return 1 if failed else 0


def run_checks() -> list[str]:
    """Run all checks and return the names of those that failed."""
    return run_steps(steps()) + no_package_marker()


def no_package_marker() -> list[str]:
    """Return the name of this check if somebody has made a package of the source root `platform/`."""
    shadow = ROOT / "platform" / "__init__.py"
    if not shadow.exists():
        return []
    print(f"go.py: {shadow} hides the standard library's `platform`; delete it", file=sys.stderr)
    return ["platform is a folder"]


def steps() -> list[Step]:
    """Return the tools in the order that fails soonest."""
    manage = python("manage.py")
    return [
        Step("format", python("-m", "ruff", "format", "--check", "--quiet", ".")),
        Step("lint", python("-m", "ruff", "check", "--quiet", ".")),
        Step("import contracts", python("-c", "from importlinter.cli import lint_imports_command as run; run()")),
        Step("migrations", (*manage, "makemigrations", "--check", "--dry-run"), NO_DATABASE),
        Step("deployment settings", (*manage, "check", "--deploy", "--fail-level", "WARNING"), production()),
        Step("types", python("-m", "mypy", *(part for part in TYPED if (ROOT / part).exists()))),
    ]


def production() -> dict[str, str]:
    """Return an environment as a production machine has it; the secrets are made for this one check."""
    return NO_DATABASE | {
        "API_SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_PEPPER": secrets.token_urlsafe(48),
        "HTTPS": "true",
        "BEHIND_PROXY": "true",
        "ALLOWED_HOSTS": "mikrobot.example",
        "CSRF_TRUSTED_ORIGINS": "https://mikrobot.example",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
    }
