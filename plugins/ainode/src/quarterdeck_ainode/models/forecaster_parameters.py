"""Parameters of the five forecasters, with the ranges that their libraries really accept.

Every struct is the one source of form, flags, JSON Schema and checks. Names and meanings are those of sktime's estimators; what a library
would refuse whatever the data is refused here with a sentence. Left out and changed parameters are explained in docs/models.md.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from quarterdeck_ainode.models.statsforecast_parameters import StatsforecastParameters
from quarterdeck_api.errors import UsageError

NonNegative = Annotated[int, Meta(ge=0, le=5000)]
Positive = Annotated[int, Meta(ge=1, le=5000)]
Period = Annotated[int, Meta(ge=1, le=5000)]
SeasonLength = Annotated[int, Meta(ge=2, le=5000)]
Window = Annotated[int, Meta(ge=3, le=5001)]
Smoothing = Annotated[float, Meta(ge=0, le=1)]
Component = Literal["add", "mul", "none"]
ComponentForecaster = Literal[
    "naive", "seasonal-naive", "mean", "seasonal-mean", "drift", "exponential-smoothing", "holt", "arima"
]


class NaiveParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of naive_forecaster."""

    strategy: Annotated[
        Literal["last", "mean", "drift"],
        Meta(description="Repeat the last value, the mean, or the line through the first and last value."),
    ] = "last"
    window_length: Annotated[
        Positive | None,
        Meta(description="Use only the last so many observations; none uses all. Strategy last without sp ignores it."),
    ] = None
    sp: Annotated[Period, Meta(description="Seasonal period: repeat the last season; 1 has no season.")] = 1

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""
        if self.window_length is None:
            return
        if self.strategy == "drift" and self.window_length < 2:
            raise UsageError(
                "strategy drift needs a window_length of at least 2", "raise window_length or leave it out"
            )
        if self.strategy != "drift" and self.window_length < self.sp:
            raise UsageError(
                f"window_length {self.window_length} is shorter than one season of {self.sp}",
                "raise window_length to sp or more, or leave it out",
            )


class SmoothingParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of exponential_smoothing; without trend and season it is simple exponential smoothing."""

    trend: Annotated[Component, Meta(description="Trend component; mul needs positive values.")] = "none"
    damped_trend: Annotated[bool, Meta(description="Let the trend fade out; needs a trend.")] = False
    seasonal: Annotated[Component, Meta(description="Seasonal component; mul needs positive values.")] = "none"
    sp: Annotated[
        SeasonLength | None, Meta(description="Seasonal period; none takes it from the dataset's frequency.")
    ] = None
    initialization_method: Annotated[
        Literal["estimated", "heuristic", "legacy-heuristic", "known"],
        Meta(description="How the first level, trend and season are found; known takes them from initial_*."),
    ] = "estimated"
    initial_level: Annotated[float | None, Meta(description="First level, for initialization_method known.")] = None
    initial_trend: Annotated[float | None, Meta(description="First trend, for initialization_method known.")] = None
    initial_seasonal: Annotated[
        tuple[float, ...] | None,
        Meta(description="First season, one number for each of its sp steps, for initialization_method known."),
    ] = None
    optimized: Annotated[
        bool,
        Meta(description="Estimate the smoothing parameters; without it smoothing_level and so on have to be given."),
    ] = True
    smoothing_level: Annotated[
        Smoothing | None, Meta(description="Alpha, the level's smoothing; none estimates it.")
    ] = None
    smoothing_trend: Annotated[
        Smoothing | None, Meta(description="Beta, the trend's smoothing, at most alpha; none estimates it.")
    ] = None
    smoothing_seasonal: Annotated[
        Smoothing | None, Meta(description="Gamma, the season's smoothing, at most 1 - alpha; none estimates it.")
    ] = None
    damping_trend: Annotated[
        Smoothing | None, Meta(description="Phi, the damping of the trend; none estimates it.")
    ] = None
    remove_bias: Annotated[bool, Meta(description="Shift the forecasts so that the residuals' mean is zero.")] = False
    use_brute: Annotated[
        bool, Meta(description="Search for starting values on a grid; slower, sometimes a better fit.")
    ] = False

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""
        trend, season = self.trend != "none", self.seasonal != "none"
        if self.damped_trend and not trend:
            raise UsageError("damped_trend needs a trend to dampen", "set trend=add or trend=mul as well")
        given = {
            "initial_trend": (self.initial_trend, trend, "trend"),
            "initial_seasonal": (self.initial_seasonal, season, "seasonal"),
            "smoothing_trend": (self.smoothing_trend, trend, "trend"),
            "smoothing_seasonal": (self.smoothing_seasonal, season, "seasonal"),
            "damping_trend": (self.damping_trend, self.damped_trend, "damped_trend"),
        }
        for name, (value, used, needs) in given.items():
            if value is not None and not used:
                raise UsageError(f"{name} needs {needs}", f"set {needs}, or leave {name} out")
        self._check_start(trend, season)
        if not self.optimized:
            self._check_fixed(trend, season)
        alpha = self.smoothing_level
        if alpha is not None and self.smoothing_trend is not None and self.smoothing_trend > alpha:
            raise UsageError("smoothing_trend is above smoothing_level", "lower it to smoothing_level or less")
        if alpha is not None and self.smoothing_seasonal is not None and self.smoothing_seasonal > 1 - alpha:
            raise UsageError("smoothing_seasonal is above 1 - smoothing_level", "lower one of the two")

    def _check_start(self, trend: bool, season: bool) -> None:
        known = self.initialization_method == "known"
        starts = {
            "initial_level": (self.initial_level, True),
            "initial_trend": (self.initial_trend, trend),
            "initial_seasonal": (self.initial_seasonal, season),
        }
        for name, (value, used) in starts.items():
            if known and used and value is None:
                raise UsageError(
                    f"initialization_method known needs {name}", f"set {name}, or use initialization_method=estimated"
                )
            if not known and value is not None:
                raise UsageError(
                    f"{name} is used only with initialization_method known", "set initialization_method=known as well"
                )

    def _check_fixed(self, trend: bool, season: bool) -> None:
        needed = {
            "smoothing_level": (self.smoothing_level, True),
            "smoothing_trend": (self.smoothing_trend, trend),
            "smoothing_seasonal": (self.smoothing_seasonal, season),
            "damping_trend": (self.damping_trend, self.damped_trend),
        }
        missing = [name for name, (value, used) in needed.items() if used and value is None]
        if missing:
            raise UsageError(
                f"optimized=false estimates nothing, so {', '.join(missing)} must be given",
                f"set {' and '.join(missing)}, or leave optimized at true",
            )


class HoltWintersParameters(SmoothingParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of holtwinters: exponential smoothing with an additive trend, and a season when the frequency has one.

    `seasonal` auto is add when the seasonal period is at least 2, else none.
    """

    trend: Annotated[Component, Meta(description="Trend component; mul needs positive values.")] = "add"
    seasonal: Annotated[  # type: ignore[assignment]
        Literal["auto", "add", "mul", "none"],
        Meta(description="Seasonal component; auto is add when there is a seasonal period; mul needs positive values."),
    ] = "auto"


class ArimaParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of arima."""

    order: Annotated[
        tuple[NonNegative, NonNegative, NonNegative],
        Meta(description="p,d,q: autoregressive lags, differences, moving-average lags."),
    ] = (1, 0, 0)
    seasonal_order: Annotated[
        tuple[NonNegative, NonNegative, NonNegative, NonNegative],
        Meta(description="P,D,Q,s: the same for the season, and its length s of 2 or more."),
    ] = (0, 0, 0, 0)
    start_params: Annotated[
        tuple[float, ...] | None,
        Meta(
            description="Starting values of the fit: trend, AR, MA, seasonal AR, seasonal MA, variance; none estimates them."
        ),
    ] = None
    method: Annotated[
        Literal["lbfgs", "bfgs", "newton", "nm", "cg", "powell", "basinhopping"],
        Meta(description="Optimiser of the likelihood; newton often fails, basinhopping is slow."),
    ] = "lbfgs"
    maxiter: Annotated[Positive, Meta(description="Most iterations of the optimiser.")] = 50
    suppress_warnings: Annotated[bool, Meta(description="Keep the fit's warnings out of the notices.")] = False
    out_of_sample_size: Annotated[
        NonNegative, Meta(description="Score the model on the last so many observations, which are fitted afterwards.")
    ] = 0
    scoring: Annotated[
        Literal["mse", "mae", "rmse", "mape", "smape", "rmsle", "r2"],
        Meta(description="Measure of that score; used only with out_of_sample_size."),
    ] = "mse"
    trend: Annotated[
        Literal["n", "c", "t", "ct"] | tuple[Annotated[int, Meta(ge=0, le=1)], ...] | None,
        Meta(
            description="Deterministic trend: n, c, t, ct, or a polynomial as 1,0,1; none is c with_intercept, else n."
        ),
    ] = None
    with_intercept: Annotated[bool, Meta(description="Fit a constant when no trend is named.")] = True
    time_varying_regression: Annotated[
        bool, Meta(description="Let regression coefficients vary; needs mle_regression=false.")
    ] = False
    enforce_stationarity: Annotated[bool, Meta(description="Keep the autoregressive part stationary.")] = True
    enforce_invertibility: Annotated[bool, Meta(description="Keep the moving-average part invertible.")] = True
    measurement_error: Annotated[bool, Meta(description="Assume that observations have a measurement error.")] = False
    mle_regression: Annotated[bool, Meta(description="Fit regression coefficients by maximum likelihood.")] = True
    hamilton_representation: Annotated[
        bool, Meta(description="Use Hamilton's form of the model instead of Harvey's; needs d = D = 0.")
    ] = False
    concentrate_scale: Annotated[
        bool, Meta(description="Take the variance out of the likelihood; one parameter fewer.")
    ] = False

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""
        p, d, q = self.order
        seasonal_p, seasonal_d, seasonal_q, season = self.seasonal_order
        if season == 1:
            raise UsageError("a season of 1 is none", "make the last number of seasonal_order 2 or more, or 0")
        if season == 0 and (seasonal_p or seasonal_d or seasonal_q):
            raise UsageError(
                "seasonal_order has seasonal terms and no season length",
                "make its last number the season's length, as 12 for months: seasonal_order=0,1,1,12",
            )
        if seasonal_p and season <= p:
            raise UsageError(f"lag {season} is both in order and in seasonal_order", f"lower p below {season}")
        if seasonal_q and season <= q:
            raise UsageError(f"lag {season} is both in order and in seasonal_order", f"lower q below {season}")
        if self.time_varying_regression and self.mle_regression:
            raise UsageError("time_varying_regression needs mle_regression=false", "set mle_regression=false as well")
        if self.hamilton_representation and (d or seasonal_d):
            raise UsageError(
                "hamilton_representation is for models without differences", "set d and D to 0, or leave it false"
            )
        if isinstance(self.trend, tuple) and not any(self.trend):
            raise UsageError("trend has no term", "write trend=n for no trend, or name a power with 1 as in 1,0,1")
        if self.start_params is not None and len(self.start_params) != self.parameter_count:
            raise UsageError(
                f"start_params has {len(self.start_params)} numbers and this model {self.parameter_count} parameters",
                "give one number for each: trend, AR, MA, seasonal AR, seasonal MA, measurement error, variance",
            )

    @property
    def parameter_count(self) -> int:
        """How many parameters the fit estimates."""
        trend = self.trend if self.trend is not None else ("c" if self.with_intercept else "n")
        terms = sum(trend) if isinstance(trend, tuple) else {"n": 0, "c": 1, "t": 1, "ct": 2}[trend]
        p, _, q = self.order
        seasonal_p, _, seasonal_q, _ = self.seasonal_order
        variances = (0 if self.concentrate_scale else 1) + self.measurement_error
        return terms + p + q + seasonal_p + seasonal_q + variances


class StlParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of stl_forecaster: decomposes into trend, season and rest, forecasts each, and adds them."""

    sp: Annotated[
        SeasonLength | None, Meta(description="Seasonal period; none takes it from the dataset's frequency.")
    ] = 2
    seasonal: Annotated[Window, Meta(description="Length of the seasonal smoother, odd.")] = 7
    trend: Annotated[
        Window | None, Meta(description="Length of the trend smoother, odd and above sp; none is about 1.5 sp.")
    ] = None
    low_pass: Annotated[
        Window | None, Meta(description="Length of the low-pass filter, odd and above sp; none is the least.")
    ] = None
    seasonal_deg: Annotated[Literal[0, 1], Meta(description="Degree of the seasonal smoother.")] = 1
    trend_deg: Annotated[Literal[0, 1], Meta(description="Degree of the trend smoother.")] = 1
    low_pass_deg: Annotated[Literal[0, 1], Meta(description="Degree of the low-pass filter.")] = 1
    robust: Annotated[bool, Meta(description="Give outliers less weight.")] = False
    seasonal_jump: Annotated[Positive, Meta(description="Smooth the season at every so many points only.")] = 1
    trend_jump: Annotated[Positive, Meta(description="Smooth the trend at every so many points only.")] = 1
    low_pass_jump: Annotated[Positive, Meta(description="Filter at every so many points only.")] = 1
    inner_iter: Annotated[
        NonNegative | None, Meta(description="Iterations of the inner loop; none is 5, or 2 when robust.")
    ] = None
    outer_iter: Annotated[
        NonNegative | None, Meta(description="Iterations of the outer loop; none is 0, or 15 when robust.")
    ] = None
    forecaster_trend: Annotated[
        ComponentForecaster | None, Meta(description="What forecasts the trend; none is drift.")
    ] = None
    forecaster_seasonal: Annotated[
        ComponentForecaster | None, Meta(description="What forecasts the season; none is seasonal-naive.")
    ] = None
    forecaster_resid: Annotated[
        ComponentForecaster | None, Meta(description="What forecasts the rest; none is seasonal-mean.")
    ] = None

    def check(self) -> None:
        """Raises UsageError when parameters contradict each other."""
        for name, length in (("seasonal", self.seasonal), ("trend", self.trend), ("low_pass", self.low_pass)):
            if length is None:
                continue
            if length % 2 == 0:
                raise UsageError(f"{name} has to be odd, not {length}", f"write {length - 1} or {length + 1}")
            if name != "seasonal" and self.sp is not None and length <= self.sp:
                raise UsageError(
                    f"{name} has to be above the seasonal period {self.sp}, not {length}", f"raise {name} or lower sp"
                )


ForecasterParameters = NaiveParameters | SmoothingParameters | ArimaParameters | StlParameters | StatsforecastParameters
