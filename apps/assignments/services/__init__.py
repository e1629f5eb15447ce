"""What is done to assignments: wishes (activate, pause, resume, stop, update) and what the agent proves."""

from apps.assignments.services.activation import activate
from apps.assignments.services.observation import Observation, apply_all_observed, apply_observed
from apps.assignments.services.wishes import pause, resume, stop, update

__all__ = ["Observation", "activate", "apply_all_observed", "apply_observed", "pause", "resume", "stop", "update"]
