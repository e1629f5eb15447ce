"""What a broker says of its symbols, the latest quotes, closed bars, and datasets: bars of the past, kept as one file each."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from apps.accounts.models import Account
from apps.common.fields import FractionField, NumericField
from apps.common.models import Identified
from apps.teams.models import Team


class SymbolSpecification(Identified):
    """A symbol as one account's broker describes it. A changed content hash is a change of the contract."""

    PREFIX = "sym"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="symbols")
    symbol = models.CharField(max_length=32)
    document = models.JSONField()  # `trading.protocol` SymbolSpec, numbers as text
    content_hash = models.CharField(max_length=64)
    read_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    # What approvals were made under: the first one told, later what a person has seen. Tick values follow it from day to day.
    accepted = models.JSONField(default=dict)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.CharField(max_length=120, blank=True)
    # Changes nobody has seen yet, name -> [accepted, told]: while there are any, nothing is approved in this symbol.
    drift = models.JSONField(default=dict, blank=True)
    drifted_at = models.DateTimeField(null=True)
    # {other symbol: {"value": "0.8312", "returns": 100, "until": hour's number}}: of hourly returns, worked out as bars arrive
    correlations = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol"], name="symbol_once_per_account")]


class CertificateResult(models.TextChoices):
    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"


class SymbolCertificate(Identified):
    """What was found when a symbol was last looked at before trading it on an account."""

    PREFIX = "cer"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="certificates")
    symbol = models.CharField(max_length=32)
    result = models.CharField(max_length=4, choices=CertificateResult)
    checks = models.JSONField(default=list)  # name, result, message, code
    probe = models.JSONField(default=dict)  # `trading.protocol` SymbolProbe; empty where the agent has not tried it yet
    probed_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol"], name="certificate_once_per_symbol")]


class Quote(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="quotes")
    symbol = models.CharField(max_length=32)
    bid = NumericField()
    ask = NumericField()
    market_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol"], name="quote_once_per_symbol")]


class Bar(models.Model):
    """A closed bar, as an agent saw it."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="bars")
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    opens_at = models.DateTimeField()
    open = NumericField()
    high = NumericField()
    low = NumericField()
    close = NumericField()
    volume = models.BigIntegerField(default=0)
    spread_points = models.IntegerField(default=0)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol", "timeframe", "opens_at"], name="bar_once")]


class DatasetSource(models.TextChoices):
    UPLOAD = "UPLOAD"
    TERMINAL = "TERMINAL"
    EXCHANGE = "EXCHANGE"


class ImportStatus(models.TextChoices):
    DRAFT = "DRAFT"  # uploaded, waits for a person to say how it is to be read
    QUEUED = "QUEUED"
    READING = "READING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Dataset(Identified):
    """
    Closed bars of one symbol and timeframe, frozen: a database trigger refuses every change but the name's.

    The bars are a Parquet file named by their hash; the same content is the same dataset.
    """

    PREFIX = "dst"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="datasets")
    handle = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    source = models.CharField(max_length=10, choices=DatasetSource)
    origin = models.JSONField(default=dict)  # file name, zone, policy, layout; account; exchange
    first_at = models.DateTimeField()  # when the first bar opened
    last_at = models.DateTimeField()  # when the last bar opened
    bar_count = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    file = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField()
    findings = models.JSONField(default=list)
    coverage = models.JSONField(default=list)  # [week's start, bars, bars expected]
    created_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "handle"], name="dataset_handle_once_per_team"),
            models.UniqueConstraint(fields=["team", "content_hash"], name="dataset_content_once_per_team"),
        ]

    def __str__(self) -> str:
        return self.handle


class DatasetImport(Identified):
    """One making of a dataset: what was asked, how far it is, what came of it."""

    PREFIX = "dsi"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="dataset_imports")
    name = models.CharField(max_length=120, blank=True)
    symbol = models.CharField(max_length=32, blank=True)
    source = models.CharField(max_length=10, choices=DatasetSource)
    request = models.JSONField(default=dict)
    upload = models.CharField(max_length=200, blank=True)
    upload_bytes = models.BigIntegerField(default=0)
    status = models.CharField(max_length=10, choices=ImportStatus, default=ImportStatus.QUEUED)
    progress_fraction = FractionField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)  # when its worker last said that it lives
    is_cancelled = models.BooleanField(default=False)  # asked for; the worker ends at its next block
    findings = models.JSONField(default=list)
    problem = models.JSONField(null=True)  # code, message, field, extra
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.SET_NULL, related_name="imports")
    created_by = models.CharField(max_length=120, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at"], name="dataset_import_by_team")]

    @property
    def title(self) -> str:
        """What people call it: its name, else the file's, else its id."""
        return self.name or str(self.request.get("file_name") or self.public_id)


class Impact(models.TextChoices):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class NewsRelease(models.Model):
    """A scheduled release of economic figures, as an imported calendar says. The platform's: no team has its own."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    currency = models.CharField(max_length=8)
    impact = models.CharField(max_length=6, choices=Impact)
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=120, blank=True)
    imported_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["at", "currency", "title"], name="news_release_once")]
        indexes = [models.Index(fields=["at"], name="news_by_time")]

    def __str__(self) -> str:
        return f"{self.currency} {self.title}"
