"""Forecasts and labels of series that lie in a cluster: actions and jobs, as the plugin declares them."""

from quarterdeck_api.declarations import Action, JobType

ACTIONS: tuple[Action, ...] = ()

JOBS: tuple[JobType, ...] = ()
