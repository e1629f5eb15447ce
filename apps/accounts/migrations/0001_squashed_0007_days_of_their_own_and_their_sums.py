"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.fields
import apps.common.ids
import datetime
import django.db.models.deletion
import django.db.models.fields.json
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION accounts_rule_pack_version_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a rule pack version is never changed: write a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER rule_pack_version_is_frozen BEFORE UPDATE OR DELETE ON accounts_rulepackversion
    FOR EACH ROW EXECUTE FUNCTION accounts_rule_pack_version_is_frozen();
"""
ALLOW = """
DROP TRIGGER rule_pack_version_is_frozen ON accounts_rulepackversion;
DROP FUNCTION accounts_rule_pack_version_is_frozen();
"""


class Migration(migrations.Migration):

    replaces = [
        ('accounts', '0001_initial'),
        ('accounts', '0002_initial'),
        ('accounts', '0003_rule_packs'),
        ('accounts', '0004_pack_versions_are_immutable'),
        ('accounts', '0005_levels_and_unapproved_positions'),
        ('accounts', '0006_connection_loss_time_and_request_budget'),
        ('accounts', '0007_days_of_their_own_and_their_sums'),
    ]

    initial = True

    dependencies = [
        ('teams', '0001_squashed_0002_names_in_the_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('code', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=120)),
                ('mode', models.CharField(choices=[('PROP_FIRM', 'Prop Firm'), ('PERSONAL', 'Personal'), ('PAPER', 'Paper')], max_length=10)),
                ('server', models.CharField(max_length=120)),
                ('login', models.BigIntegerField()),
                ('currency', models.CharField(default='USD', max_length=8)),
                ('leverage', models.PositiveIntegerField(default=100)),
                ('margin_mode', models.CharField(choices=[('HEDGING', 'Hedging'), ('NETTING', 'Netting')], default='HEDGING', max_length=10)),
                ('initial_balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('connection_loss', models.CharField(choices=[('HOLD', 'Hold'), ('FLATTEN', 'Flatten')], default='HOLD', max_length=10)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='accounts', to='teams.team')),
                ('unapproved', models.CharField(choices=[('ALERT', 'Alert'), ('CLOSE', 'Close')], default='ALERT', max_length=10)),
                ('connection_loss_after_s', models.PositiveIntegerField(default=30)),
                ('request_budget', models.PositiveIntegerField(default=2000)),
                ('reset_time', models.TimeField(default=datetime.time(0, 0))),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'server', 'login'), name='account_once_per_team'), models.UniqueConstraint(fields=('team', 'code'), name='account_code_once_per_team'), models.CheckConstraint(condition=models.Q(('initial_balance__gt', 0), models.Q(('initial_balance__isnull', True), models.Q(('initial_balance__gt', Decimal('-1E+15')), ('initial_balance__lt', Decimal('1E+15'))), _connector='OR')), name='account_initial_balance_positive'), models.CheckConstraint(condition=models.Q(('login__gt', 0)), name='account_login_positive')],
            },
        ),
        migrations.CreateModel(
            name='EquityPoint',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('market_at', models.DateTimeField()),
                ('balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('equity', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='equity_points', to='accounts.account')),
            ],
            options={
                'indexes': [models.Index(fields=['account', '-at'], name='equity_by_account')],
            },
        ),
        migrations.CreateModel(
            name='TradingDay',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('day', models.DateField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('balance_base', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('equity_base', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('provisional', models.BooleanField(default=False)),
                ('end_balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('end_equity', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='trading_days', to='accounts.account')),
                ('entries', models.PositiveIntegerField(default=0)),
                ('losses', models.PositiveIntegerField(default=0)),
                ('max_drawdown', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('summed_at', models.DateTimeField(null=True)),
                ('total_pnl', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('trades_count', models.PositiveIntegerField(default=0)),
                ('wins', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'day'), name='trading_day_once'), models.UniqueConstraint(fields=('account', 'starts_at'), name='trading_day_start_once'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='trading_day_has_length')],
            },
        ),
        migrations.CreateModel(
            name='TradingDayCorrection',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('balance_base', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('equity_base', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('source', models.CharField(max_length=200)),
                ('trading_day', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='accounts.tradingday')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='AccountRisk',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='risk', serialize=False, to='accounts.account')),
                ('account_latch', models.CharField(blank=True, max_length=200)),
                ('team_latch', models.CharField(blank=True, max_length=200)),
                ('platform_latch', models.CharField(blank=True, max_length=200)),
                ('breach_latch', models.CharField(blank=True, max_length=200)),
                ('day_latch', models.CharField(blank=True, max_length=200)),
                ('halt_epoch', models.BigIntegerField(default=0)),
                ('lease_executor_id', models.UUIDField(null=True)),
                ('lease_instance', models.CharField(blank=True, max_length=64)),
                ('lease_until', models.DateTimeField(null=True)),
                ('fence', models.BigIntegerField(default=0)),
                ('day', models.DateField(null=True)),
                ('day_starts_at', models.DateTimeField(null=True)),
                ('day_ends_at', models.DateTimeField(null=True)),
                ('day_balance_base', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('day_equity_base', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('day_provisional', models.BooleanField(default=False)),
                ('peak_balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('peak_equity', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('reserved', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('risked_today', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('approved_today', models.PositiveIntegerField(default=0)),
                ('market_at', models.DateTimeField(null=True)),
                ('chain_number', models.BigIntegerField(default=0)),
                ('chain_head', models.CharField(blank=True, max_length=64)),
                ('level', models.CharField(choices=[('SAFE', 'Safe'), ('CAUTION', 'Caution'), ('WARNING', 'Warning'), ('CRITICAL', 'Critical'), ('HALTED', 'Halted')], default='SAFE', max_length=8)),
                ('level_at', models.DateTimeField(null=True)),
                ('level_calm_since', models.DateTimeField(null=True)),
                ('best_day', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('days_traded', models.PositiveIntegerField(default=0)),
                ('phase_day', models.DateField(null=True)),
                ('total_profit', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('reserved__gte', 0), models.Q(('reserved__isnull', True), models.Q(('reserved__gt', Decimal('-1E+15')), ('reserved__lt', Decimal('1E+15'))), _connector='OR')), name='reserved_not_negative'), models.CheckConstraint(condition=models.Q(models.Q(('day_balance_base__isnull', True), models.Q(('day_balance_base__gt', Decimal('-1E+15')), ('day_balance_base__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('day_equity_base__isnull', True), models.Q(('day_equity_base__gt', Decimal('-1E+15')), ('day_equity_base__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('peak_balance__isnull', True), models.Q(('peak_balance__gt', Decimal('-1E+15')), ('peak_balance__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('peak_equity__isnull', True), models.Q(('peak_equity__gt', Decimal('-1E+15')), ('peak_equity__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('risked_today__isnull', True), models.Q(('risked_today__gt', Decimal('-1E+15')), ('risked_today__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('total_profit__isnull', True), models.Q(('total_profit__gt', Decimal('-1E+15')), ('total_profit__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('best_day__isnull', True), models.Q(('best_day__gt', Decimal('-1E+15')), ('best_day__lt', Decimal('1E+15'))), _connector='OR')), name='risk_row_numbers_sane')],
            },
        ),
        migrations.CreateModel(
            name='AccountSnapshot',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='snapshot', serialize=False, to='accounts.account')),
                ('executor_id', models.UUIDField(null=True)),
                ('instance_id', models.CharField(blank=True, max_length=64)),
                ('fence', models.BigIntegerField(default=0)),
                ('seq', models.BigIntegerField(default=0)),
                ('complete', models.BooleanField(default=False)),
                ('taken_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('market_at', models.DateTimeField()),
                ('market_speed', models.FloatField(default=1.0)),
                ('server_offset_s', models.IntegerField(default=0)),
                ('balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('equity', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('margin', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('free_margin', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('credit', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('trade_allowed', models.BooleanField(default=True)),
                ('positions', models.JSONField(default=list)),
                ('orders', models.JSONField(default=list)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('balance__isnull', True), models.Q(('balance__gt', Decimal('-1E+15')), ('balance__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('equity__isnull', True), models.Q(('equity__gt', Decimal('-1E+15')), ('equity__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('margin__isnull', True), models.Q(('margin__gt', Decimal('-1E+15')), ('margin__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('free_margin__isnull', True), models.Q(('free_margin__gt', Decimal('-1E+15')), ('free_margin__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('credit__isnull', True), models.Q(('credit__gt', Decimal('-1E+15')), ('credit__lt', Decimal('1E+15'))), _connector='OR')), name='snapshot_numbers_sane')],
            },
        ),
        migrations.CreateModel(
            name='RulePack',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('code', models.CharField(max_length=64)),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rule_packs', to='teams.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'code'), name='rule_pack_code_once_per_team'), models.UniqueConstraint(condition=models.Q(('team', None)), fields=('code',), name='rule_pack_code_once')],
            },
        ),
        migrations.CreateModel(
            name='RulePackVersion',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('number', models.PositiveIntegerField()),
                ('document', models.JSONField()),
                ('document_hash', models.CharField(max_length=64)),
                ('content_hash', models.CharField(max_length=64)),
                ('firm', models.CharField(max_length=120)),
                ('program', models.CharField(max_length=200)),
                ('source_url', models.CharField(blank=True, max_length=500)),
                ('checked_on', models.DateField()),
                ('valid_from', models.DateField()),
                ('written_by', models.CharField(max_length=120)),
                ('pack', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='accounts.rulepack')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('pack', 'number'), name='rule_pack_version_number_once')],
            },
        ),
        migrations.CreateModel(
            name='LimitSet',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('number', models.PositiveIntegerField()),
                ('document', models.JSONField()),
                ('content_hash', models.CharField(max_length=64)),
                ('set_by', models.CharField(max_length=120)),
                ('in_force', models.BooleanField(default=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='limit_sets', to='accounts.account')),
                ('own_document', models.JSONField(blank=True, null=True)),
                ('pack_phase', models.CharField(blank=True, max_length=120)),
                ('pack_version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='limit_sets', to='accounts.rulepackversion')),
                ('forbids_opposite', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce(django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('forbid_opposite_positions', 'document'), models.BooleanField()), models.Value(value=False)), output_field=models.BooleanField())),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('forbids_opposite', True), ('in_force', True)), fields=['account'], name='limit_set_forbids_opposite')],
                'constraints': [models.UniqueConstraint(fields=('account', 'number'), name='limit_set_number_once'), models.UniqueConstraint(condition=models.Q(('in_force', True)), fields=('account',), name='one_limit_set_in_force'), models.CheckConstraint(condition=models.Q(models.Q(('own_document__isnull', True), ('pack_phase', ''), ('pack_version__isnull', True)), models.Q(('own_document__isnull', False), ('pack_version__isnull', False), models.Q(('pack_phase', ''), _negated=True)), _connector='OR'), name='limit_set_pack_is_whole')],
            },
        ),
        migrations.AddField(
            model_name='RulePack',
            name='cloned_from',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='clones', to='accounts.rulepackversion'),
        ),
        migrations.RunSQL(
            sql=REFUSE,
            reverse_sql=ALLOW,
        ),
    ]
