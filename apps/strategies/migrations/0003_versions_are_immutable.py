from django.db import migrations

FREEZE = """
CREATE FUNCTION strategies_version_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a strategy version is never changed: write a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER version_is_frozen BEFORE UPDATE OR DELETE ON strategies_strategyversion
    FOR EACH ROW EXECUTE FUNCTION strategies_version_is_frozen();
"""
THAW = """
DROP TRIGGER version_is_frozen ON strategies_strategyversion;
DROP FUNCTION strategies_version_is_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("strategies", "0002_initial")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
