"""A finished search for settings: as data for programs and as a document for people."""

import shlex
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.excerpts import excerpt_title
from quarterdeck_ainode.local.actions import FORECAST
from quarterdeck_ainode.local.backtest_result import Backtest, backtest_chart
from quarterdeck_ainode.local.tune_parameters import TuneParameters
from quarterdeck_ainode.models.backtest import Record, ranked, ranked_by
from quarterdeck_ainode.models.catalogue import ModelInfo, parameters_schema
from quarterdeck_ainode.rankings import MEASURES, folds_passed, rank_data
from quarterdeck_api.documents import ChartBlock, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.parameter_values import format_value
from quarterdeck_api.parameters import fields

#: Rows of the document's table; tuning.csv has all.
_TABLE_ROWS = 30


class Tuning(Struct, frozen=True):
    """Everything that a search gave. `tried` are the settings by candidate; the baseline has none."""

    model: ModelInfo
    address: str
    wanted: TuneParameters
    space: dict[str, tuple[Any, ...]]
    tried: dict[str, dict[str, Any]]
    backtest: Backtest

    @property
    def best(self) -> Record:
        """The best trial, which may be worse than the baseline."""
        return next(record for _, record in ranked(self.backtest.records) if not record.candidate.baseline)

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be known of the trials, once each."""
        if not self.best.failures:
            return self.backtest.notices
        return ("no settings got through every fold: the best ones failed some", *self.backtest.notices)

    @property
    def command(self) -> str:
        """The command line that forecasts with the best settings."""
        words = ["quarterdeck", "do", FORECAST, self.address, "--dataset", self.wanted.dataset]
        if self.wanted.column:
            words += ["--column", self.wanted.column]
        if self.wanted.window:
            words += ["--window", str(self.wanted.window)]
        words += ["--horizon", str(self.wanted.horizon)]
        for setting in self.written(self.best.candidate.name):
            words += ["--set", setting]
        return shlex.join(words)

    def written(self, candidate: str) -> list[str]:
        """A candidate's settings as they are typed: name=value each."""
        known = {field.name: field for field in fields(parameters_schema(self.model))}
        return [f"{name}={format_value(known[name], value)}" for name, value in self.tried.get(candidate, {}).items()]


def tuning_data(tuning: Tuning) -> dict[str, Any]:
    """The data of the job's value, as documented in `tuning`."""
    backtest, observed = tuning.backtest, tuning.backtest.observed
    ordered = ranked(backtest.records)
    return {
        "model": tuning.model.id,
        "dataset": observed.dataset,
        "column": observed.column,
        "observations": len(observed.values),
        "window": backtest.window,
        "windows": backtest.windows,
        "horizon": backtest.horizon,
        "folds": len(backtest.folds),
        "search": tuning.wanted.search,
        "seed": tuning.wanted.seed,
        "space": {name: list(values) for name, values in tuning.space.items()},
        "ranked_by": ranked_by(backtest.records),
        "trials": [
            {**rank_data(rank, record), "settings": tuning.tried.get(record.candidate.name, {})}
            for rank, record in ordered
        ],
        "best": tuning.tried[tuning.best.candidate.name],
        "command": tuning.command,
        "beats_baseline": not ordered[0][1].candidate.baseline,
        "notices": list(tuning.notices),
    }


def tuning_columns(tuning: Tuning) -> dict[str, list[Any]]:
    """The table of the result's files: a row for each trial, best first."""
    ordered = ranked(tuning.backtest.records)
    columns: dict[str, list[Any]] = {
        "rank": [rank for rank, _ in ordered],
        "trial": [record.candidate.name for _, record in ordered],
        "settings": [" ".join(tuning.written(record.candidate.name)) for _, record in ordered],
    }
    for measure in MEASURES:
        columns[measure] = [record.mean(measure) for _, record in ordered]
    columns["failure"] = [
        next((each.failure.message for each in record.failures if each.failure), "") for _, record in ordered
    ]
    return columns


def tuning_document(tuning: Tuning) -> Document:
    """The command to copy, ranking, chart and facts."""
    backtest, observed = tuning.backtest, tuning.backtest.observed
    ordered = ranked(backtest.records)
    rows = tuple(
        (
            rank,
            " ".join(tuning.written(record.candidate.name)) or record.candidate.name,
            record.mean("mase"),
            record.mean("mae"),
            record.mean("rmse"),
            folds_passed(record),
        )
        for rank, record in ordered[:_TABLE_ROWS]
    )
    title = f"Ranking by {ranked_by(backtest.records).upper()}, the mean over folds"
    title = excerpt_title(title, len(ordered), "tuning.csv", most=_TABLE_ROWS)
    facts = FactsBlock(
        (
            Fact("Dataset", observed.dataset),
            Fact("Column", observed.column),
            Fact("Observations", len(observed.values)),
            Fact("Horizon", backtest.horizon),
            Fact("Folds", f"{len(backtest.folds)}, {backtest.windows}"),
            Fact("Search", f"{tuning.wanted.search}, seed {tuning.wanted.seed}"),
            Fact("Trials", len(tuning.tried)),
            Fact("Trials that failed a fold", sum(1 for _, record in ordered if record.failures)),
        )
    )
    return Document(
        f"Settings of {tuning.model.id} for {observed.dataset}",
        (
            TextBlock(tuning.command, title="Forecast with the best settings"),
            TableBlock(("rank", "settings", "MASE", "MAE", "RMSE", "folds"), rows, title),
            ChartBlock(
                backtest_chart(backtest), f"{observed.column} of {observed.dataset}, and what was forecast of it"
            ),
            facts,
        ),
    )
