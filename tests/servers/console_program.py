"""The console's own command line in one instance, as a user types it: JSON in what it prints, sentences in what it refuses."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

_PATIENCE = 120.0


class Console:
    """Runs `quarterdeck WORDS… --json`. What was asked for is asked again only after `forget`."""

    def __init__(self, environment: Mapping[str, str], backend: str) -> None:
        self.backend = backend
        self._environment = dict(environment)
        self._known: dict[tuple[str, ...], Any] = {}

    def forget(self) -> None:
        """Something was done: what was asked before may be so no longer."""
        self._known.clear()

    def get(self, kind: str, *more: str) -> dict[str, dict[str, Any]]:
        """The resources of a kind by name; a kind that is browsed gives its first page."""
        found = self._asked("get", kind, "-b", self.backend, *more)
        return {each["name"]: each for each in (found["resources"] if isinstance(found, dict) else found)}

    def every(self, kind: str) -> dict[str, dict[str, Any]]:
        """All resources of a kind that is browsed, by name."""
        done = self._run("get", kind, "-b", self.backend, "--all")
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return {each["name"]: each for each in found}

    def facts(self, name: str) -> dict[str, Any]:
        """The facts of a described resource, by their labels."""
        return {
            label: value for block in self._blocks(name) if block["type"] == "facts" for label, value in block["facts"]
        }

    def table(self, name: str, title: str) -> list[list[Any]]:
        """The rows of a table of a described resource."""
        return next(
            block["rows"] for block in self._blocks(name) if block["type"] == "table" and block["title"] == title
        )

    def do(self, action: str, name: str, *more: str) -> Any:
        """The result of an action that must succeed, waited for when it is a job."""
        self.forget()
        done = self._json("do", action, f"{self.backend}/{name}", *more)
        return done.get("result")

    def refusal(self, *words: str) -> str:
        """What is said, on whichever stream, of a command that must not succeed."""
        done = self._run(*words)
        assert done.returncode in (1, 2, 4), f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _blocks(self, name: str) -> list[dict[str, Any]]:
        return self._asked("describe", f"{self.backend}/{name}")["document"]["blocks"]

    def _asked(self, *words: str) -> Any:
        if words not in self._known:
            self._known[words] = self._json(*words)
        return self._known[words]

    def _json(self, *words: str) -> Any:
        done = self._run(*words)
        assert done.returncode == 0, f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "quarterdeck", *words, "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
