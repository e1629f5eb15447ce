"""Documents that lines of the log name, signing keys, signed heads; and no way past the triggers but dropping them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

REFUSE = """
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
ALLOW = """
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
    dependencies = [("risk", "0004_position_flags_and_bot_breakers")]

    operations = [
        migrations.CreateModel(
            name="LogDocument",
            fields=[
                ("hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=10)),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("key_id", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("public_key", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="LogAnchor",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("head", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("body", models.TextField()),
                ("signature", models.CharField(max_length=128)),
                ("delivered_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="log_anchors", to="accounts.account"
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="anchors", to="risk.signingkey"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("delivered_at__isnull", True)), fields=["id"], name="anchor_undelivered")
                ],
                "constraints": [models.UniqueConstraint(fields=("account", "number"), name="anchor_once_per_line")],
            },
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
