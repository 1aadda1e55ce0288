"""Requests through `wasi:http`, to the host. Only in components whose pyproject.toml wishes for HTTP."""

from __future__ import annotations

from typing import Any, Never

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, streams
from wit_world.imports import wasi_http_types as wit

from ..fault import Fault
from ..http import Request, Response

#: The most that one write to the body's stream may have, in bytes (`blocking-write-and-flush` of `wasi:io`).
WRITE_BYTES = 4_096

#: Read at once, in bytes: the size in which connections hand on what they receive.
READ_BYTES = 64 << 10

_SCHEMES = {"http": wit.Scheme_Http, "https": wit.Scheme_Https}
_METHODS = {
    "GET": wit.Method_Get, "HEAD": wit.Method_Head, "POST": wit.Method_Post, "PUT": wit.Method_Put,
    "DELETE": wit.Method_Delete, "OPTIONS": wit.Method_Options, "PATCH": wit.Method_Patch,
}  # fmt: skip

#: What may pass: no connection, and no whole answer in time.
_PASSING = (
    wit.ErrorCode_DnsTimeout, wit.ErrorCode_DnsError, wit.ErrorCode_DestinationUnavailable, wit.ErrorCode_ConnectionRefused,
    wit.ErrorCode_ConnectionTerminated, wit.ErrorCode_ConnectionTimeout, wit.ErrorCode_ConnectionReadTimeout,
    wit.ErrorCode_ConnectionWriteTimeout, wit.ErrorCode_ConnectionLimitReached, wit.ErrorCode_HttpResponseIncomplete,
    wit.ErrorCode_HttpResponseTimeout,
)  # fmt: skip


def exchange(request: Request) -> Response:
    """Sends a request and waits for the whole answer."""
    outgoing = _outgoing(request)
    # Each handle is let go of in its block: WASI wants what came out of another to go first.
    body = outgoing.body()
    try:
        sent = outgoing_handler.handle(outgoing, None)
    except Err as error:
        _leave(body)
        _fail(request, error.value)
    with sent:
        try:
            _write(body, request.content)
        except Err as error:
            _fail(request, error.value)
        with sent.subscribe() as ready:
            ready.block()
        match sent.get():
            case Ok(Ok(answer)):
                return _answer(request, answer)
            case Ok(Err(code)):
                _fail(request, code)
    raise Fault.fatal(f"{request.place}: no answer")


def _outgoing(request: Request) -> wit.OutgoingRequest:
    def wrong(what: str) -> Fault:
        return Fault.fatal(f"{request.place}: {what}")

    scheme, separator, rest = request.url.partition("://")
    if not separator:
        raise wrong("not a URL")
    if scheme.lower() not in _SCHEMES:
        raise wrong("not a URL of HTTP")
    rest = rest.partition("#")[0]
    end = min((place for mark in "/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    try:
        fields = wit.Fields.from_list([(name, value.encode()) for name, value in request.headers])
    except Err as error:
        raise wrong(f"a header cannot be sent: {_name(error.value)}") from None
    outgoing = wit.OutgoingRequest(fields)
    method = _METHODS.get(request.method)
    for what, put, value in (
        ("a method", outgoing.set_method, method() if method else wit.Method_Other(request.method)),
        ("a scheme", outgoing.set_scheme, _SCHEMES[scheme.lower()]()),
        ("a host", outgoing.set_authority, authority),
        ("a path", outgoing.set_path_with_query, path if path.startswith("/") else f"/{path}"),
    ):
        try:
            put(value)
        except Err:
            raise wrong(f"not {what}") from None
    return outgoing


def _write(body: wit.OutgoingBody, content: bytes) -> None:
    """Writes a body and ends it. Where the host stopped taking it, the answer says why."""
    is_taken = True
    with body.write() as stream:
        try:
            for start in range(0, len(content), WRITE_BYTES):
                stream.blocking_write_and_flush(content[start : start + WRITE_BYTES])
        except Err:
            is_taken = False
    if is_taken:
        wit.OutgoingBody.finish(body, None)
    else:
        _leave(body)


def _leave(body: wit.OutgoingBody) -> None:
    """Lets go of a body that is not finished, so that the host does not wait for the rest."""
    with body:
        pass


def _answer(request: Request, answer: wit.IncomingResponse) -> Response:
    with answer:
        with answer.headers() as fields:
            headers = tuple((name.lower(), value.decode(errors="replace")) for name, value in fields.entries())
        with answer.consume() as body, body.stream() as stream:
            return Response(answer.status(), headers, _read(request, stream))


def _read(request: Request, stream: streams.InputStream) -> bytes:
    content = bytearray()
    while True:
        try:
            content += stream.blocking_read(READ_BYTES)
        except Err as error:
            if isinstance(error.value, streams.StreamError_Closed):
                return bytes(content)
            with error.value.value as cause:
                code = wit.http_error_code(cause)
                if code is None:
                    raise Fault.fatal(f"{request.place}: {cause.to_debug_string()}") from None
            _fail(request, code)
        if len(content) > request.response_limit_bytes:
            raise request.too_large()


def _fail(request: Request, code: Any) -> Never:
    """Raises what came of a request without an answer."""
    place = request.place
    match code:
        case wit.ErrorCode_HttpRequestDenied() | wit.ErrorCode_DestinationIpProhibited():
            message = "the schema does not grant it; the run's log says what to add"
            raise Fault.fatal(f"the host refuses {place}: {message}") from None
        case wit.ErrorCode_HttpRequestBodySize(allowed):
            raise Fault.fatal(f"{place}: its body is too large{_limit(allowed)}") from None
        case wit.ErrorCode_HttpResponseBodySize(allowed):
            raise Fault.fatal(f"{place}: its answer is too large{_limit(allowed)}") from None
        case _ if isinstance(code, _PASSING):
            raise Fault.retryable(f"{place}: {_name(code)}") from None
    raise Fault.fatal(f"{place}: {_name(code)}") from None


def _limit(allowed: int | None) -> str:
    return "" if allowed is None else f": {allowed} bytes are allowed"


def _name(case: Any) -> str:
    """A variant's case, and what it carries: `ConnectionRefused`, `InternalError: words`."""
    name = type(case).__name__.partition("_")[2]
    carried = getattr(case, "value", None)
    return name if carried is None else f"{name}: {carried}"
