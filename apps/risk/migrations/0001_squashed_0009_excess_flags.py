"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.fields
import apps.common.ids
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models

REFUSE_1 = """
CREATE FUNCTION refuse_changed_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'risk_decision is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON risk_decision
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_decision();
"""
ALLOW_1 = """
DROP TRIGGER decision_append_only ON risk_decision; DROP FUNCTION refuse_changed_decision();
"""
REFUSE_2 = """
CREATE FUNCTION refuse_changed_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION refuse_changed_anchor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.account_id, NEW.number, NEW.head, NEW.at, NEW.body, NEW.signature, NEW.key_id)
       IS DISTINCT FROM (OLD.id, OLD.account_id, OLD.number, OLD.head, OLD.at, OLD.body, OLD.signature, OLD.key_id)
    THEN
        RAISE EXCEPTION 'risk_loganchor is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decision_never_truncated BEFORE TRUNCATE ON risk_decision EXECUTE FUNCTION refuse_changed_evidence();
CREATE TRIGGER document_append_only BEFORE UPDATE OR DELETE ON risk_logdocument
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_evidence();
CREATE TRIGGER document_never_truncated BEFORE TRUNCATE ON risk_logdocument EXECUTE FUNCTION refuse_changed_evidence();
CREATE TRIGGER anchor_append_only BEFORE UPDATE ON risk_loganchor
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_anchor();
CREATE TRIGGER anchor_never_deleted BEFORE DELETE ON risk_loganchor
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_evidence();
CREATE TRIGGER anchor_never_truncated BEFORE TRUNCATE ON risk_loganchor EXECUTE FUNCTION refuse_changed_evidence();
-- ALWAYS: a session that calls itself a replica does not get past them.
ALTER TABLE risk_decision ENABLE ALWAYS TRIGGER decision_append_only;
ALTER TABLE risk_decision ENABLE ALWAYS TRIGGER decision_never_truncated;
ALTER TABLE risk_logdocument ENABLE ALWAYS TRIGGER document_append_only;
ALTER TABLE risk_logdocument ENABLE ALWAYS TRIGGER document_never_truncated;
ALTER TABLE risk_loganchor ENABLE ALWAYS TRIGGER anchor_append_only;
ALTER TABLE risk_loganchor ENABLE ALWAYS TRIGGER anchor_never_deleted;
ALTER TABLE risk_loganchor ENABLE ALWAYS TRIGGER anchor_never_truncated;
"""
ALLOW_2 = """
DROP TRIGGER decision_never_truncated ON risk_decision;
ALTER TABLE risk_decision ENABLE TRIGGER decision_append_only;
DROP TRIGGER document_append_only ON risk_logdocument;
DROP TRIGGER document_never_truncated ON risk_logdocument;
DROP TRIGGER anchor_append_only ON risk_loganchor;
DROP TRIGGER anchor_never_deleted ON risk_loganchor;
DROP TRIGGER anchor_never_truncated ON risk_loganchor;
DROP FUNCTION refuse_changed_anchor();
DROP FUNCTION refuse_changed_evidence();
"""


class Migration(migrations.Migration):

    replaces = [
        ('risk', '0001_initial'),
        ('risk', '0002_reservation_and_events'),
        ('risk', '0003_decisions_are_append_only'),
        ('risk', '0004_position_flags_and_bot_breakers'),
        ('risk', '0005_evidence'),
        ('risk', '0006_shadow_verdicts'),
        ('risk', '0007_long_what_ifs'),
        ('risk', '0008_log_archives'),
        ('risk', '0009_excess_flags'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('bots', '0001_squashed_0004_stage_and_status_of_bots'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('assignment_id', models.UUIDField(null=True)),
                ('client_key', models.CharField(max_length=120, null=True)),
                ('body_hash', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('market_at', models.DateTimeField()),
                ('day', models.DateField(null=True)),
                ('symbol', models.CharField(max_length=32)),
                ('side', models.CharField(max_length=4)),
                ('entry_price', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('stop_loss', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('take_profit', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('requested_lots', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('approved', models.BooleanField()),
                ('reason_code', models.CharField(max_length=40)),
                ('adjusted_lots', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('risk_amount', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('valid_until', models.DateTimeField(null=True)),
                ('tag', models.CharField(max_length=27, unique=True)),
                ('response', models.TextField()),
                ('reservation', models.CharField(choices=[('NONE', 'None'), ('HELD', 'Held'), ('POSTED', 'Posted'), ('VOID', 'Void'), ('UNRESOLVED', 'Unresolved')], default='NONE', max_length=10)),
                ('reserved', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('resolved_by', models.CharField(blank=True, max_length=60)),
                ('position_id', models.BigIntegerField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='accounts.account')),
                ('bot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='bots.bot')),
                ('actual_risk', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('shadow_code', models.CharField(blank=True, max_length=40)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('reservation__in', ['HELD', 'UNRESOLVED'])), fields=['account'], name='approval_unresolved'), models.Index(fields=['account', '-at'], name='approval_by_account')],
                'constraints': [models.UniqueConstraint(fields=('bot', 'client_key'), name='client_key_once_per_bot'), models.CheckConstraint(condition=models.Q(('reserved__gte', 0), models.Q(('reserved__isnull', True), models.Q(('reserved__gt', Decimal('-1E+15')), ('reserved__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('risk_amount__isnull', True), models.Q(('risk_amount__gt', Decimal('-1E+15')), ('risk_amount__lt', Decimal('1E+15'))), _connector='OR')), name='reservation_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('body', models.TextField()),
                ('previous_hash', models.CharField(blank=True, max_length=64)),
                ('hash', models.CharField(max_length=64)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='accounts.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'number'), name='decision_number_once')],
            },
        ),
        migrations.CreateModel(
            name='RiskEvent',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('event_type', models.CharField(max_length=50)),
                ('severity', models.CharField(choices=[('INFO', 'Info'), ('WARNING', 'Warning'), ('CRITICAL', 'Critical')], max_length=10)),
                ('message', models.TextField()),
                ('metrics', models.JSONField(default=dict)),
                ('at', models.DateTimeField()),
                ('market_at', models.DateTimeField(null=True)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('acknowledged_by', models.CharField(blank=True, max_length=120)),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='risk_events', to='accounts.account')),
                ('bot', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='bots.bot')),
                ('once_key', models.CharField(max_length=80, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['account', '-at'], name='risk_event_by_account')],
                'constraints': [models.UniqueConstraint(fields=('account', 'once_key'), name='risk_event_told_once')],
            },
        ),
        migrations.CreateModel(
            name='BotBreaker',
            fields=[
                ('bot', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='breaker', serialize=False, to='bots.bot')),
                ('reason_code', models.CharField(max_length=30)),
                ('reason', models.CharField(max_length=200)),
                ('day', models.DateField(null=True)),
                ('tripped_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_by', models.CharField(blank=True, max_length=120)),
            ],
        ),
        migrations.CreateModel(
            name='PositionFlag',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('position_id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('SLIPPAGE', 'Slippage'), ('UNAPPROVED', 'Unapproved'), ('EXCESS', 'Excess')], max_length=10)),
                ('symbol', models.CharField(max_length=32)),
                ('side', models.CharField(max_length=4)),
                ('volume_lots', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('planned_risk', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('actual_risk', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('action', models.CharField(choices=[('NONE', 'None'), ('CLOSE', 'Close')], default='NONE', max_length=5)),
                ('day', models.DateField(null=True)),
                ('first_seen_at', models.DateTimeField()),
                ('told_at', models.DateTimeField(null=True)),
                ('cleared_at', models.DateTimeField(null=True)),
                ('cleared_by', models.CharField(blank=True, max_length=12)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='position_flags', to='accounts.account')),
                ('approval', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='position_flags', to='risk.approval')),
                ('bot', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='position_flags', to='bots.bot')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('cleared_at__isnull', True)), fields=['account'], name='flag_standing'), models.Index(fields=['bot', 'kind', 'day'], name='flag_by_bot_and_day')],
                'constraints': [models.UniqueConstraint(fields=('account', 'position_id', 'kind'), name='position_flagged_once')],
            },
        ),
        migrations.CreateModel(
            name='LogDocument',
            fields=[
                ('hash', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=10)),
                ('body', models.TextField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('key_id', models.CharField(max_length=16, primary_key=True, serialize=False)),
                ('public_key', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='LogAnchor',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('head', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('body', models.TextField()),
                ('signature', models.CharField(max_length=128)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='log_anchors', to='accounts.account')),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='anchors', to='risk.signingkey')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('delivered_at__isnull', True)), fields=['id'], name='anchor_undelivered')],
                'constraints': [models.UniqueConstraint(fields=('account', 'number'), name='anchor_once_per_line')],
            },
        ),
        migrations.CreateModel(
            name='WhatIfRun',
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
                ('first', models.DateField()),
                ('last', models.DateField()),
                ('limits', models.JSONField()),
                ('name', models.CharField(max_length=200)),
                ('asked_by', models.CharField(max_length=120)),
                ('result', models.JSONField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='what_ifs', to='accounts.account')),
            ],
            options={
                'indexes': [models.Index(fields=['account', '-created_at'], name='what_if_by_account'), models.Index(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=['created_at'], name='what_if_open')],
            },
        ),
        migrations.CreateModel(
            name='LogArchive',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('month', models.DateField()),
                ('part', models.PositiveIntegerField()),
                ('first', models.BigIntegerField()),
                ('last', models.BigIntegerField()),
                ('head', models.CharField(max_length=64)),
                ('file', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='log_archives', to='accounts.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'month', 'part'), name='archive_part_once'), models.UniqueConstraint(fields=('account', 'first'), name='archive_begins_once')],
            },
        ),
        migrations.RunSQL(
            sql=REFUSE_1,
            reverse_sql=ALLOW_1,
        ),
        migrations.RunSQL(
            sql=REFUSE_2,
            reverse_sql=ALLOW_2,
        ),
    ]
