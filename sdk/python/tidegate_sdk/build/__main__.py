"""`python -m tidegate_sdk.build`, also `tidegate-py`."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from .component import build, write_whole
from .project import BuildError, Project


def main() -> int:
    """Builds the plugin of a folder."""
    parser = argparse.ArgumentParser(prog="tidegate-py", description="Builds a plugin's folder into a component.")
    parser.add_argument("folder", nargs="?", default=".", type=Path, help="holds pyproject.toml; default: here")
    parser.add_argument("-o", "--output", type=Path, help="default: dist/NAME.wasm in the folder")
    parser.add_argument(
        "-p", "--path", action="append", default=[], type=Path,
        help="a folder of pure Python dependencies, as `pip install --target` makes one; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, help="a folder of components by the digest of what they are made of: no second build of the same"
    )
    arguments = parser.parse_args()
    try:
        project = Project.read(arguments.folder.resolve())
        component = build(project, arguments.path, arguments.cache)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    output = arguments.output or arguments.folder / "dist" / f"{project.name}.wasm"
    write_whole(output, component)
    print(f"{output}: {len(component):,} bytes, sha256 {hashlib.sha256(component).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
