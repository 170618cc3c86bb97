"""What a plugin offers, as blocks of its document."""

from collections.abc import Sequence

from quarterdeck.loading.places import place_sentence
from quarterdeck_api.catalogue import Catalogue, PluginStatus
from quarterdeck_api.documents import Block, Fact, FactsBlock, TableBlock
from quarterdeck_api.resources import Cell


def plugin_blocks(status: PluginStatus) -> list[Block]:
    """Where the plugin was found, and what its catalogue has when it came so far."""
    known = (
        ("Summary", status.catalogue.plugin.summary if status.catalogue else ""),
        ("Module", status.module),
        ("Interpreter", status.interpreter),
        ("Environment", place_sentence(status) if status.interpreter else ""),
    )
    facts = tuple(Fact(label, text) for label, text in known if text)
    blocks: list[Block] = [FactsBlock(facts, "Found as")] if facts else []
    return blocks + (_catalogue_blocks(status.catalogue) if status.catalogue else [])


def _catalogue_blocks(catalogue: Catalogue) -> list[Block]:
    backend_types = [(each.id, each.title, each.embedded) for each in catalogue.backend_types]
    actions = [
        (each.id, each.title, " ".join(each.kinds), each.danger.value, each.job, each.summary)
        for each in catalogue.actions
    ]
    jobs = [(each.id, each.title, each.runs_in.value, each.max_attempts) for each in catalogue.jobs]
    samples = [(each.name, each.title, each.frequency, each.source) for each in catalogue.samples]
    processes = [
        (each.id, each.title, each.implementation or " ".join(each.command), each.summary)
        for each in catalogue.processes
    ]
    controllers = [(each.id, each.title, each.interval, each.enabled, each.summary) for each in catalogue.controllers]
    commands = [(f"{catalogue.plugin.id} {each.name}", each.summary) for each in catalogue.commands]
    events = [(each, "told of it") for each in catalogue.event_hooks]
    if catalogue.authorizes:
        events.append(("quarterdeck_authorize", "may refuse requests"))
    tables = (
        _table("Backend types", ("type", "title", "embedded"), backend_types),
        _table("Actions", ("action", "title", "on", "danger", "job", "what it does"), actions),
        _table("Jobs", ("job", "title", "runs in", "attempts"), jobs),
        _table("Processes", ("process", "title", "runs", "what it does"), processes),
        _table("Controllers", ("controller", "title", "seconds", "on at first", "what it does"), controllers),
        _table("Commands", ("command", "what it does"), commands),
        _table("Hooks", ("hook", "what for"), events),
        _table("Samples", ("sample", "title", "frequency", "source"), samples),
    )
    return [table for table in tables if table.rows]


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]) -> TableBlock:
    return TableBlock(columns, tuple(rows), title)
