"""Makes the component."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import wasi
from .project import CONTRACT, BuildError, Project
from .section import MANIFEST, with_section

#: What the generated modules are called; a plugin's own modules must be called otherwise.
_ENTRY = "tidegate_entry"
_TAKEN = {_ENTRY, "tidegate_sdk", "configuration", "wit_world", "componentize_py_types", "poll_loop"}

_NO_COMPILER = "componentize-py is missing: pip install componentize-py==0.25.1"

#: For each role the resource that its interface exports, and whether it exports functions. What makes them is in
#: tidegate_sdk/guest, in the module of the role.
_EXPORTS = {
    "transform": ("Transformer", False),
    "source": ("Reader", True),
    "destination": ("Writer", True),
    "check": ("Checker", False),
    "sensor": (None, True),
}


def wit_folder() -> Path:
    """The contract: packaged beside this module, or in the clone that holds the SDK."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "wit" / "since-v0.1", package.parents[2] / "wit" / "since-v0.1"):
        if folder.is_dir():
            return folder
    raise BuildError(f"{package} holds no wit/since-v0.1; install the SDK from a clone: pip install ./sdk/python")


def build(project: Project, paths: Sequence[Path] = (), cache: Path | None = None) -> bytes:
    """The component of a plugin's folder. `paths` are further folders of pure Python modules; `cache` is a folder that
    keeps components by the digest of their inputs.

    Two builds of the same folder do the same and differ in their bytes: componentize-py takes a picture of a Python
    that has started, random seeds in it (https://github.com/bytecodealliance/componentize-py/issues/247).
    """
    schema = project.config_schema(paths)
    with tempfile.TemporaryDirectory(prefix="tidegate-build-") as scratch:
        work = Path(scratch)
        _stage(project, work / "app", json.dumps(schema, ensure_ascii=False, separators=(",", ":")))
        _world(project, work / "wit")
        for place, path in enumerate(paths):
            shutil.copytree(path, work / f"path{place}", ignore=shutil.ignore_patterns("__pycache__"))
        kept = cache / f"{_digest(work)}.wasm" if cache else None
        if kept and kept.is_file():
            component = kept.read_bytes()
        else:
            options = wasi.OPTIONS if project.has_http else []
            component = _componentize(work, options, ["app", *(f"path{place}" for place in range(len(paths)))])
            if kept:
                write_whole(kept, component)
    if project.has_http:
        component = wasi.with_names(component)
    return with_section(component, MANIFEST, project.manifest(schema))


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.new")
    half.write_bytes(content)
    os.replace(half, file)


def _digest(work: Path) -> str:
    """SHA-256 of everything that is compiled, and of what compiles it."""
    try:
        compiler = importlib.metadata.version("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        raise BuildError(_NO_COMPILER) from None
    digest = hashlib.sha256(compiler.encode())
    for file in sorted(path for path in work.rglob("*") if path.is_file()):
        for part in (file.relative_to(work).as_posix().encode(), file.read_bytes()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _stage(project: Project, app: Path, schema: str) -> None:
    """Everything that goes into the component, in one folder, without what was compiled or is only for tests."""
    ignore = shutil.ignore_patterns("__pycache__", "test*", "build", "wit")
    shutil.copytree(Path(__file__).resolve().parent.parent, app / "tidegate_sdk", ignore=ignore)
    for module in project.modules():
        if module.stem in _TAKEN or module.stem in _EXPORTS:
            raise BuildError(f"{module}: the name `{module.stem}` is taken by the contract; rename the module")
        if module.is_dir():
            shutil.copytree(module, app / module.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(module, app)
    entry = "from tidegate_sdk.guest import configuration\n"
    if project.has_http:
        entry += "from tidegate_sdk import http\nfrom tidegate_sdk.guest.http import exchange\n"
    for role, (module, name) in project.roles.items():
        resource, has_functions = _EXPORTS[role]
        text = f"from tidegate_sdk.guest import {role}\nfrom {module} import {name} as plugin\n\n"
        if resource:
            text += f"{resource} = {role}.{resource.lower()}(plugin)\n"
        if has_functions:
            text += f"{role.title()} = {role}.functions(plugin)\n"
        # componentize-py looks for an interface's resources in a module of its name, and for its functions in a class of
        # its name in the entry.
        (app / f"{role}.py").write_text(text, encoding="utf-8")
        entry += f"import {role}\n" + (f"from {role} import {role.title()}\n" if has_functions else "")
    if project.has_http:
        entry += "\nhttp.exchange = exchange\n"
    entry += f"\nConfiguration = configuration.configuration({schema!r})\n"
    (app / f"{_ENTRY}.py").write_text(entry, encoding="utf-8")


def _world(project: Project, wit: Path) -> None:
    """The contract, with a world of just this plugin's roles, and of HTTP where it wishes for that."""
    shutil.copytree(wit_folder(), wit)
    http = ""
    if project.has_http:
        wasi.write_packages(wit)
        http = wasi.WORLD
    exports = "".join(f"  export {role};\n" for role in project.roles)
    (wit / "this-plugin.wit").write_text(
        f"package tidegate:plugin@{CONTRACT};\n\nworld this-plugin {{\n  include imports;\n{http}  export configuration;\n{exports}}}\n",
        encoding="utf-8",
    )


def _componentize(work: Path, options: Sequence[str], paths: Sequence[str]) -> bytes:
    output = work / "component.wasm"
    command = [sys.executable, "-c", "from componentize_py import script; script()"]
    command += ["-d", str(work / "wit"), "-w", "this-plugin", *options, "componentize", "--stub-wasi"]
    for path in paths:
        command += ["-p", path]
    command += [_ENTRY, "-o", str(output)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).split("Stack backtrace:")[0].strip()
        if "No module named 'componentize_py'" in said:
            said = _NO_COMPILER
        raise BuildError(said)
    return output.read_bytes()
