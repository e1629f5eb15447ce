"""The four trading sessions, by the local clocks of their cities. Standard library only."""

from __future__ import annotations

SESSIONS: dict[str, tuple[str, str, str]] = {
    "sydney": ("07:00", "16:00", "Australia/Sydney"),
    "tokyo": ("09:00", "18:00", "Asia/Tokyo"),
    "london": ("08:00", "17:00", "Europe/London"),
    "newYork": ("08:00", "17:00", "America/New_York"),
}
"""Name to start, end (outside) and zone: each keeps its own summer time."""
