"""What `go.py faults` injects, group by group of the catalogue; importing a group enters its faults."""

from tests.faults.injections import broker, calendar, messages, processes, storage, times
from tests.faults.injections.registry import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "broker", "calendar", "messages", "processes", "storage", "times"]
