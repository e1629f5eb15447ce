"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.fields
import apps.common.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('trades', '0001_initial'),
        ('trades', '0002_trades_have_legs'),
        ('trades', '0003_newest_deal_is_found_at_once'),
        ('trades', '0004_ledger_checks'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('bots', '0001_squashed_0004_stage_and_status_of_bots'),
    ]

    operations = [
        migrations.CreateModel(
            name='Order',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('approval_id', models.UUIDField(null=True, unique=True)),
                ('ticket', models.BigIntegerField(null=True)),
                ('position_id', models.BigIntegerField(null=True)),
                ('symbol', models.CharField(max_length=32)),
                ('side', models.CharField(choices=[('BUY', 'Buy'), ('SELL', 'Sell')], max_length=4)),
                ('volume_lots', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('filled_lots', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('price', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('outcome', models.CharField(choices=[('SENT', 'Sent'), ('DONE', 'Done'), ('PARTIAL', 'Partial'), ('REJECTED', 'Rejected'), ('NOT_SENT', 'Not Sent'), ('UNRESOLVED', 'Unresolved')], max_length=10)),
                ('retcode', models.IntegerField(null=True)),
                ('comment', models.CharField(blank=True, max_length=120)),
                ('at', models.DateTimeField()),
                ('market_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='accounts.account')),
                ('bot', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='bots.bot')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Deal',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('ticket', models.BigIntegerField()),
                ('order_ticket', models.BigIntegerField(default=0)),
                ('position_id', models.BigIntegerField(default=0)),
                ('deal_type', models.SmallIntegerField()),
                ('entry', models.SmallIntegerField()),
                ('reason', models.SmallIntegerField(default=0)),
                ('symbol', models.CharField(blank=True, max_length=32)),
                ('magic', models.BigIntegerField(default=0)),
                ('volume_lots', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('price', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('profit', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('commission', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('swap', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('fee', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('comment', models.CharField(blank=True, max_length=64)),
                ('time_raw_ms', models.BigIntegerField()),
                ('market_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deals', to='accounts.account')),
            ],
            options={
                'indexes': [models.Index(fields=['account', 'position_id'], name='deal_by_position'), models.Index(fields=['account', '-time_raw_ms'], name='deal_newest_by_account')],
                'constraints': [models.UniqueConstraint(fields=('account', 'ticket'), name='deal_once_per_account')],
            },
        ),
        migrations.CreateModel(
            name='ReportReceipt',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('report_id', models.UUIDField()),
                ('kind', models.CharField(max_length=30)),
                ('at', models.DateTimeField()),
                ('answer', models.JSONField(default=dict)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='accounts.account')),
                ('exit_reason', models.CharField(blank=True, max_length=20)),
                ('position_id', models.BigIntegerField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'report_id'), name='report_once')],
                'indexes': [models.Index(condition=models.Q(('position_id__isnull', False)), fields=['account', 'position_id'], name='report_by_position')],
            },
        ),
        migrations.CreateModel(
            name='Trade',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('position_id', models.BigIntegerField()),
                ('assignment_id', models.UUIDField(null=True)),
                ('strategy_id', models.UUIDField(null=True)),
                ('version_id', models.UUIDField(null=True)),
                ('approval_id', models.UUIDField(null=True)),
                ('source', models.CharField(choices=[('MANAGED', 'Managed'), ('REPORTED', 'Reported'), ('UNAPPROVED', 'Unapproved'), ('EXTERNAL', 'External')], max_length=10)),
                ('symbol', models.CharField(max_length=32)),
                ('side', models.CharField(choices=[('BUY', 'Buy'), ('SELL', 'Sell')], max_length=4)),
                ('magic', models.BigIntegerField(default=0)),
                ('volume_lots', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('open_lots', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('entry_price', apps.common.fields.NumericField(decimal_places=8, max_digits=24)),
                ('exit_price', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('stop_loss', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('take_profit', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('profit', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('commission', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('swap', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('fee', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('pnl', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('planned_risk', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('actual_risk', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('exit_reason', models.CharField(blank=True, max_length=20)),
                ('updated_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='trades', to='accounts.account')),
                ('bot', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='trades', to='bots.bot')),
                ('leg', models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                'indexes': [models.Index(fields=['account', '-opened_at'], name='trade_by_account'), models.Index(fields=['strategy_id', '-opened_at'], name='trade_by_strategy'), models.Index(fields=['bot', '-opened_at'], name='trade_by_bot')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('pnl__isnull', True), models.Q(('pnl__gt', Decimal('-1E+15')), ('pnl__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('entry_price__isnull', True), models.Q(('entry_price__gt', Decimal('-1E+15')), ('entry_price__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('exit_price__isnull', True), models.Q(('exit_price__gt', Decimal('-1E+15')), ('exit_price__lt', Decimal('1E+15'))), _connector='OR'), models.Q(('volume_lots__isnull', True), models.Q(('volume_lots__gt', Decimal('-1E+15')), ('volume_lots__lt', Decimal('1E+15'))), _connector='OR')), name='trade_numbers_sane'), models.UniqueConstraint(fields=('account', 'position_id', 'leg'), name='trade_once_per_position')],
            },
        ),
        migrations.CreateModel(
            name='LedgerCheck',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='ledger_check', serialize=False, to='accounts.account')),
                ('last_deal_id', models.BigIntegerField(default=0)),
                ('deals_sum', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('opening_balance', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('candidate', apps.common.fields.NumericField(decimal_places=8, max_digits=24, null=True)),
                ('candidate_at', models.DateTimeField(null=True)),
                ('balance', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('difference', apps.common.fields.NumericField(decimal_places=8, default=0, max_digits=24)),
                ('differs_since', models.DateTimeField(null=True)),
                ('checked_at', models.DateTimeField()),
            ],
        ),
    ]
