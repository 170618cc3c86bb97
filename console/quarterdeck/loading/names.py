"""Names of distributions, as they are compared."""

import re


def canonical(name: str) -> str:
    """A distribution's name as names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
