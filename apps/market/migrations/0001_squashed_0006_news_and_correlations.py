"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.fields
import apps.common.ids
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION market_dataset_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.team_id, NEW.symbol, NEW.timeframe, NEW.source, NEW.content_hash, NEW.file, NEW.bar_count, NEW.first_at, NEW.last_at)
       IS DISTINCT FROM
       (OLD.team_id, OLD.symbol, OLD.timeframe, OLD.source, OLD.content_hash, OLD.file, OLD.bar_count, OLD.first_at, OLD.last_at)
       OR NEW.findings IS DISTINCT FROM OLD.findings OR NEW.origin IS DISTINCT FROM OLD.origin
    THEN
        RAISE EXCEPTION 'the bars of a dataset are never changed: import a new one' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dataset_is_frozen BEFORE UPDATE ON market_dataset
    FOR EACH ROW EXECUTE FUNCTION market_dataset_is_frozen();
"""
ALLOW = """
DROP TRIGGER dataset_is_frozen ON market_dataset;
DROP FUNCTION market_dataset_is_frozen();
"""


class Migration(migrations.Migration):

    replaces = [
        ('market', '0001_initial'),
        ('market', '0002_bars_know_when_they_came'),
        ('market', '0003_datasets'),
        ('market', '0004_datasets_are_immutable'),
        ('market', '0005_certificates_and_drift'),
        ('market', '0006_news_and_correlations'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('teams', '0001_squashed_0002_names_in_the_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='Bar',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('symbol', models.CharField(max_length=32)),
                ('timeframe', models.CharField(max_length=4)),
                ('opens_at', models.DateTimeField()),
                ('open', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('high', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('low', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('close', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('volume', models.BigIntegerField(default=0)),
                ('spread_points', models.IntegerField(default=0)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bars', to='accounts.account')),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'symbol', 'timeframe', 'opens_at'), name='bar_once')],
            },
        ),
        migrations.CreateModel(
            name='Quote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=32)),
                ('bid', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('ask', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('market_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quotes', to='accounts.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'symbol'), name='quote_once_per_symbol')],
            },
        ),
        migrations.CreateModel(
            name='SymbolSpecification',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('symbol', models.CharField(max_length=32)),
                ('document', models.JSONField()),
                ('content_hash', models.CharField(max_length=64)),
                ('read_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='symbols', to='accounts.account')),
                ('accepted', models.JSONField(default=dict)),
                ('accepted_at', models.DateTimeField(null=True)),
                ('accepted_by', models.CharField(blank=True, max_length=120)),
                ('drift', models.JSONField(blank=True, default=dict)),
                ('drifted_at', models.DateTimeField(null=True)),
                ('correlations', models.JSONField(default=dict)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'symbol'), name='symbol_once_per_account')],
            },
        ),
        migrations.CreateModel(
            name='Dataset',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('handle', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=120)),
                ('symbol', models.CharField(max_length=32)),
                ('timeframe', models.CharField(max_length=4)),
                ('source', models.CharField(choices=[('UPLOAD', 'Upload'), ('TERMINAL', 'Terminal'), ('EXCHANGE', 'Exchange')], max_length=10)),
                ('origin', models.JSONField(default=dict)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('bar_count', models.PositiveIntegerField()),
                ('content_hash', models.CharField(max_length=64)),
                ('file', models.CharField(max_length=200)),
                ('size_bytes', models.BigIntegerField()),
                ('findings', models.JSONField(default=list)),
                ('coverage', models.JSONField(default=list)),
                ('created_by', models.CharField(blank=True, max_length=120)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='datasets', to='teams.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'handle'), name='dataset_handle_once_per_team'), models.UniqueConstraint(fields=('team', 'content_hash'), name='dataset_content_once_per_team')],
            },
        ),
        migrations.CreateModel(
            name='DatasetImport',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('symbol', models.CharField(blank=True, max_length=32)),
                ('source', models.CharField(choices=[('UPLOAD', 'Upload'), ('TERMINAL', 'Terminal'), ('EXCHANGE', 'Exchange')], max_length=10)),
                ('request', models.JSONField(default=dict)),
                ('upload', models.CharField(blank=True, max_length=200)),
                ('upload_bytes', models.BigIntegerField(default=0)),
                ('status', models.CharField(choices=[('DRAFT', 'Draft'), ('QUEUED', 'Queued'), ('READING', 'Reading'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], default='QUEUED', max_length=10)),
                ('progress_fraction', apps.common.fields.FractionField(decimal_places=8, default=0, max_digits=12, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('seen_at', models.DateTimeField(null=True)),
                ('is_cancelled', models.BooleanField(default=False)),
                ('findings', models.JSONField(default=list)),
                ('problem', models.JSONField(null=True)),
                ('created_by', models.CharField(blank=True, max_length=120)),
                ('finished_at', models.DateTimeField(null=True)),
                ('dataset', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='imports', to='market.dataset')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dataset_imports', to='teams.team')),
            ],
            options={
                'indexes': [models.Index(fields=['team', '-created_at'], name='dataset_import_by_team')],
            },
        ),
        migrations.CreateModel(
            name='SymbolCertificate',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('symbol', models.CharField(max_length=32)),
                ('result', models.CharField(choices=[('PASS', 'Pass'), ('WARN', 'Warn'), ('FAIL', 'Fail')], max_length=4)),
                ('checks', models.JSONField(default=list)),
                ('probe', models.JSONField(default=dict)),
                ('probed_at', models.DateTimeField(null=True)),
                ('made_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='certificates', to='accounts.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'symbol'), name='certificate_once_per_symbol')],
            },
        ),
        migrations.CreateModel(
            name='NewsRelease',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('currency', models.CharField(max_length=8)),
                ('impact', models.CharField(choices=[('LOW', 'Low'), ('MEDIUM', 'Medium'), ('HIGH', 'High')], max_length=6)),
                ('title', models.CharField(max_length=200)),
                ('source', models.CharField(blank=True, max_length=120)),
                ('imported_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='news_by_time')],
                'constraints': [models.UniqueConstraint(fields=('at', 'currency', 'title'), name='news_release_once')],
            },
        ),
        migrations.RunSQL(
            sql=REFUSE,
            reverse_sql=ALLOW,
        ),
    ]
