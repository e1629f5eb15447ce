"""A decision is never changed and never deleted: the database itself refuses."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION refuse_changed_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'risk_decision is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON risk_decision
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_decision();
"""
ALLOW = "DROP TRIGGER decision_append_only ON risk_decision; DROP FUNCTION refuse_changed_decision();"


class Migration(migrations.Migration):
    dependencies = [("risk", "0002_reservation_and_events")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
