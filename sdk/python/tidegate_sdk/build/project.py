"""A plugin's pyproject.toml."""

from __future__ import annotations

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import config as configs

ROLES = ("transform", "source", "destination", "check", "sensor")

#: The version of the contract that this SDK speaks (wit/since-v0.1, `package`).
CONTRACT = "0.1.0"

#: What the host takes as a name (host/plugin/src/manifest.rs, `is_name`).
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_WISHES = ("http", "secrets", "memory")


class BuildError(Exception):
    """The plugin cannot be built, and why."""


@dataclass(frozen=True)
class Project:
    """What pyproject.toml says of a plugin."""

    folder: Path
    name: str
    version: str
    description: str
    license: str
    authors: list[str]
    repository: str
    #: For each role the class that plays it: module and name.
    roles: dict[str, tuple[str, str]]
    wishes: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Project:
        """Reads and checks a folder's pyproject.toml."""
        file = folder / "pyproject.toml"
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise BuildError(f"{file}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise BuildError(f"{file}: {error}") from None
        project, tool = document.get("project", {}), document.get("tool", {}).get("tidegate", {})
        name, version = project.get("name", ""), project.get("version", "")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BuildError(f"{file}: project.name `{name}` must have small letters, digits, `-` and `_`")
        if not re.fullmatch(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?", str(version)):
            raise BuildError(f"{file}: project.version `{version}` must be a semantic version such as 0.1.0")
        if unknown := tool.keys() - {"roles", "wishes"}:
            raise BuildError(f"{file}: tool.tidegate.{sorted(unknown)[0]} is not known; known are roles and wishes")
        wishes = tool.get("wishes", {})
        if unknown := wishes.keys() - set(_WISHES):
            raise BuildError(f"{file}: the wish `{sorted(unknown)[0]}` is not known; known are {', '.join(_WISHES)}")
        hosts = wishes.get("http", [])
        if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
            raise BuildError(f'{file}: the wish `http` must be a list of URLs, such as ["https://api.example.com/"]')
        license = project.get("license", "")
        return cls(
            folder=folder,
            name=name,
            version=version,
            description=project.get("description", ""),
            license=license if isinstance(license, str) else license.get("text", ""),
            authors=[_author(author) for author in project.get("authors", [])],
            repository=project.get("urls", {}).get("Repository", ""),
            roles=_roles(file, tool.get("roles", {})),
            wishes=wishes,
        )

    @property
    def has_http(self) -> bool:
        """Whether it wishes for HTTP: only then does its component import it."""
        return bool(self.wishes.get("http"))

    def modules(self) -> list[Path]:
        """The Python modules and packages of the folder that go into the component: not tests, not what is hidden."""
        found = []
        for path in sorted(self.folder.iterdir()):
            is_module = path.suffix == ".py" and path.is_file()
            is_package = path.is_dir() and (path / "__init__.py").is_file()
            if (is_module or is_package) and not path.name.startswith((".", "test")):
                found.append(path)
        return found

    def config_schema(self, paths: Sequence[Path] = ()) -> dict[str, Any]:
        """The JSON Schema of the config. Imports the plugin's modules; of several roles, their configs must be one."""
        before = list(sys.path)
        sys.path[:0] = [str(path) for path in (self.folder, *paths)]
        try:
            found = []
            for module, name in self.roles.values():
                plugin = getattr(importlib.import_module(module), name, None)
                if plugin is None:
                    raise BuildError(f"{self.folder}: the module `{module}` has no `{name}`")
                found.append(configs.json_schema(plugin.Config))
        finally:
            sys.path[:] = before
        if any(schema != found[0] for schema in found):
            raise BuildError(f"{self.folder}: the roles of one plugin take one config; give their classes the same Config")
        return found[0]

    def manifest(self, config_schema: dict[str, Any]) -> bytes:
        """The manifest, JSON."""
        said = {
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "license": self.license,
            "authors": self.authors,
            "roles": list(self.roles),
            "contract": CONTRACT,
            "repository": self.repository,
            "wishes": self.wishes,
            "config_schema": config_schema,
        }
        optional = ("repository", "wishes")
        said = {key: value for key, value in said.items() if value or key not in optional}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _roles(file: Path, roles: dict[str, Any]) -> dict[str, tuple[str, str]]:
    if not roles:
        raise BuildError(f'{file}: [tool.tidegate.roles] must name a class, such as transform = "module:Class"')
    found = {}
    for role in ROLES:
        if role in roles:
            module, colon, name = str(roles[role]).partition(":")
            if not colon or not name.isidentifier():
                raise BuildError(f"{file}: tool.tidegate.roles.{role} must be like module:Class")
            found[role] = (module, name)
    if unknown := roles.keys() - set(ROLES):
        raise BuildError(f"{file}: the role `{sorted(unknown)[0]}` is not known; known are {', '.join(ROLES)}")
    return found


def _author(author: dict[str, str]) -> str:
    name, email = author.get("name", ""), author.get("email", "")
    return f"{name} <{email}>" if name and email else name or email
