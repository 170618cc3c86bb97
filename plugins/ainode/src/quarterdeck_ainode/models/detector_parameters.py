"""Parameters of the three models that label points, with the ranges that their libraries really accept."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=5000)]
AnyNumber = Annotated[float, Meta(ge=-1e10, le=1e10)]
NonNegativeNumber = Annotated[float, Meta(ge=0, le=1e10)]
PositiveNumber = Annotated[float, Meta(gt=0, le=1e10)]
Seed = Annotated[int, Meta(ge=0, le=4294967295)]

_STATES = "Number of hidden states; at most the number of observations."
_PARTS = "Which parts are {}: any letters of s start, t transitions, m means, c covariances{}."


class _HmmParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """What both hidden Markov models have."""

    n_components: Annotated[Count, Meta(description=_STATES)] = 1
    covariance_type: Annotated[
        Literal["spherical", "diag", "full", "tied"], Meta(description="Shape of the covariances.")
    ] = "diag"
    min_covar: Annotated[NonNegativeNumber, Meta(description="Floor of the covariances' diagonal.")] = 1e-3
    startprob_prior: Annotated[PositiveNumber, Meta(description="Dirichlet prior of the first state.")] = 1.0
    transmat_prior: Annotated[PositiveNumber, Meta(description="Dirichlet prior of each state's transitions.")] = 1.0
    means_prior: Annotated[AnyNumber, Meta(description="Prior mean of the means.")] = 0.0
    means_weight: Annotated[NonNegativeNumber, Meta(description="Weight of the means' prior.")] = 0.0
    algorithm: Annotated[Literal["viterbi", "map"], Meta(description="How states are decoded.")] = "viterbi"
    random_state: Annotated[Seed | None, Meta(description="Seed of the first guess; none differs from run to run.")] = (
        None
    )
    n_iter: Annotated[Count, Meta(description="Most iterations of the fit.")] = 10
    tol: Annotated[AnyNumber, Meta(description="The fit ends when the likelihood gains less than this.")] = 1e-2
    verbose: Annotated[bool, Meta(description="Write each iteration into the log.")] = False
    implementation: Annotated[
        Literal["log", "scaling"], Meta(description="Arithmetic in logarithms, or scaled and faster.")
    ] = "log"


class GaussianHmmParameters(_HmmParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of gaussian_hmm."""

    covars_prior: Annotated[AnyNumber, Meta(description="Prior of the covariances.")] = 1e-2
    covars_weight: Annotated[AnyNumber, Meta(description="Weight of the covariances' prior.")] = 1.0
    params: Annotated[str, Meta(pattern="^[stmc]*$", description=_PARTS.format("fitted", ""))] = "stmc"
    init_params: Annotated[str, Meta(pattern="^[stmc]*$", description=_PARTS.format("guessed first", ""))] = "stmc"


class GmmHmmParameters(_HmmParameters, frozen=True, forbid_unknown_fields=True):
    """Parameters of gmm_hmm."""

    n_mix: Annotated[Count, Meta(description="Number of Gaussians in each state.")] = 1
    weights_prior: Annotated[AnyNumber, Meta(description="Dirichlet prior of the mixtures' weights.")] = 1.0
    covars_prior: Annotated[
        AnyNumber | None, Meta(description="Prior of the covariances; none is the library's for the shape.")
    ] = None
    covars_weight: Annotated[
        AnyNumber | None, Meta(description="Weight of that prior; none is the library's for the shape.")
    ] = None
    params: Annotated[str, Meta(pattern="^[stmcw]*$", description=_PARTS.format("fitted", ", w weights"))] = "stmcw"
    init_params: Annotated[
        str, Meta(pattern="^[stmcw]*$", description=_PARTS.format("guessed first", ", w weights"))
    ] = "stmcw"


class StrayParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of stray."""

    alpha: Annotated[
        float, Meta(gt=0, lt=1, description="Points in the last alpha of the distances' tail are anomalies.")
    ] = 0.01
    k: Annotated[Count, Meta(description="Number of neighbours looked at.")] = 10
    knn_algorithm: Annotated[
        Literal["brute", "kd_tree", "ball_tree", "auto"], Meta(description="How neighbours are found.")
    ] = "brute"
    p: Annotated[float, Meta(ge=0, le=1, description="Share of the points that may be anomalies.")] = 0.5
    size_threshold: Annotated[Count, Meta(description="Points from which the threshold is estimated.")] = 50
    outlier_tail: Annotated[Literal["min", "max"], Meta(description="Which tail of the distances is looked at.")] = (
        "max"
    )


DetectorParameters = GaussianHmmParameters | GmmHmmParameters | StrayParameters
