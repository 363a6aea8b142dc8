"""Errors in how an app is put together or started: they stop the start, and name what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .base import VivaceError
from .findings import Finding


class ConfigurationError(VivaceError):
    """A setting or an option has a value that cannot work."""

    code: ClassVar[str] = "configuration"


class AppInvalid(VivaceError):
    """The start-up check found errors; ``findings`` has all of them."""

    code: ClassVar[str] = "app-invalid"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        listed = "\n\n".join(str(finding) for finding in self.findings)
        super().__init__(f"The app cannot start: {count} problem{'' if count == 1 else 's'}.\n\n{listed}\n")


class AppFrozen(VivaceError):
    """The app was changed after its start."""

    code: ClassVar[str] = "app-frozen"


class AppNotRunning(VivaceError):
    """Work was handed to an app that is stopping or has not started."""

    code: ClassVar[str] = "app-not-running"
    status: int = 503


class NoCurrentApp(VivaceError):
    """Code that needs an app ran outside one."""

    code: ClassVar[str] = "no-current-app"


class StartupFailed(VivaceError):
    """A start-up hook raised; the app does not start."""

    code: ClassVar[str] = "startup-failed"


class PluginError(VivaceError):
    """A plugin cannot be installed: missing, wrong version, or a circle of requirements."""

    code: ClassVar[str] = "plugin"


class SettingsInvalid(VivaceError):
    """Settings are missing, unknown or have values that cannot be read; ``findings`` has all of them."""

    code: ClassVar[str] = "settings-invalid"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        listed = "\n\n".join(str(finding) for finding in self.findings)
        super().__init__(f"The settings have {count} problem{'' if count == 1 else 's'}.\n\n{listed}\n")


class ListenError(VivaceError):
    """An address cannot be listened on: it is misspelt, in use, or not allowed."""

    code: ClassVar[str] = "listen"


class TLSError(VivaceError):
    """A certificate, its key or a list of authorities cannot be used."""

    code: ClassVar[str] = "tls"


class TargetError(VivaceError):
    """What should be served cannot be found: no such file, module or name, or more than one app."""

    code: ClassVar[str] = "target"
