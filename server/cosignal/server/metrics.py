"""Count what an operator watches, and nothing that an onlooker could use.

What this module guarantees:

* Each node has its own registry; two nodes in one process do not mix.
* A fake request counts like the real one it imitates, and no figure says how many
  keys came in or wait: `/metrics` would otherwise undo the chaff.
"""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest

# They would tell when each kind of answer was given for the first time.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The figures of one node."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._gauges: dict[str, Gauge] = {}
        self._counters: dict[tuple[str, int], Counter] = {}
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "cosignal_requests",
            "Answered requests; fake ones count like real ones.",
            ("route", "status"),
            registry=self._registry,
        )

    def count_request(self, route: str, status: int) -> None:
        """Count one answer.

        Args:
            route: The route's pattern, never the path that was asked for.
            status: HTTP status.
        """
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._requests.labels(route, str(status))
            self._counters[route, status] = counter
        counter.inc()

    def render(self, ledger: Mapping[str, float]) -> bytes:
        """Write all figures in Prometheus' text format.

        Args:
            ledger: The ledger's figures at this moment.

        Returns:
            UTF-8 text.
        """
        for name, value in ledger.items():
            if name not in self._gauges:
                about = f"Ledger: {name.replace('_', ' ')}."
                self._gauges[name] = Gauge(
                    f"cosignal_{name}", about, registry=self._registry
                )
            self._gauges[name].set(value)
        return generate_latest(self._registry)
