"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('executors', '0001_initial'),
        ('executors', '0002_initial'),
        ('executors', '0003_commands_are_many'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('teams', '0001_squashed_0002_names_in_the_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='Executor',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('code', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=120)),
                ('desired_version', models.BigIntegerField(default=1)),
                ('instance_id', models.CharField(blank=True, max_length=64)),
                ('agent_version', models.CharField(blank=True, max_length=40)),
                ('protocol_version', models.PositiveIntegerField(null=True)),
                ('hello_at', models.DateTimeField(null=True)),
                ('last_seen_at', models.DateTimeField(null=True)),
                ('reported_state', models.CharField(default='OFFLINE', max_length=10)),
                ('terminal', models.JSONField(default=dict)),
                ('health', models.JSONField(default=dict)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='executors', to='accounts.account')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='executors', to='teams.team')),
                ('log_wanted_until', models.DateTimeField(null=True)),
                ('rival', models.JSONField(blank=True, default=dict)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'code'), name='executor_code_once_per_team')],
            },
        ),
        migrations.CreateModel(
            name='ExecutorKey',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('key_id', models.CharField(max_length=40, unique=True)),
                ('digest', models.CharField(max_length=64)),
                ('pepper_number', models.PositiveSmallIntegerField(default=1)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('executor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='executors.executor')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ExecutorLog',
            fields=[
                ('executor', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='log', serialize=False, to='executors.executor')),
                ('instance_id', models.CharField(max_length=64)),
                ('lines', models.JSONField(default=list)),
                ('received_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='CommandBatch',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('act', models.CharField(max_length=20)),
                ('asked_by', models.CharField(max_length=120)),
                ('items', models.JSONField(default=list)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='command_batches', to='teams.team')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Command',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('kind', models.CharField(choices=[('START_STRATEGY', 'Start Strategy'), ('STOP_STRATEGY', 'Stop Strategy'), ('PAUSE_STRATEGY', 'Pause Strategy'), ('RESUME_STRATEGY', 'Resume Strategy'), ('UPDATE_STRATEGY', 'Update Strategy'), ('CLOSE_POSITION', 'Close Position'), ('CLOSE_BOT', 'Close Bot'), ('CANCEL_PENDINGS', 'Cancel Pendings'), ('FLATTEN_ACCOUNT', 'Flatten Account'), ('SNAPSHOT', 'Snapshot'), ('PULL_HISTORY', 'Pull History'), ('PREFLIGHT', 'Preflight'), ('UPGRADE', 'Upgrade'), ('SEND_JOURNAL', 'Send Journal')], max_length=20)),
                ('assignment_id', models.UUIDField(null=True)),
                ('generation', models.BigIntegerField(null=True)),
                ('payload', models.JSONField(default=dict)),
                ('asked_by', models.CharField(max_length=120)),
                ('state', models.CharField(choices=[('PENDING', 'Pending'), ('LEASED', 'Leased'), ('ACKNOWLEDGED', 'Acknowledged'), ('EXECUTED', 'Executed'), ('FAILED', 'Failed'), ('EXPIRED', 'Expired'), ('UNRESOLVED', 'Unresolved'), ('SUPERSEDED', 'Superseded')], default='PENDING', max_length=14)),
                ('expires_at', models.DateTimeField(null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('lease_token', models.UUIDField(null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('result', models.JSONField(default=dict)),
                ('executor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='commands', to='executors.executor')),
                ('client_key', models.CharField(max_length=120, null=True)),
                ('fetched_at', models.DateTimeField(null=True)),
                ('batch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='commands', to='executors.commandbatch')),
            ],
            options={
                'indexes': [models.Index(fields=['executor', '-created_at'], name='command_history'), models.Index(condition=models.Q(('state__in', ['PENDING', 'LEASED', 'ACKNOWLEDGED'])), fields=['executor', 'created_at'], name='command_waiting'), models.Index(fields=['assignment_id', 'generation'], name='command_of_assignment')],
                'constraints': [models.UniqueConstraint(fields=('executor', 'client_key'), name='command_once_per_client_key')],
            },
        ),
        migrations.CreateModel(
            name='ExecutorFile',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=120)),
                ('stored_as', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('size_bytes', models.PositiveIntegerField()),
                ('command', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='file', to='executors.command')),
                ('executor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='executors.executor')),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
