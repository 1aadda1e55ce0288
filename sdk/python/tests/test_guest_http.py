"""Requests through `wasi:http` as the guest makes them. What componentize-py generates is not here: in its place stand the
cases that the WIT has, and resources that trap where WASI's do. The real ones are in host/plugin/tests/http/python.rs."""

import importlib
import re
import sys
import types
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tidegate_sdk import Fault, http
from tidegate_sdk.build import wasi

WIT = Path(wasi.__file__).parent


@dataclass
class Ok:
    value: Any


@dataclass
class Err(Exception):
    value: Any


def cases(file, variant):
    """A class for each case, named as componentize-py names it."""
    text = (WIT / file).read_text(encoding="utf-8")
    body = re.search(rf"variant {variant} {{(.*?)}}", text, re.DOTALL)[1]
    camel = lambda name: "".join(word.capitalize() for word in name.split("-"))
    made = {}
    for case, payload in re.findall(r"([\w-]+)(\(.*\))?,", body):
        name = f"{camel(variant)}_{camel(case)}"
        made[name] = dataclass(type(name, (), {"__annotations__": {"value": Any} if payload else {}}))
    return made


class Resource:
    """A handle: what came out of it must go first, and it goes once."""

    def __init__(self, parent=None):
        self.children, self.parent, self.is_gone = 0, parent, False
        if parent is not None:
            parent.children += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert not self.is_gone, "dropped twice"
        assert self.children == 0, "dropped before its children"
        self.is_gone = True
        if self.parent is not None:
            self.parent.children -= 1


class World:
    """One exchange: what the host saw, and what it does."""

    def __init__(self, wit):
        self.wit, self.sent, self.body, self.is_finished = wit, {}, b"", False
        self.handles, self.write_limit, self.refusal, self.answer = [], 1 << 30, None, None

    def resource(self, parent=None, **methods):
        made = Resource(parent)
        for name, method in methods.items():
            setattr(made, name, method)
        self.handles.append(made)
        return made

    def outgoing(self, fields):
        put = lambda name: lambda value: self.sent.__setitem__(name, value)
        setters = {f"set_{name}": put(name) for name in ("method", "scheme", "authority", "path_with_query")}
        self.sent["fields"] = fields

        def stream(body):
            def write(content):
                assert len(content) <= 4_096, "more than one write takes"
                if len(self.body) + len(content) > self.write_limit:
                    raise Err(None)
                self.body += content

            return self.resource(body, blocking_write_and_flush=write)

        def body():
            made = self.resource()
            made.write = lambda: stream(made)
            return made

        return types.SimpleNamespace(body=body, **setters)

    def finish(self, body, trailers):
        self.is_finished = True
        body.__exit__()

    def handle(self, outgoing, options):
        if self.refusal:
            raise Err(self.refusal)
        future = self.resource()
        future.subscribe = lambda: self.resource(future, block=lambda: None)
        future.get = lambda: Ok(self.answer if isinstance(self.answer, Err) else Ok(self.incoming(*self.answer)))
        return future

    def incoming(self, status, headers, chunks):
        chunks = iter(chunks)

        def read(limit):
            chunk = next(chunks, self.wit["StreamError_Closed"]())
            if not isinstance(chunk, bytes):
                raise Err(chunk)
            assert len(chunk) <= limit
            return chunk

        def body():
            made = self.resource()
            made.stream = lambda: self.resource(made, blocking_read=read)
            return made

        answer = self.resource(status=lambda: status, consume=body)
        answer.headers = lambda: self.resource(answer, entries=lambda: headers)
        return answer

    def failure(self, code):
        """A stream's end for a reason; none where it is not of HTTP."""
        cause = self.resource(code=code, to_debug_string=lambda: "words")
        return self.wit["StreamError_LastOperationFailed"](cause)


class Exchange(unittest.TestCase):
    def setUp(self):
        self.wit = cases("io.wit", "stream-error")
        for variant in ("method", "scheme", "error-code", "header-error"):
            self.wit |= cases("http.wit", variant)
        self.world = world = World(self.wit)

        def from_list(entries):
            for name, _ in entries:
                if name == "Host":
                    raise Err(self.wit["HeaderError_Forbidden"]())
            return entries

        http_types = types.SimpleNamespace(
            Fields=types.SimpleNamespace(from_list=from_list), OutgoingRequest=world.outgoing,
            OutgoingBody=types.SimpleNamespace(finish=world.finish), http_error_code=lambda cause: cause.code,
            IncomingResponse=Resource, **self.wit,
        )  # fmt: skip
        streams = types.SimpleNamespace(InputStream=Resource, **self.wit)
        imports = types.ModuleType("wit_world.imports")
        imports.__dict__.update(
            outgoing_handler=types.SimpleNamespace(handle=world.handle), streams=streams, wasi_http_types=http_types
        )
        modules = {
            "componentize_py_types": types.SimpleNamespace(Ok=Ok, Err=Err),
            "wit_world": types.ModuleType("wit_world"), "wit_world.imports": imports,
        }  # fmt: skip
        patched = mock.patch.dict(sys.modules, modules)
        patched.start()
        self.addCleanup(patched.stop)
        self.guest = importlib.import_module("tidegate_sdk.guest.http")

    def send(self, request):
        try:
            with mock.patch.object(http, "exchange", self.guest.exchange):
                return request.send()
        finally:
            # Whatever came of it, no handle is left in the host's table.
            self.assertEqual([handle for handle in self.world.handles if not handle.is_gone], [])
            self.world.handles.clear()

    def fault(self, request):
        with self.assertRaises(Fault) as caught:
            self.send(request)
        return caught.exception

    def test_a_request_goes_out_and_its_answer_comes_back(self):
        self.world.answer = (201, [("ETag", b"\xff7")], [b"ab", b"", b"c"])
        content = b"x" * 10_000
        answer = self.send(http.post("HTTPS://a.example:8443/x?y=1#z").header("X-Own", "é").body(content))
        self.assertEqual((answer.status, answer.header("etag"), answer.body), (201, "\ufffd7", b"abc"))
        self.assertEqual((self.world.body, self.world.is_finished), (content, True))
        expected = {
            "fields": [("X-Own", "é".encode())], "method": self.wit["Method_Post"](), "scheme": self.wit["Scheme_Https"](),
            "authority": "a.example:8443", "path_with_query": "/x?y=1",
        }  # fmt: skip
        self.assertEqual(self.world.sent, expected)

    def test_urls_and_methods_are_taken_apart(self):
        for url, authority, path in [
            ("http://a.example", "a.example", "/"), ("http://a.example?b=/c", "a.example", "/?b=/c"),
            ("http://a.example#b/c", "a.example", "/"), ("http://[::1]:80/b", "[::1]:80", "/b"),
        ]:  # fmt: skip
            self.world.answer = (204, [], [])
            self.send(http.request("PURGE", url))
            sent = self.world.sent
            self.assertEqual((sent["authority"], sent["path_with_query"]), (authority, path))
            self.assertEqual(sent["method"], self.wit["Method_Other"]("PURGE"))
        self.assertIn("not a URL", str(self.fault(http.get("a.example"))))
        self.assertIn("not a URL of HTTP", str(self.fault(http.get("ftp://a.example"))))
        fault = self.fault(http.get("http://a.example").header("Host", "b"))
        self.assertEqual(str(fault), "failed: GET http://a.example: a header cannot be sent: Forbidden")

    def test_a_body_that_the_host_does_not_take_is_left_unfinished(self):
        self.world.write_limit = 5_000
        self.world.answer = Err(self.wit["ErrorCode_HttpRequestBodySize"](5_000))
        fault = self.fault(http.post("http://a.example/").body(b"x" * 10_000))
        self.assertEqual(str(fault), "failed: POST http://a.example/: its body is too large: 5000 bytes are allowed")
        self.assertFalse(self.world.is_finished)

    def test_what_may_pass_is_retryable_and_the_rest_is_not(self):
        passing = {
            "DnsTimeout", "DnsError", "DestinationUnavailable", "ConnectionRefused", "ConnectionTerminated",
            "ConnectionTimeout", "ConnectionReadTimeout", "ConnectionWriteTimeout", "ConnectionLimitReached",
            "HttpResponseIncomplete", "HttpResponseTimeout",
        }  # fmt: skip
        codes = {name.removeprefix("ErrorCode_"): case for name, case in self.wit.items() if name.startswith("ErrorCode_")}
        self.assertEqual(len(codes), 39)
        for name, case in codes.items():
            code = case(None) if case.__annotations__ else case()
            # Told at once, for the answer, and in the midst of its body.
            for place in ("refusal", "answer", "body"):
                self.world.refusal = code if place == "refusal" else None
                failing = [b"x", self.world.failure(code)] if place == "body" else []
                self.world.answer = Err(code) if place == "answer" else (200, [], failing)
                with self.subTest(name, place=place):
                    fault = self.fault(http.get("http://a.example/x?key=1"))
                    self.assertEqual(fault.kind, "retryable" if name in passing else "fatal")
                    self.assertIn("GET http://a.example/x", str(fault))
                    self.assertNotIn("key=1", str(fault))
        self.world.refusal = self.wit["ErrorCode_HttpRequestDenied"]()
        self.assertIn(
            "the host refuses GET http://a.example/: the schema does not", str(self.fault(http.get("http://a.example/")))
        )

    def test_a_stream_that_fails_otherwise_is_told_in_its_words(self):
        self.world.answer = (200, [], [self.world.failure(None)])
        self.assertEqual(str(self.fault(http.get("http://a.example/"))), "failed: GET http://a.example/: words")

    def test_an_answer_that_does_not_end_is_left(self):
        def forever():
            while True:
                yield b"x" * 1_000

        self.world.answer = (200, [], forever())
        self.assertIn("more than 5000 bytes", str(self.fault(http.get("http://a.example/").max_response_bytes(5_000))))
