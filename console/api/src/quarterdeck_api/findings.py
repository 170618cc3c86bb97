"""Findings: what needs attention, with what to do about it."""

from enum import Enum

from msgspec import Struct


class Severity(Enum):
    """How pressing a finding is."""

    WARNING = "warning"
    CRITICAL = "critical"


class Finding(Struct, frozen=True, omit_defaults=True):
    """Something that needs attention. `code` and `address` identify it; `since` is a Unix time, filled in when it is 0."""

    code: str
    sentence: str
    remedy: str
    address: str
    severity: Severity = Severity.WARNING
    since: float = 0.0
