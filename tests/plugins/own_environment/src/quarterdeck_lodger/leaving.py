"""What is said last; imported when a job ends, so that it tells whether the job still finds its own version."""

import sys

from quarterdeck_lodger import VERSION

#: Written by hand in every version, unlike what was imported before.
LEAVING_VERSION = "1.0"


def farewell() -> dict[str, str]:
    return {"prefix": sys.prefix, "version": VERSION, "leaving": LEAVING_VERSION}
