"""HTTP for balancers and operators: whether the process lives, whether it is ready, its metrics."""

import hmac

from service import totals
from service.handler import ApiError, Handler
from service.identity import headers


class HealthHandler(Handler):
    """`GET /healthz`: the process runs its loop."""

    insecure = True

    def get(self) -> None:
        self.write_json({"status": "ok"})


class ReadyHandler(Handler):
    """`GET /readyz`: the broker takes a write, every part runs, and the process is not leaving."""

    insecure = True

    async def get(self) -> None:
        fault = await self.node.readiness.fault()
        admission = self.node.admission
        draining, failed = admission.draining, sorted(admission.failed)
        reason = [f"broker: {fault}"] if fault else []
        reason += ["draining"] if draining else []
        reason += [f"failed: {part}" for part in failed]
        ready = not reason
        state = {"ready": ready, "broker": not fault, "draining": draining, "failed": failed, "reason": reason}
        self.write_json(state, 200 if ready else 503)


class MetricsHandler(Handler):
    """`GET /metrics`: the Prometheus text format, of all processes on this port."""

    insecure = True

    def initialize(self, token: str) -> None:  # type: ignore[override]
        """Who asks needs this as a bearer token, unless it is empty."""
        super().initialize()
        self._token = token

    async def get(self) -> None:
        if self._token and not hmac.compare_digest(self._token, headers.bearer(self.request.headers) or ""):
            raise ApiError(401, "unauthenticated", "METRICS_TOKEN is needed as a bearer token.")
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(totals.exposition(await totals.current.families()))
