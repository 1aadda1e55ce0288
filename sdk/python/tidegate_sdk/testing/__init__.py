"""Run a plugin natively, in its own tests, through the same classes as in the sandbox.

    done = testing.run(Scale, {"factor": 10.0}, {"amount": Column.of(FLOAT64, [1.0, None])})
    assert done.columns == {"scaled": [10.0, None]}

What the host would refuse, the harness refuses too: it raises Fault or ContractError. Configs and cursors go through JSON,
and columns through the contract's buffers, as in the sandbox.
"""

from .batches import Columns, ContractError, batch_of, fields_of
from .check import verdict
from .destination import abort, load
from .sensor import look
from .source import discover, read
from .transform import Done, bind_to, finish, process, run

__all__ = [
    "Columns", "ContractError", "Done", "abort", "batch_of", "bind_to", "discover", "fields_of", "finish", "load", "look",
    "process", "read", "run", "verdict",
]  # fmt: skip
