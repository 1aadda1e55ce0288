"""What a build reads and writes, without the compiler."""

import json
import re
import tempfile
import unittest
from pathlib import Path

from tidegate_sdk.build import wasi
from tidegate_sdk.build.component import _stage, _world, wit_folder
from tidegate_sdk.build.project import CONTRACT, BuildError, Project
from tidegate_sdk.build.section import IMPORTS, MANIFEST, sections, with_section

PYPROJECT = """
[project]
name = "twice"
version = "0.2.0"
description = "Twice."
license = "Apache-2.0"
authors = [{name = "Ada", email = "ada@example.com"}, {name = "Bob"}]
[tool.tidegate.roles]
transform = "twice_numbers:Twice"
[tool.tidegate.wishes]
memory = "128MiB"
"""
MODULE = "import tidegate_sdk\nclass Twice(tidegate_sdk.Transform): pass\n"


class Building(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.write("pyproject.toml", PYPROJECT)
        self.write("twice_numbers.py", MODULE)
        self.write("test_twice.py", "raise SystemExit")

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def test_the_manifest_says_what_pyproject_says(self):
        project = Project.read(self.folder)
        schema = project.config_schema()
        self.assertEqual(schema["properties"], {})
        manifest = json.loads(project.manifest(schema))
        self.assertEqual(
            manifest,
            {
                "name": "twice", "version": "0.2.0", "description": "Twice.", "license": "Apache-2.0",
                "authors": ["Ada <ada@example.com>", "Bob"], "roles": ["transform"], "contract": CONTRACT,
                "wishes": {"memory": "128MiB"}, "config_schema": schema,
            },
        )  # fmt: skip

    def test_the_contract_is_the_clones(self):
        wit = wit_folder()
        self.assertIn(f"package tidegate:plugin@{CONTRACT};", (wit / "types.wit").read_text(encoding="utf-8"))

    def test_what_goes_in_is_the_modules_and_the_sdk_without_its_tools(self):
        app = self.folder / "staged"
        _stage(Project.read(self.folder), app, "{}")
        staged = {str(path.relative_to(app)) for path in app.rglob("*.py")}
        self.assertLessEqual({"twice_numbers.py", "transform.py", "tidegate_entry.py"}, staged)
        self.assertFalse([path for path in staged if "test" in path or "build" in path])

    def test_what_is_wrong_in_pyproject_is_said(self):
        for old, new, said in [
            ('"twice"', '"Twice!"', "project.name"),
            ('"0.2.0"', '"2"', "project.version"),
            ("transform =", "transfrom =", "`transfrom` is not known"),
            ('"twice_numbers:Twice"', '"twice_numbers"', "must be like module:Class"),
            ("[tool.tidegate.roles]\ntransform", "[tool.other]\ntransform", "must name a class"),
            ("memory", "memroy", "`memroy` is not known"),
            ('memory = "128MiB"', 'http = "https://example.com/"', "must be a list of URLs"),
            ('memory = "128MiB"', "http = [1]", "must be a list of URLs"),
            ("[project]", "[project", "pyproject.toml"),
        ]:
            self.write("pyproject.toml", PYPROJECT.replace(old, new))
            with self.subTest(said), self.assertRaises(BuildError) as caught:
                Project.read(self.folder)
            self.assertIn(said, str(caught.exception))

    def test_http_is_asked_for_where_it_is_wished_for(self):
        for wish, is_asked_for in [('http = ["https://example.com/"]', True), ("http = []", False), ("", False)]:
            self.write("pyproject.toml", PYPROJECT.replace('memory = "128MiB"', wish))
            project = Project.read(self.folder)
            with self.subTest(wish), tempfile.TemporaryDirectory() as scratch:
                work = Path(scratch)
                _stage(project, work / "app", "{}")
                _world(project, work / "wit")
                entry = (work / "app/tidegate_entry.py").read_text(encoding="utf-8")
                self.assertEqual("http.exchange = exchange" in entry, is_asked_for)
                world = (work / "wit/this-plugin.wit").read_text(encoding="utf-8")
                self.assertEqual(len(re.findall("import .*@0.2.0;", world)), len(wasi.INTERFACES) if is_asked_for else 0)
                packages = [file.read_text(encoding="utf-8") for file in (work / "wit/deps").glob("*.wit")]
                self.assertEqual(len(packages), 2 if is_asked_for else 0)
                # `--stub-wasi` would make traps of what is called so.
                self.assertFalse([text for text in packages if "wasi:" in text])
        manifest = json.loads(project.manifest({}))
        self.assertNotIn("wishes", manifest)

    def test_the_imports_of_http_get_their_own_names_and_nothing_else_changes(self):
        def component(*imports):
            # Names in modules inside are matched up inside: they stay.
            made = b"\0asm\x0d\0\1\0" + b"\1\x11kept:io/poll@0.2."
            for name in imports:
                content = b"\1\0" + bytes([len(name)]) + name.encode() + b"\5\0"
                made += bytes([IMPORTS, len(content)]) + content
            return made

        aliases = [name.replace("wasi", "kept") for name in wasi.INTERFACES]
        contract = "tidegate:plugin/host@0.1.0"
        named = wasi.with_names(component(*aliases, contract))
        self.assertEqual(named, component(*wasi.INTERFACES, contract))
        for wrong in (aliases[1:], [*aliases, aliases[0]], wasi.INTERFACES):
            with self.assertRaises(BuildError):
                wasi.with_names(component(*wrong))

    def test_sections_are_found_whatever_their_size(self):
        component = b"\0asm\x0d\0\1\0"
        for payload in (b"", b"x" * 300, b"y" * 40_000):
            component = with_section(component, MANIFEST, payload)
        head = 1 + len(MANIFEST)
        found = [(number, stop - start - head) for number, start, stop in sections(component)]
        self.assertEqual(found, [(0, 0), (0, 300), (0, 40_000)])
        with self.assertRaises(ValueError):
            list(sections(b"\0asm\1\0\0\0"))

    def test_a_module_may_not_be_called_as_the_contracts_are(self):
        self.write("transform.py", "")
        with self.assertRaises(BuildError):
            _stage(Project.read(self.folder), self.folder / "staged", "{}")

    def test_a_section_is_appended(self):
        component = b"\0asm\x0d\0\1\0"
        payload = b"x" * 300
        section = with_section(component, MANIFEST, payload)[len(component) :]
        # id 0, then the size 1 + 17 + 300 = 318 as LEB128, then the name behind its length.
        self.assertEqual(section[:4], b"\0\xbe\x02\x11")
        self.assertEqual(section[4:], MANIFEST.encode() + payload)
        with self.assertRaises(ValueError):
            with_section(b"\0asm\1\0\0\0", MANIFEST, b"")
