"""The exported interface `configuration`."""


def configuration(schema: str) -> type:
    """The interface for a JSON Schema, which was computed when the plugin was built."""

    class Configuration:
        def schema(self) -> str:
            return schema

    return Configuration
