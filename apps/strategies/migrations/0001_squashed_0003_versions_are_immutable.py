"""What the migrations that it replaces come to: a new database is made in one go, an older one keeps its own way."""

import apps.common.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION strategies_version_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a strategy version is never changed: write a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER version_is_frozen BEFORE UPDATE OR DELETE ON strategies_strategyversion
    FOR EACH ROW EXECUTE FUNCTION strategies_version_is_frozen();
"""
ALLOW = """
DROP TRIGGER version_is_frozen ON strategies_strategyversion;
DROP FUNCTION strategies_version_is_frozen();
"""


class Migration(migrations.Migration):

    replaces = [
        ('strategies', '0001_initial'),
        ('strategies', '0002_initial'),
        ('strategies', '0003_versions_are_immutable'),
    ]

    initial = True

    dependencies = [
        ('teams', '0001_squashed_0002_names_in_the_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='Strategy',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('slug', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=120)),
                ('description', models.TextField(blank=True)),
                ('status', models.CharField(choices=[('DRAFT', 'Draft'), ('ACTIVE', 'Active'), ('PAUSED', 'Paused'), ('ARCHIVED', 'Archived')], default='DRAFT', max_length=10)),
                ('created_by', models.CharField(blank=True, max_length=120)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='strategies', to='teams.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'slug'), name='strategy_slug_once_per_team')],
            },
        ),
        migrations.CreateModel(
            name='StrategyVersion',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('RULES', 'Rules'), ('CATALOGUE', 'Catalogue')], default='RULES', max_length=10)),
                ('symbol', models.CharField(max_length=32)),
                ('timeframe', models.CharField(max_length=4)),
                ('rules', models.JSONField()),
                ('content_hash', models.CharField(max_length=64)),
                ('created_by', models.CharField(blank=True, max_length=120)),
                ('strategy', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='strategies.strategy')),
            ],
            options={
                'ordering': ['-number'],
                'constraints': [models.UniqueConstraint(fields=('strategy', 'number'), name='version_number_once')],
            },
        ),
        migrations.RunSQL(
            sql=REFUSE,
            reverse_sql=ALLOW,
        ),
    ]
