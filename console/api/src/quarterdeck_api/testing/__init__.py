"""What the authors of plugins test their backends with: a fake runtime, faults, and the contract. Needs no test framework.

::

    from quarterdeck_api.testing import FakeRuntime, HostedBackend, contract

    @pytest.fixture(scope="module")
    def kiln() -> Iterator[HostedBackend]:
        with FakeRuntime("quarterdeck_kiln.plugin") as runtime:
            yield runtime.open("kiln", "kiln.local", {"size": 3})

    @pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
    def test_contract(kiln: HostedBackend, check: contract.Check) -> None:
        kiln.check(check)
"""

from quarterdeck_api.testing import contract
from quarterdeck_api.testing.fake_runtime import FakeRuntime
from quarterdeck_api.testing.faults import Fault, Hangs, Raises, Slow
from quarterdeck_api.testing.hosted_backend import HostedBackend

__all__ = ["FakeRuntime", "Fault", "Hangs", "HostedBackend", "Raises", "Slow", "contract"]
