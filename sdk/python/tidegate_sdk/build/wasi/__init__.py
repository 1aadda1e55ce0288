"""What of WASI a plugin that wishes for HTTP imports: `wasi:http`, and the streams of `wasi:io` that it is made of.

componentize-py knows two ways. Without `--stub-wasi` a component asks for all that CPython may use, files and sockets too,
which the host does not give. With it, every function of a package called `wasi` becomes a trap, also those that the world
asks for. So the component is compiled against the same interfaces of packages called otherwise, which `--stub-wasi` leaves
alone, and is given their own names afterwards. It then asks for these five interfaces, and nothing else of WASI.
"""

from __future__ import annotations

from pathlib import Path

from ..project import BuildError
from ..section import IMPORTS, sections

#: What `wasi` is called while componentize-py runs: as long, so that the names can be put back in place.
_ALIAS = "kept"

#: The interfaces, as the files beside this module declare them. 0.2.0 is what any host of WASI 0.2 gives.
INTERFACES = (
    "wasi:io/error@0.2.0", "wasi:io/poll@0.2.0", "wasi:io/streams@0.2.0", "wasi:http/types@0.2.0",
    "wasi:http/outgoing-handler@0.2.0",
)  # fmt: skip

#: The imports of a world with HTTP.
WORLD = "".join(f"  import {_ALIAS}{name.removeprefix('wasi')};\n" for name in INTERFACES)

#: For componentize-py: the name of the generated module, since the contract has an interface `types` too.
OPTIONS = ["--import-interface-name", f"{_ALIAS}:http/types@0.2.0=wasi_http_types"]


def write_packages(wit: Path) -> None:
    """Puts the packages that `WORLD` names beside the contract."""
    packages = wit / "deps"
    packages.mkdir()
    for file in sorted(Path(__file__).resolve().parent.glob("*.wit")):
        text = file.read_text(encoding="utf-8").replace("wasi:", f"{_ALIAS}:")
        (packages / file.name).write_text(text, encoding="utf-8")


def with_names(component: bytes) -> bytes:
    """The component with its imports of HTTP under their own names."""
    named = bytearray(component)
    for name in INTERFACES:
        alias = (_ALIAS + name.removeprefix("wasi")).encode()
        places = [
            place
            for number, start, end in sections(component)
            if number == IMPORTS and (place := component.find(alias, start, end)) >= 0
        ]
        if len(places) != 1:
            raise BuildError(f"componentize-py made a component with {len(places)} imports of {name}, and not one")
        named[places[0] : places[0] + len(alias)] = name.encode()
    return bytes(named)
