"""Records that can't be read: counted among the metrics, and logged."""

import logging
import time

from service import metrics
from service.logs import fields

logger = logging.getLogger(__name__)

_damage_said: dict[str, float] = {}  # when each was last logged
DAMAGE_INTERVAL = 60.0  # seconds between two log lines on the same record
_DAMAGE_LIMIT = 1000  # records of which that is remembered


def damaged(kind: str, key: str, reason: object = "") -> None:
    """Count a record that can't be read, and log it by its key: it costs what it stands for, and nothing else.

    `kind` is one of a few words ("position", "sanction", "person" …), for it becomes a label. Never pass the value.
    """
    metrics.DAMAGED.labels(kind).inc()
    now = time.monotonic()
    if now - _damage_said.get(key, -DAMAGE_INTERVAL) >= DAMAGE_INTERVAL:
        if len(_damage_said) >= _DAMAGE_LIMIT:
            _damage_said.clear()
        _damage_said[key] = now
        extra = fields("damaged_record", key=key, kind=kind, reason=str(reason))
        logger.error("damaged record %s (%s): %s", key, kind, reason, extra=extra)
