"""What the launcher refuses or cannot do; the message is the sentence shown at the terminal."""


class LaunchError(Exception):
    """Something does not start; nothing is left running."""


class DataDirectoryBusy(LaunchError):
    """Another launcher works in the same data directory."""


class StopRequested(Exception):
    """Ctrl-C or SIGTERM arrived while still starting."""
