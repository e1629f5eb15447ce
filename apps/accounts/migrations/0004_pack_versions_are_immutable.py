from django.db import migrations

FREEZE = """
CREATE FUNCTION accounts_rule_pack_version_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a rule pack version is never changed: write a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER rule_pack_version_is_frozen BEFORE UPDATE OR DELETE ON accounts_rulepackversion
    FOR EACH ROW EXECUTE FUNCTION accounts_rule_pack_version_is_frozen();
"""
THAW = """
DROP TRIGGER rule_pack_version_is_frozen ON accounts_rulepackversion;
DROP FUNCTION accounts_rule_pack_version_is_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_rule_packs")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
