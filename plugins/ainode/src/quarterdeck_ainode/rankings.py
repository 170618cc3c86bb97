"""A ranking of models as data and as a table: of backtests, of searches for settings, and of forecasts in a cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

from quarterdeck_ainode.models.backtest import Record, ranked, ranked_by
from quarterdeck_api.documents import TableBlock

MEASURES = ("mae", "rmse", "mase", "smape", "coverage")


def rank_data(rank: int | None, record: Record) -> dict[str, Any]:
    """One candidate of a ranking."""
    return {
        "rank": rank,
        "model": record.candidate.name,
        "baseline": record.candidate.baseline,
        "folds": len(record.results) - len(record.failures),
        **{measure: record.mean(measure) for measure in MEASURES},
        "fit_seconds": mean_seconds(record),
        "failures": [
            {"fold": result.fold, "reason": result.failure.message, "remedy": result.failure.remedy}
            for result in record.failures
            if result.failure is not None
        ],
        "settings": record.candidate.settings,
    }


def ranking_table(
    records: Sequence[Record], measures: Mapping[str, str], where: str, *, seconds: bool = False
) -> TableBlock:
    """Candidates with the means of some measures, each under its title; `where` they were judged ends the table's title."""
    rows = tuple(
        (
            rank,
            record.candidate.name,
            *(record.mean(measure) for measure in measures),
            *((round(mean_seconds(record), 3),) if seconds else ()),
            folds_passed(record),
        )
        for rank, record in ranked(records)
    )
    columns = ("rank", "model", *measures.values(), *(("seconds",) if seconds else ()), "folds")
    return TableBlock(columns, rows, f"Ranking by {ranked_by(records).upper()}{where}")


def mean_seconds(record: Record) -> float:
    """How long a candidate took for one fold."""
    return sum(result.seconds for result in record.results) / len(record.results)


def folds_passed(record: Record) -> str:
    """How many folds a candidate got through, as `2 of 3`."""
    return f"{len(record.results) - len(record.failures)} of {len(record.results)}"
