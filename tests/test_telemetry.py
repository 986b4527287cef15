"""service/telemetry.py: records that can't be read."""

import pytest

from service import metrics, telemetry

from .metrics import total


@pytest.mark.expects_log("damaged record")
def test_a_damaged_record_is_counted_each_time_and_logged_once_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """By its key, without its value; another key has a line of its own."""
    before = total(metrics.DAMAGED.labels("position"))
    for _ in range(3):
        telemetry.damaged("position", "parley:{tests}:position", "no number")
    telemetry.damaged("position", "parley:{others}:position", "no number")
    assert total(metrics.DAMAGED.labels("position")) == before + 4
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"damaged record parley:{{{room}}}:position (position): no number" for room in ("tests", "others")]
