"""A plugin's config: a dataclass, its JSON Schema, and decoding with the place of what is wrong.

Fields may be `bool`, `int`, `float`, `str`, `Literal[...]`, `X | None`, `list[X]`, `dict[str, X]` and other dataclasses.
A field without a default is required; a key that is no field is an error. `metadata` of a `dataclasses.field` may hold
`description`, `minimum`, `maximum` and `pattern`; of them the last three are checked, on each value of a list too.

JSON is decoded strictly: true is no number, 1 is no text, and 1.5 no `int`. An `int` is taken for a `float`.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from difflib import get_close_matches
from typing import Any, Literal, Union

from .fault import Fault

_SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}
_CHECKED = ("minimum", "maximum", "pattern")


def json_schema(config: type) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config class."""
    schema = _schema(config, {})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": config.__name__, **schema}


def decode(config: type, text: str) -> Any:
    """An instance of the config class from JSON; Fault.config with the pointer of the first thing that is wrong."""
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise Fault.config("", f"it is no JSON: {error}") from None
    return _decode(config, value, "", {})


def _schema(kind: Any, rules: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    checked = {rule: rules[rule] for rule in _CHECKED if rule in rules}
    if kind in _SCALARS:
        return {"type": _SCALARS[kind], **checked}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if one is type(None) else _schema(one, rules) for one in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], rules)}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _schema(arguments[1], rules)}
    properties, required = {}, []
    for field, its_kind in _fields(kind):
        properties[field.name] = _schema(its_kind, field.metadata)
        if description := field.metadata.get("description"):
            properties[field.name]["description"] = description
        if _required(field):
            required.append(field.name)
        elif field.default is not dataclasses.MISSING:
            properties[field.name]["default"] = _plain(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            properties[field.name]["default"] = _plain(field.default_factory())
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    # A dataclass without a docstring is given one by Python: its signature, which says nothing.
    if (text := inspect.getdoc(kind)) and not text.startswith(f"{kind.__name__}("):
        schema["description"] = text
    return schema


def _fields(kind: Any) -> list[tuple[dataclasses.Field[Any], Any]]:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return [(field, hints[field.name]) for field in dataclasses.fields(kind) if field.init]
    raise TypeError(f"{kind} cannot be in a config; see tidegate_sdk.config for what can")


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def _decode(kind: Any, value: Any, pointer: str, rules: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _scalar(kind, value, pointer, rules)
    if origin is Literal:
        if not any(value == one and type(value) is type(one) for one in arguments):
            raise Fault.config(pointer, f"it must be one of {', '.join(map(json.dumps, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value, pointer, rules)
    if origin is list:
        if not isinstance(value, list):
            raise Fault.config(pointer, f"it must be a list, and is {_name(value)}")
        return [_decode(arguments[0], one, f"{pointer}/{place}", rules) for place, one in enumerate(value)]
    if not isinstance(value, dict):
        raise Fault.config(pointer, f"it must be a mapping, and is {_name(value)}")
    if origin is dict:
        return {key: _decode(arguments[1], one, _below(pointer, key), rules) for key, one in value.items()}
    fields = _fields(kind)
    names = [field.name for field, _ in fields]
    for key in value:
        if key not in names:
            near = get_close_matches(key, names, 1)
            known = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(names) or 'none'}"
            raise Fault.config(_below(pointer, key), f"the key is not known; {known}")
    if missing := [field.name for field, _ in fields if _required(field) and field.name not in value]:
        raise Fault.config(pointer, f"`{missing[0]}` is missing")
    decoded = {
        field.name: _decode(its_kind, value[field.name], _below(pointer, field.name), field.metadata)
        for field, its_kind in fields
        if field.name in value
    }
    return kind(**decoded)


def _decode_union(kinds: tuple[Any, ...], value: Any, pointer: str, rules: Any) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    fault = None
    for kind in others:
        try:
            return _decode(kind, value, pointer, rules)
        except Fault as this:
            # What is wrong deepest is of the kind that was meant.
            if fault is None or len(this.pointer) > len(fault.pointer):
                fault = this
    raise fault or Fault.config(pointer, "it must be null")


def _scalar(kind: type, value: Any, pointer: str, rules: Any) -> Any:
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not fits:
        raise Fault.config(pointer, f"it must be {_article(_SCALARS[kind])}, and is {_name(value)}")
    if "minimum" in rules and value < rules["minimum"]:
        raise Fault.config(pointer, f"it must be at least {rules['minimum']}")
    if "maximum" in rules and value > rules["maximum"]:
        raise Fault.config(pointer, f"it must be at most {rules['maximum']}")
    if "pattern" in rules and not re.search(rules["pattern"], value):
        raise Fault.config(pointer, f"it must match {rules['pattern']}")
    return float(value) if kind is float else value


def _name(value: Any) -> str:
    if value is None:
        return "null"
    return _article({list: "list", dict: "mapping"}.get(type(value)) or _SCALARS[type(value)])


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _below(pointer: str, key: str) -> str:
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
