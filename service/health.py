"""HTTP for balancers and operators: whether the process lives, whether it is ready, its metrics."""

import hmac

from service import telemetry
from service.handler import ApiError, Handler
from service.identity import headers


class HealthHandler(Handler):
    """`GET /healthz`: the process runs its loop."""

    insecure = True

    def get(self) -> None:
        self.write_json({"status": "ok"})


class ReadyHandler(Handler):
    """`GET /readyz`: the broker answers, every part runs, and the process is not leaving."""

    insecure = True

    def get(self) -> None:
        admission, broker = self.node.admission, self.node.broker.available
        draining, failed = admission.draining, sorted(admission.failed)
        ready = broker and not draining and not failed
        state = {"ready": ready, "broker": broker, "draining": draining, "failed": failed}
        self.write_json(state, 200 if ready else 503)


class MetricsHandler(Handler):
    """`GET /metrics`: the Prometheus text format."""

    insecure = True

    def initialize(self, token: str) -> None:  # type: ignore[override]
        """Who asks needs this as a bearer token, unless it is empty."""
        super().initialize()
        self._token = token

    def get(self) -> None:
        if self._token and not hmac.compare_digest(self._token, headers.bearer(self.request.headers) or ""):
            raise ApiError(401, "unauthenticated", "METRICS_TOKEN is needed as a bearer token.")
        telemetry.ROOMS.set(len(self.node.rooms.by_name))
        telemetry.BROKER_UP.set(self.node.broker.available)
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(telemetry.exposition())
