"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('assignments', '0001_initial'),
        ('assignments', '0002_initial'),
        ('assignments', '0003_initial'),
        ('assignments', '0004_initial'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('bots', '0001_squashed_0004_stage_and_status_of_bots'),
        ('executors', '0001_squashed_0003_commands_are_many'),
        ('strategies', '0001_squashed_0003_versions_are_immutable'),
    ]

    operations = [
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('settings', models.JSONField(default=dict)),
                ('facts', models.JSONField(default=dict)),
                ('facts_number', models.BigIntegerField(default=0)),
                ('desired', models.CharField(choices=[('RUNNING', 'Running'), ('PAUSED', 'Paused'), ('STOPPED', 'Stopped')], max_length=10)),
                ('generation', models.BigIntegerField(default=1)),
                ('desired_at', models.DateTimeField()),
                ('desired_by', models.CharField(max_length=120)),
                ('anchor_at', models.DateTimeField(null=True)),
                ('observed', models.CharField(choices=[('UNKNOWN', 'Unknown'), ('STARTING', 'Starting'), ('RUNNING', 'Running'), ('PAUSED', 'Paused'), ('STOPPING', 'Stopping'), ('STOPPED', 'Stopped'), ('FAILED', 'Failed')], default='UNKNOWN', max_length=10)),
                ('observed_generation', models.BigIntegerField(default=0)),
                ('observed_at', models.DateTimeField(null=True)),
                ('open_positions', models.PositiveIntegerField(default=0)),
                ('pending_orders', models.PositiveIntegerField(default=0)),
                ('last_bar_at', models.DateTimeField(null=True)),
                ('problem', models.JSONField(blank=True, default=dict)),
                ('live', models.BooleanField(default=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='accounts.account')),
                ('bot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='bots.bot')),
                ('executor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='executors.executor')),
                ('strategy', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='strategies.strategy')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='strategies.strategyversion')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('live', True)), fields=['executor'], name='assignment_live_by_executor')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('live', True)), fields=('bot',), name='one_live_assignment_per_bot')],
            },
        ),
    ]
