"""Configs: their JSON Schema, and what is said of a wrong one."""

import unittest
from dataclasses import dataclass, field
from typing import Literal

from tidegate_sdk import Fault, config
from tidegate_sdk.transform import NoConfig


@dataclass
class Rule:
    """What one country does."""

    prefix: str = field(metadata={"pattern": r"^\+\d+$", "description": "With the plus."})
    digits: list[int] = field(default_factory=lambda: [9], metadata={"minimum": 1})


@dataclass
class Config:
    factor: float
    mode: Literal["strict", "loose"] = "strict"
    limit: int | None = None
    rules: dict[str, Rule] = field(default_factory=dict)
    deep: bool = False


class Decoding(unittest.TestCase):
    def test_a_config_is_decoded_with_its_defaults(self):
        text = '{"factor": 2, "rules": {"at": {"prefix": "+43", "digits": [10, 11]}}}'
        decoded = config.decode(Config, text)
        self.assertEqual(decoded, Config(2.0, rules={"at": Rule("+43", [10, 11])}))
        self.assertIs(type(decoded.factor), float)

    def test_what_is_wrong_is_named_with_its_place(self):
        wrong = [
            ("{", "", "no JSON"),
            ("[]", "", "must be a mapping, and is a list"),
            ("{}", "", "`factor` is missing"),
            ('{"factor": "2"}', "/factor", "must be a number, and is a string"),
            ('{"factor": true}', "/factor", "must be a number, and is a boolean"),
            ('{"factor": 1, "limit": 1.5}', "/limit", "must be an integer, and is a number"),
            ('{"factor": 1, "deep": 1}', "/deep", "must be a boolean, and is an integer"),
            ('{"factor": 1, "deep": null}', "/deep", "must be a boolean, and is null"),
            ('{"factor": 1, "mode": "lose"}', "/mode", 'one of "strict", "loose"'),
            ('{"factor": 1, "mod": "loose"}', "/mod", "did you mean `mode`?"),
            ('{"factor": 1, "a/b~c": 1}', "/a~1b~0c", "known are factor, mode"),
            ('{"factor": 1, "rules": {"at": {}}}', "/rules/at", "`prefix` is missing"),
            ('{"factor": 1, "rules": {"at": {"prefix": "43"}}}', "/rules/at/prefix", "must match"),
            ('{"factor": 1, "rules": {"a": {"prefix": "+1", "digits": [5, 0]}}}', "/rules/a/digits/1", "at least 1"),
        ]
        for text, pointer, message in wrong:
            with self.subTest(text), self.assertRaises(Fault) as caught:
                config.decode(Config, text)
            self.assertEqual((caught.exception.kind, caught.exception.pointer), ("invalid-config", pointer))
            self.assertIn(message, caught.exception.message)

    def test_a_plugin_without_config_takes_none(self):
        self.assertIsInstance(config.decode(NoConfig, ""), NoConfig)
        with self.assertRaises(Fault) as caught:
            config.decode(NoConfig, '{"a": 1}')
        self.assertEqual(caught.exception.pointer, "/a")


class Schema(unittest.TestCase):
    def test_the_schema_says_what_decoding_checks(self):
        self.assertEqual(
            config.json_schema(Config),
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "Config",
                "type": "object",
                "additionalProperties": False,
                "required": ["factor"],
                "properties": {
                    "factor": {"type": "number"},
                    "mode": {"enum": ["strict", "loose"], "default": "strict"},
                    "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
                    "rules": {
                        "type": "object",
                        "default": {},
                        "additionalProperties": {
                            "type": "object",
                            "description": "What one country does.",
                            "additionalProperties": False,
                            "required": ["prefix"],
                            "properties": {
                                "prefix": {"type": "string", "pattern": r"^\+\d+$", "description": "With the plus."},
                                "digits": {
                                    "type": "array",
                                    "items": {"type": "integer", "minimum": 1},
                                    "default": [9],
                                },
                            },
                        },
                    },
                    "deep": {"type": "boolean", "default": False},
                },
            },
        )

    def test_a_kind_that_json_has_not_is_refused(self):
        @dataclass
        class Wrong:
            at: bytes

        with self.assertRaises(TypeError):
            config.json_schema(Wrong)
