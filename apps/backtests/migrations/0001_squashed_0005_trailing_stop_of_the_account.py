"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.fields
import apps.common.ids
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('backtests', '0001_initial'),
        ('backtests', '0002_run_dataset'),
        ('backtests', '0003_studies_have_headlines'),
        ('backtests', '0004_bars_of_other_symbols'),
        ('backtests', '0005_trailing_stop_of_the_account'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('market', '0001_squashed_0006_news_and_correlations'),
        ('strategies', '0001_squashed_0003_versions_are_immutable'),
        ('teams', '0001_squashed_0002_names_in_the_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('status', models.CharField(choices=[('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], default='QUEUED', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('fence', models.BigIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('progress_fraction', apps.common.fields.FractionField(decimal_places=8, default=0, max_digits=12, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('problem', models.JSONField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('name', models.CharField(max_length=120)),
                ('document', models.JSONField()),
                ('symbol', models.CharField(max_length=32)),
                ('timeframe', models.CharField(max_length=4)),
                ('source', models.CharField(choices=[('STORED', 'Stored'), ('DATASET', 'Dataset')], max_length=8)),
                ('bars_timeframe', models.CharField(max_length=4)),
                ('starts_at', models.DateTimeField(null=True)),
                ('ends_at', models.DateTimeField(null=True)),
                ('instrument', models.JSONField()),
                ('instrument_source', models.CharField(max_length=80)),
                ('costs', models.JSONField()),
                ('balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('currency', models.CharField(default='USD', max_length=8)),
                ('pessimistic', models.BooleanField(default=False)),
                ('created_by', models.CharField(blank=True, max_length=120)),
                ('engine_version', models.CharField(blank=True, max_length=16)),
                ('data_hash', models.CharField(blank=True, max_length=64)),
                ('data_file', models.CharField(blank=True, max_length=200)),
                ('result_key', models.CharField(blank=True, max_length=64)),
                ('columns_file', models.CharField(blank=True, max_length=200)),
                ('first_bar_at', models.DateTimeField(null=True)),
                ('last_bar_at', models.DateTimeField(null=True)),
                ('bar_count', models.PositiveIntegerField(null=True)),
                ('took_s', models.FloatField(null=True)),
                ('headline', models.JSONField(default=dict)),
                ('summary', models.JSONField(default=dict)),
                ('findings', models.JSONField(default=list)),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='backtests', to='accounts.account')),
                ('reused_from', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reused_by', to='backtests.run')),
                ('strategy', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='backtests', to='strategies.strategy')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='backtests', to='teams.team')),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='backtests', to='strategies.strategyversion')),
                ('dataset', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='backtests', to='market.dataset')),
                ('trailing_stop_fraction', apps.common.fields.FractionField(decimal_places=8, max_digits=12, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
            ],
            options={
                'indexes': [models.Index(fields=['team', '-created_at'], name='run_by_team'), models.Index(fields=['team', 'result_key'], name='run_by_result'), models.Index(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=['created_at'], name='run_open')],
            },
        ),
        migrations.CreateModel(
            name='Study',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('kind', models.CharField(choices=[('SWEEP', 'Parameter sweep'), ('OPTUNA', 'Parameter search'), ('WALK_FORWARD', 'Walk forward'), ('MONTE_CARLO', 'Monte Carlo'), ('CHALLENGE', 'Challenge'), ('PORTFOLIO', 'Portfolio')], max_length=12)),
                ('settings', models.JSONField()),
                ('status', models.CharField(choices=[('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], default='QUEUED', max_length=10)),
                ('problem', models.JSONField(null=True)),
                ('work_total', models.PositiveIntegerField(default=0)),
                ('work_done', models.PositiveIntegerField(default=0)),
                ('result', models.JSONField(default=dict)),
                ('engine_version', models.CharField(blank=True, max_length=16)),
                ('created_by', models.CharField(blank=True, max_length=120)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='studies', to='backtests.run')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='studies', to='teams.team')),
                ('headline', models.JSONField(default=dict)),
            ],
            options={
                'indexes': [models.Index(fields=['team', '-created_at'], name='study_by_team')],
            },
        ),
        migrations.CreateModel(
            name='Chunk',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('status', models.CharField(choices=[('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], default='QUEUED', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('fence', models.BigIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('progress_fraction', apps.common.fields.FractionField(decimal_places=8, default=0, max_digits=12, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('problem', models.JSONField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('stage', models.CharField(choices=[('WORK', 'Work'), ('GATHER', 'Gather')], max_length=6)),
                ('number', models.PositiveIntegerField()),
                ('is_ready', models.BooleanField(default=True)),
                ('work', models.JSONField(default=dict)),
                ('result', models.JSONField(default=dict)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='backtests.study')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=['created_at'], name='chunk_open')],
                'constraints': [models.UniqueConstraint(fields=('study', 'stage', 'number'), name='chunk_once_per_study')],
            },
        ),
        migrations.CreateModel(
            name='Trial',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('point', models.JSONField()),
                ('values', models.JSONField()),
                ('score', models.FloatField(null=True)),
                ('chunk', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trials', to='backtests.chunk')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trials', to='backtests.study')),
            ],
            options={
                'indexes': [models.Index(models.OrderBy(models.F('score'), descending=True, nulls_last=True), models.F('study'), name='trial_best')],
                'constraints': [models.UniqueConstraint(fields=('study', 'number'), name='trial_once_per_study')],
            },
        ),
        migrations.CreateModel(
            name='BesideBars',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('symbol', models.CharField(max_length=32)),
                ('bars_symbol', models.CharField(max_length=32)),
                ('bars_timeframe', models.CharField(max_length=4)),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('dataset', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='market.dataset')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='beside', to='backtests.run')),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('run', 'symbol'), name='beside_once_per_run')],
            },
        ),
    ]
