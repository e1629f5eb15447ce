"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('bots', '0001_initial'),
        ('bots', '0002_initial'),
        ('bots', '0003_initial'),
        ('bots', '0004_stage_and_status_of_bots'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0007_days_of_their_own_and_their_sums'),
        ('strategies', '0001_squashed_0003_versions_are_immutable'),
        ('teams', '0001_squashed_0002_names_in_the_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='Bot',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('bot_id', models.CharField(max_length=64)),
                ('magic', models.BigIntegerField()),
                ('guild', models.CharField(choices=[('ANALYST', 'Analyst'), ('QUANTCODE', 'Quantcode'), ('MANUAL', 'Manual'), ('PAPER', 'Paper'), ('EXECUTOR', 'Executor'), ('ORCHESTRATOR', 'Orchestrator')], max_length=14)),
                ('tags', models.JSONField(default=list)),
                ('strategy_type', models.CharField(blank=True, max_length=100)),
                ('status', models.CharField(choices=[('ACTIVE', 'Active'), ('PAUSED', 'Paused'), ('QUARANTINE', 'Quarantine'), ('RETIRED', 'Retired')], default='ACTIVE', max_length=12)),
                ('managed', models.BooleanField(default=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bots', to='accounts.account')),
                ('strategy', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bots', to='strategies.strategy')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bots', to='teams.team')),
                ('stage', models.CharField(choices=[('PRIMAL', 'Primal'), ('PENDING', 'Pending'), ('PERFECT', 'Perfect'), ('LIVE', 'Live')], default='PRIMAL', max_length=10)),
                ('status_at', models.DateTimeField(null=True)),
                ('status_by', models.CharField(blank=True, max_length=120)),
                ('status_reason', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'indexes': [models.Index(fields=['team', 'status'], name='bot_by_status')],
                'constraints': [models.UniqueConstraint(fields=('team', 'bot_id'), name='bot_id_once_per_team'), models.UniqueConstraint(fields=('account', 'magic'), name='magic_once_per_account'), models.CheckConstraint(condition=models.Q(('magic__gt', 0)), name='magic_positive')],
            },
        ),
        migrations.CreateModel(
            name='BotSession',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('token_id', models.CharField(max_length=16, unique=True)),
                ('digest', models.CharField(max_length=64)),
                ('pepper_number', models.PositiveSmallIntegerField(default=1)),
                ('key_id', models.UUIDField(null=True)),
                ('expires_at', models.DateTimeField()),
                ('bot', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='bots.bot')),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
