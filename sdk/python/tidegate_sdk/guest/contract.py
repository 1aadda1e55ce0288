"""The contract's interface `types`. With `wasi:http` beside it, which has an interface of that name too, componentize-py
calls it by its package."""

try:
    from wit_world.imports import tidegate_plugin_types as wit
except ImportError:
    from wit_world.imports import types as wit

__all__ = ["wit"]
