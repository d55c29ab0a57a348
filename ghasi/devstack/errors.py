"""What can keep the local stack from running. Messages are for the person who typed the command."""


class DevstackError(RuntimeError):
    """The local stack cannot run; the text says why and, where there is a remedy, which."""


class AlreadyRunning(DevstackError):
    """Another living process holds this run directory: end that one first, or use another directory."""


class StartFailed(DevstackError):
    """A process ended, or did not become ready in time. Carries the end of its log."""
