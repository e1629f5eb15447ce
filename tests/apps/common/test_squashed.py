"""Migrations that were drawn together: a new database becomes what an older one has become step by step."""

import pytest
from django.db.migrations import RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.writer import MigrationWriter

STEPS = MigrationLoader(None, replace_migrations=False)
DRAWN = MigrationLoader(None)
TOGETHER = sorted(STEPS.replacements)


def _plan(loader, leaves):
    """The migrations before and including these, each once, in an order that can be run."""
    plan = dict.fromkeys(key for leaf in leaves for key in loader.graph.forwards_plan(leaf))
    return [loader.graph.nodes[key] for key in plan]


def _statements(migrations, app):
    done = [step for migration in migrations if migration.app_label == app for step in migration.operations]
    assert not [step for step in done if isinstance(step, RunPython)]
    return [step.sql.strip() for step in done if isinstance(step, RunSQL)]


def _written(state, app):
    """Every model of an app with its fields in their order and its options, as a migration would write them."""
    models = [model for (label, _), model in sorted(state.models.items()) if label == app]
    return [
        [model.name, *map(MigrationWriter.serialize, [list(model.fields.items()), model.options])] for model in models
    ]


@pytest.mark.parametrize("key", TOGETHER, ids=lambda key: key[0])
def test_drawn_together_is_the_same_as_step_by_step(key):
    app = key[0]
    step_by_step = [leaf for leaf in STEPS.graph.leaf_nodes() if leaf not in STEPS.replacements]
    by_step, at_once = STEPS.graph.make_state(step_by_step), DRAWN.project_state()

    assert _written(at_once, app) == _written(by_step, app) != []
    assert _statements(_plan(DRAWN, DRAWN.graph.leaf_nodes(app)), app) == _statements(_plan(STEPS, step_by_step), app)


@pytest.mark.parametrize("key", TOGETHER, ids=lambda key: key[0])
def test_a_database_that_had_begun_step_by_step_goes_on_so(key):
    replaced = STEPS.replacements[key].replaces

    class Recorded(MigrationLoader):
        def add_external_dependencies(self, of, migration):
            # The last thing before the loader chooses between steps and the whole.
            self.applied_migrations.setdefault(replaced[0], migration)
            super().add_external_dependencies(of, migration)

    begun = Recorded(None)

    assert key not in begun.graph.nodes
    assert set(replaced) <= set(begun.graph.nodes)
    assert not begun.detect_conflicts()
    assert _written(begun.project_state(), key[0]) == _written(DRAWN.project_state(), key[0])
