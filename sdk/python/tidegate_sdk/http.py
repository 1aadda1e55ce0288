"""HTTP requests, as far as the schema grants them.

    answer = http.get("https://api.example.com/v1/rates").query("base", "EUR").send().success()
    rates = answer.json()

The host finds the grant that a request falls under, puts in what the grant's `headers`, `query` and `basic` say, and
repeats what failed for now. Secrets there are never seen here. Redirects are not followed: an answer with one is an answer,
and a plugin that asks for its `location` needs a grant for that too.

A component has HTTP only where its pyproject.toml wishes for it:

    [tool.tidegate.wishes]
    http = ["https://api.example.com/"]

Natively, in a unit test, the author answers: see `answered_by`.
"""

from __future__ import annotations

import json as _json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator
from urllib.parse import quote

from .fault import Fault

#: The largest answer that `send` takes where nothing else is said, in bytes: what a grant allows by default
#: (docs/plugins/http.md, `limits.response`).
MAX_RESPONSE_BYTES = 16 << 20

#: A `Retry-After` in seconds (RFC 9110, 10.2.3). Its other form, a date, would need a clock.
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Request:
    """A request that is being made. Its methods answer a changed one, and leave this one as it is."""

    #: `GET` and the like.
    method: str
    #: The whole URL, query included.
    url: str
    #: Names and values, in order.
    headers: tuple[tuple[str, str], ...] = ()
    #: The body; empty for none.
    content: bytes = b""
    #: The largest answer to take, in bytes.
    response_limit_bytes: int = MAX_RESPONSE_BYTES

    def header(self, name: str, value: str) -> Request:
        """Adds a header. The host sets `Host` and what belongs to the connection, and what the grant says, over this."""
        return replace(self, headers=(*self.headers, (name, value)))

    def query(self, name: str, value: str) -> Request:
        """Adds a parameter to the URL's query, encoded."""
        separator = "&" if "?" in self.url else "?"
        return replace(self, url=f"{self.url}{separator}{quote(name, safe='')}={quote(value, safe='')}")

    def body(self, content: bytes | str) -> Request:
        """Sets the body; a text goes as UTF-8."""
        return replace(self, content=_bytes(content))

    def json(self, value: Any) -> Request:
        """Sets the body to a value's JSON, and `content-type` to that."""
        try:
            content = _json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise Fault.fatal(f"a request's body cannot be made JSON: {error}") from None
        return self.header("content-type", "application/json").body(content)

    def max_response_bytes(self, limit_bytes: int) -> Request:
        """The largest answer to take, in bytes; the grant's own limit holds too."""
        return replace(self, response_limit_bytes=limit_bytes)

    def send(self) -> Response:
        """Sends it and waits for the whole answer.

        Whatever may pass is raised as `Fault.retryable`: no connection, no answer in time, 429 and 5xx, with the pause
        that the server asks for in seconds. A request that the host refuses, and an answer that is too large, are
        `Fault.fatal`. Other statuses are answers: see `Response.success`.
        """
        answer = exchange(self)
        if len(answer.body) > self.response_limit_bytes:
            raise self.too_large()
        if answer.status == 429 or answer.status >= 500:
            pause = _SECONDS.fullmatch((answer.header("retry-after") or "").strip())
            raise Fault.retryable(f"{self.place} answered {answer.status}", pause and int(pause[0]) * 1_000)
        return answer

    @property
    def place(self) -> str:
        """The request without its query, for messages."""
        return f"{self.method} {self.url.partition('?')[0]}"

    def too_large(self) -> Fault:
        """The fault of an answer beyond the limit."""
        return Fault.fatal(f"{self.place} answered more than {self.response_limit_bytes} bytes")


@dataclass(frozen=True)
class Response:
    """An answer."""

    #: 200 and the like.
    status: int
    #: Names in small letters, and values; bytes that are no UTF-8 replaced.
    headers: tuple[tuple[str, str], ...] = ()
    #: The whole body.
    body: bytes = b""

    def with_header(self, name: str, value: str) -> Response:
        """The same with a header, for `answered_by`."""
        return replace(self, headers=(*self.headers, (name.lower(), value)))

    def with_body(self, body: bytes | str) -> Response:
        """The same with a body, for `answered_by`; a text goes as UTF-8."""
        return replace(self, body=_bytes(body))

    def header(self, name: str) -> str | None:
        """The first header of a name, in any capitals."""
        return next((value for known, value in self.headers if known == name.lower()), None)

    def success(self) -> Response:
        """The answer, where its status says that all went well (2xx); raises `Fault.fatal` otherwise."""
        if 200 <= self.status < 300:
            return self
        raise Fault.fatal(f"the server answered {self.status}")

    def text(self) -> str:
        """The body as text; raises `Fault.data` where it is not UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise Fault.data(f"an answer is no text: {error.reason} at byte {error.start}") from None

    def json(self, parse_float: Callable[[str], Any] = float) -> Any:
        """The body as a value made from JSON; raises `Fault.data` where it is none.

        `parse_float` makes the numbers that have a point or an exponent: `decimal.Decimal` keeps every digit.
        """
        try:
            return _json.loads(self.text(), parse_float=parse_float, parse_constant=_no_number)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise Fault.data(f"an answer is not JSON: {error}") from None


def get(url: str) -> Request:
    """A `GET` of a URL."""
    return request("GET", url)


def post(url: str) -> Request:
    """A `POST` to a URL."""
    return request("POST", url)


def request(method: str, url: str) -> Request:
    """A request with any method."""
    return Request(method, url)


def _nobody(request: Request) -> Response:
    if sys.platform == "wasi":
        wish = 'put `http = ["https://…/"]` under [tool.tidegate.wishes] in pyproject.toml, and build again'
        raise Fault.fatal(f"{request.place}: the component was built without HTTP; {wish}")
    raise Fault.fatal(f"{request.place}: no server in a native test; put it into `http.answered_by`")


#: What sends a request and waits for its answer. A component that wishes for HTTP has its own (tidegate_sdk.guest.http).
exchange: Callable[[Request], Response] = _nobody


@contextmanager
def answered_by(server: Callable[[Request], Response]) -> Iterator[None]:
    """Requests within the block are answered by a function. For native unit tests:

    with http.answered_by(lambda request: http.Response(200).with_body("1.25")):
        assert rate() == 1.25
    """
    global exchange
    before, exchange = exchange, server
    try:
        yield
    finally:
        exchange = before


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


def _no_number(text: str) -> Any:
    raise ValueError(f"JSON has no {text}")
