from django.db import migrations

FREEZE = """
CREATE FUNCTION market_dataset_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.team_id, NEW.symbol, NEW.timeframe, NEW.source, NEW.content_hash, NEW.file, NEW.bar_count, NEW.first_at, NEW.last_at)
       IS DISTINCT FROM
       (OLD.team_id, OLD.symbol, OLD.timeframe, OLD.source, OLD.content_hash, OLD.file, OLD.bar_count, OLD.first_at, OLD.last_at)
       OR NEW.findings IS DISTINCT FROM OLD.findings OR NEW.origin IS DISTINCT FROM OLD.origin
    THEN
        RAISE EXCEPTION 'the bars of a dataset are never changed: import a new one' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dataset_is_frozen BEFORE UPDATE ON market_dataset
    FOR EACH ROW EXECUTE FUNCTION market_dataset_is_frozen();
"""
THAW = """
DROP TRIGGER dataset_is_frozen ON market_dataset;
DROP FUNCTION market_dataset_is_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("market", "0003_datasets")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
