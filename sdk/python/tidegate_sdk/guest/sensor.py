"""The exported interface `sensor`."""

from __future__ import annotations

import json
from typing import Any

from wit_world.exports import sensor as wit

from .. import config as configs
from ..sensor import Sensor
from ..state import MAX_STATE_BYTES, from_state, to_state
from .crossing import guarded


def functions(plugin: type[Sensor]) -> type:
    """The interface's functions."""

    class Functions:
        @guarded
        def evaluate(self, config: str, cursor: str | None) -> wit.Evaluation:
            before = None if cursor is None else from_state(cursor.encode())
            seen = plugin.evaluate(configs.decode(plugin.Config, config), before)
            outcome: Any
            if seen.skipped is not None:
                outcome = wit.Outcome_Skip(seen.skipped)
            else:
                outcome = wit.Outcome_Runs(
                    [
                        wit.RunRequest(
                            run.key,
                            run.partition,
                            None if run.config is None else json.dumps(run.config),
                            list(run.tags.items()),
                        )
                        for run in seen.runs
                    ]
                )
            after = None if seen.cursor is None else to_state("a cursor", seen.cursor, MAX_STATE_BYTES).decode()
            return wit.Evaluation(outcome, after)

    return Functions
