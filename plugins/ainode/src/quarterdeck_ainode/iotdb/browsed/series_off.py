"""Why a series cannot be forecast or labelled: pure."""

from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions

#: Types of values that the server forecasts.
NUMBERS = ("INT32", "INT64", "FLOAT", "DOUBLE")

_NEED_NUMBERS = ("series.forecast", "series.classify", "series.infer")


def off_of_series(kind: str) -> dict[str, str]:
    """Of a series by the type of its values; one that is not known is tried."""
    if not kind or kind in NUMBERS:
        return {}
    reason = f"{kind} is no number: only {', '.join(NUMBERS)} can be forecast or labelled"
    return {action: reason for action in _NEED_NUMBERS if action in cluster_actions("series")}
