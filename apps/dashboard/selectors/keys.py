"""The names people gave to their team's keys."""

from __future__ import annotations

from apps.teams.models import ApiKey, Team


def list_key_names(team: Team) -> dict[str, str]:
    """Return the name of every key of the team by its public id; of revoked ones too, as histories name them."""
    return {key.public_id: key.name for key in ApiKey.objects.filter(team=team).only("id", "name")}
