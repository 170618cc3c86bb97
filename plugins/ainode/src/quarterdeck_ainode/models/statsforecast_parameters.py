"""Parameters of the five models of statsforecast, with the ranges that the library really accepts; names and meanings are its own."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from quarterdeck_api.errors import UsageError

Order = Annotated[int, Meta(ge=0, le=20)]
Season = Annotated[int, Meta(ge=1, le=5000)]

_SEASON = "Seasonal period; none takes it from the dataset's frequency, 1 is no season."


class _SeasonParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """What all but mstl have."""

    season_length: Annotated[Season | None, Meta(description=_SEASON)] = None

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""


class SeasonalNaiveParameters(_SeasonParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of seasonal_naive."""


class AutoEtsParameters(_SeasonParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of auto_ets."""

    model: Annotated[
        str,
        Meta(
            pattern="^[MAZ][NAMZ][NAMZ]$",
            description="Error, trend and season: M multiplicative, A additive, N none, Z chosen by AICc.",
        ),
    ] = "ZZZ"
    damped: Annotated[bool | None, Meta(description="Let the trend fade out; none chooses.")] = None
    phi: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None, Meta(description="Damping of the trend, with damped; none fits it.")
    ] = None

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""
        if self.phi is not None and not self.damped:
            raise UsageError("phi is the damping of a damped trend", "set damped=true as well, or leave phi out")
        if self.damped and self.model[1] == "N":
            raise UsageError("damped needs a trend to dampen", "make the second letter of model A, M or Z")
        error, trend, season = self.model
        if error == "A" and "M" in (trend, season):
            raise UsageError(
                f"model {self.model} joins an additive error with a multiplicative part, which is not stable",
                "make the first letter M or Z",
            )


class AutoThetaParameters(_SeasonParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of auto_theta."""

    decomposition_type: Annotated[
        Literal["multiplicative", "additive"], Meta(description="How the season is taken out.")
    ] = "multiplicative"
    model: Annotated[
        Literal["STM", "OTM", "DSTM", "DOTM"] | None,
        Meta(description="Standard or optimised theta model, D dynamic; none chooses by squared error."),
    ] = None


class AutoArimaParameters(_SeasonParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of auto_arima."""

    d: Annotated[Order | None, Meta(description="Differences; none chooses by the test.")] = None
    D: Annotated[Order | None, Meta(description="Seasonal differences; none chooses by the seasonal test.")] = None
    max_p: Annotated[Order, Meta(description="Most autoregressive lags.")] = 5
    max_q: Annotated[Order, Meta(description="Most moving-average lags.")] = 5
    max_P: Annotated[Order, Meta(description="Most seasonal autoregressive lags.")] = 2
    max_Q: Annotated[Order, Meta(description="Most seasonal moving-average lags.")] = 2
    max_order: Annotated[Order, Meta(description="Most lags in all, when the search is not stepwise.")] = 5
    max_d: Annotated[Order, Meta(description="Most differences.")] = 2
    max_D: Annotated[Order, Meta(description="Most seasonal differences.")] = 1
    start_p: Annotated[Order, Meta(description="Autoregressive lags at which the search begins.")] = 2
    start_q: Annotated[Order, Meta(description="Moving-average lags at which the search begins.")] = 2
    start_P: Annotated[Order, Meta(description="Seasonal autoregressive lags at which the search begins.")] = 1
    start_Q: Annotated[Order, Meta(description="Seasonal moving-average lags at which the search begins.")] = 1
    stationary: Annotated[bool, Meta(description="Look at stationary models only.")] = False
    seasonal: Annotated[bool, Meta(description="Look at seasonal models too.")] = True
    ic: Annotated[Literal["aicc", "aic", "bic"], Meta(description="What decides between two models.")] = "aicc"
    stepwise: Annotated[bool, Meta(description="Search from neighbour to neighbour instead of everywhere.")] = True
    nmodels: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)], Meta(description="Most models that a stepwise search tries.")
    ] = 94
    approximation: Annotated[
        bool | None, Meta(description="Compare by an approximate likelihood, which is faster.")
    ] = False
    test: Annotated[Literal["kpss", "adf", "pp"], Meta(description="The test for differences.")] = "kpss"
    seasonal_test: Annotated[Literal["seas", "ocsb"], Meta(description="The test for seasonal differences.")] = "seas"
    allowdrift: Annotated[bool, Meta(description="Look at models with drift.")] = True
    allowmean: Annotated[bool, Meta(description="Look at models with a mean that is not zero.")] = True


class MstlParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of mstl: decomposes into several seasons and a trend, which an ETS without season forecasts."""

    season_length: Annotated[
        tuple[Annotated[int, Meta(ge=2, le=5000)], ...] | None,
        Meta(description="Seasonal periods, as 24,168; none takes one from the dataset's frequency."),
    ] = None

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""
        if self.season_length is None:
            return
        if not self.season_length or len(set(self.season_length)) < len(self.season_length):
            raise UsageError("season_length takes different periods", "write each once, as season_length=24,168")


StatsforecastParameters = (
    SeasonalNaiveParameters | AutoEtsParameters | AutoThetaParameters | AutoArimaParameters | MstlParameters
)
