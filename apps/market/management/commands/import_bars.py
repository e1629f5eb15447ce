"""`manage.py import_bars`: make a dataset of a file on this machine, however large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common.clock import read_at
from apps.common.errors import PlatformError
from apps.market.datasets.asking import MOST_FILE_BYTES, confirm_upload, stage_upload
from apps.market.datasets.importing import run_import
from apps.market.models import DatasetImport
from apps.teams.models import Team
from trading.data.examine import Policy

ACTOR = "command:import_bars"


class Command(BaseCommand):
    """Make a dataset of a file on this machine; it is read here, not by a worker."""

    help = "Make a dataset of a file of bars (CSV or Parquet) on this machine, also one too large to upload."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--team", required=True, help="the team's slug")
        parser.add_argument("--symbol", required=True)
        parser.add_argument("--name", default="")
        parser.add_argument("--zone", default="UTC", help="the file's clock: IANA, SERVER_NY+7 or +02:00")
        parser.add_argument("--policy", default=Policy.REFUSE, choices=[str(one) for one in Policy])
        parser.add_argument("--timeframe", default="")

    def handle(self, **options: Any) -> None:
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"NOT_FOUND: there is no team {options['team']!r}")
        answers = {name: options[name] for name in ("symbol", "name", "zone", "policy", "timeframe")}
        try:
            job = self._stage(team, options["file"])
            confirm_upload(import_id=job.pk, actor=ACTOR, **answers)
        except OSError as error:
            raise CommandError(f"FILE_UNREADABLE: {error}") from None
        except PlatformError as error:
            raise CommandError(f"{error.code}: {error.message}") from None
        run_import(import_id=job.pk, at=read_at())
        self._tell(DatasetImport.objects.select_related("dataset").get(pk=job.pk))

    def _stage(self, team: Team, path: Path) -> DatasetImport:
        with path.open("rb") as file:
            return stage_upload(
                team_id=team.pk,
                actor=ACTOR,
                file=file,
                file_name=path.name,
                size_bytes=path.stat().st_size,
                most_bytes=MOST_FILE_BYTES,
            )

    def _tell(self, job: DatasetImport) -> None:
        for finding in job.findings:
            done = f": {finding['done']}" if finding["done"] else ""
            self.stderr.write(f"{finding['level'].lower()}: {finding['message']}{done}")
        if job.dataset is None:
            problem = job.problem or {"code": job.status, "message": "a worker has it; look at the page"}
            raise CommandError(f"{problem['code']}: {problem['message']}")
        dataset = job.dataset
        self.stdout.write(f"{dataset.handle}: {dataset.bar_count} bars of {dataset.symbol} {dataset.timeframe}")
