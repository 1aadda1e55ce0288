"""The templates: filled in, their own tests pass, their pyproject is right, and nothing is left to fill in."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tidegate_sdk.build.component import _stage
from tidegate_sdk.build.project import ROLES, Project

SDK = Path(__file__).resolve().parent.parent
VALUES = {"{{name}}": "my-plugin", "{{module}}": "my_plugin", "{{sdk}}": str(SDK)}


def filled(text):
    for placeholder, value in VALUES.items():
        text = text.replace(placeholder, value)
    return text


class Templates(unittest.TestCase):
    def test_each_role_has_one(self):
        self.assertEqual({path.name for path in (SDK / "templates").iterdir()}, set(ROLES))

    def test_each_passes_its_own_tests(self):
        for role in ROLES:
            with self.subTest(role), tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                for file in (SDK / "templates" / role).rglob("*"):
                    if file.is_file() and "__pycache__" not in file.parts:
                        target = folder / filled(file.relative_to(SDK / "templates" / role).as_posix())
                        target.parent.mkdir(exist_ok=True)
                        target.write_text(filled(file.read_text(encoding="utf-8")), encoding="utf-8")
                        self.assertNotIn("{{", target.read_text(encoding="utf-8"), target)
                self.assertTrue((folder / "README.md").is_file())
                environment = {**os.environ, "PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1"}
                done = subprocess.run(
                    [sys.executable, "-m", "unittest", "-v"], cwd=folder, env=environment, capture_output=True, text=True
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("ok", done.stderr)
                project = Project.read(folder)
                self.assertEqual(project.roles, {role: ("my_plugin", "Plugin")})
                _stage(project, folder / "staged", "{}")
