"""Saves what a log view holds as a file of its own."""

import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from quarterdeck_api.errors import QuarterdeckError


def save_lines(folder: Path, address: str, lines: Iterable[str]) -> Path:
    """Writes the lines into a new file that is named after the address; what is there already stays. Raises QuarterdeckError."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", address).strip("-.")[:100] or "log"
    for number in count(1):
        file = folder / (f"{stem}.log" if number == 1 else f"{stem}-{number}.log")
        try:
            with file.open("x", encoding="utf-8", errors="replace") as out:
                out.writelines(f"{line}\n" for line in lines)
        except FileExistsError:
            continue
        except OSError as error:
            raise QuarterdeckError(
                f"the log is not saved: {error}", "start the console in a folder of yours"
            ) from error
        return file
    raise AssertionError("counting does not end")
