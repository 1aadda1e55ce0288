"""Sensors."""

from __future__ import annotations

import json
from typing import Any, Mapping

from .. import config as configs
from ..sensor import Evaluation, Sensor
from ..state import MAX_STATE_BYTES, from_state, to_state


def look(plugin: type[Sensor], config: Mapping[str, Any], cursor: Any = None) -> Evaluation:
    """One look; the cursors go through JSON, as between two looks of the host."""

    def kept(value: Any) -> Any:
        return None if value is None else from_state(to_state("a cursor", value, MAX_STATE_BYTES))

    seen = plugin.evaluate(configs.decode(plugin.Config, json.dumps(config)), kept(cursor))
    return Evaluation(seen.runs, seen.skipped, kept(seen.cursor))
