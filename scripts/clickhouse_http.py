#!/usr/bin/env python3
"""A ClickHouse for tests: the engine of chdb-core, in this process, behind the part of its HTTP interface that clients use.

    clickhouse_http.py DATA_FOLDER PORT USER PASSWORD

What it takes: queries by GET and POST, `database`, settings and `param_` in the URL, inserts whose rows are the body, as
they come, in ClickHouse's LZ4 frames where `decompress` says so. What it answers: the engine's bytes, or its error with
`X-ClickHouse-Exception-Code` and the status that the real server has for it. Answers are not compressed, whatever is asked.
"""

from __future__ import annotations

import base64
import queue
import re
import signal
import struct
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import lz4.block
from chdb.session import Session

# What is in the URL and no setting of the engine (src/Server/HTTPHandler.cpp, reserved parameters).
NOT_SETTINGS = {
    "buffer_size", "client_protocol_version", "client_time_zone", "compress", "database", "decompress", "default_format",
    "enable_http_compression", "http_zlib_compression_level", "password", "query", "query_id", "quota_key", "role",
    "session_check", "session_id", "session_timeout", "user", "wait_end_of_query",
}
# Statuses of errors, by code (exceptionCodeToHTTPStatus in src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); 500 for others.
STATUS = {
    36: 400, 62: 400, 46: 404, 47: 404, 50: 404, 60: 404, 73: 404, 81: 404, 115: 404, 159: 408, 192: 403, 193: 403,
    194: 403, 202: 503, 497: 403, 516: 403,
}
AUTHENTICATION_FAILED = 516
NOT_IMPLEMENTED = 48
BODY_ENDED = 24
UNKNOWN_COMPRESSION_METHOD = 89
UNKNOWN_EXCEPTION = 1002

INSERT = re.compile(r"\s*INSERT\s+INTO\s+(?:TABLE\s+)?(`[^`]+`|[\w.]+)", re.IGNORECASE)
LAST_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
# Statements that leave something behind in a session.
LASTING = re.compile(r"\s*(SET|USE)\b|.*\bTEMPORARY\b", re.IGNORECASE)
READ_BYTES = 1 << 20
CHECKSUM_BYTES = 16
FRAME_HEADER_BYTES = CHECKSUM_BYTES + 9
LZ4 = 0x82


class Refused(Exception):
    """What the server itself has against a request, in the engine's words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")


class Sessions:
    """Sessions of the engine that are at rest. One that may hold something of a request is thrown away."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.idle: queue.LifoQueue[Session] = queue.LifoQueue()

    def take(self) -> Session:
        try:
            return self.idle.get_nowait()
        except queue.Empty:
            return Session(self.folder)

    def give_back(self, session: Session, clean: bool) -> None:
        if clean:
            self.idle.put(session)
        else:
            session.close()

    def close(self) -> None:
        while not self.idle.empty():
            self.idle.get().close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    sessions: Sessions
    login: tuple[str, str]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def respond(self) -> None:
        url = urlsplit(self.path)
        given = dict(parse_qsl(url.query, keep_blank_values=True))
        body = self.body()
        if url.path == "/ping" or (self.command == "GET" and "query" not in given):
            self.answer(200, b"Ok.\n", {})
            return
        try:
            self.authenticate(given)
            if given.get("compress") == "1":
                raise Refused(NOT_IMPLEMENTED, "this server does not compress its answers")
            if given.get("decompress") == "1":
                body = decompressed(body)
            query = given.get("query", "")
            insert = INSERT.match(query)
            wanted = LAST_FORMAT.search(query) if insert else None
            if insert and wanted:
                answer = self.insert(query[: wanted.start()], insert.group(1), wanted.group(1), body, given)
            else:
                rest = b"".join(body).decode()
                answer = self.query("\n".join(part for part in (query, rest) if part), given)
        except Exception as error:
            self.fail(error, body)
        else:
            found, headers = answer
            query_id = given.get("query_id") or str(uuid.uuid4())
            self.answer(200, found, {"X-ClickHouse-Query-Id": query_id, **headers})

    def insert(self, query: str, table: str, form: str, body, given: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        can_repeat = "insert_deduplication_token" in given

        def work(session: Session):
            before = hidden_errors(session) if can_repeat else {}
            load = session.send_insert(query, form)
            try:
                for chunk in body:
                    load.append(chunk)
                done = load.finish()
            except BaseException:
                load.cancel()
                raise
            for code, met in hidden_errors(session).items() if can_repeat else ():
                if met != before.get(code, 0):
                    raise Refused(code, "chdb does not say more")
            return b"", written(done.rows_written, done.bytes_written)

        return self.with_session(query, given, work)

    def query(self, query: str, given: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        form = given.get("default_format", "TabSeparated")

        def work(session: Session):
            done = session.query(query, form)
            told = LAST_FORMAT.search(query)
            headers = written(done.rows_written(), done.bytes_written())
            headers["X-ClickHouse-Format"] = told.group(1) if told else form
            return done.bytes(), headers

        return self.with_session(query, given, work)

    def with_session(self, query: str, given: dict[str, str], work):
        """Does something in a session that has the request's database and settings, and has none of them afterwards."""
        settings = {name: value for name, value in given.items() if name not in NOT_SETTINGS}
        database = given.get("database")
        clean = False
        session = self.sessions.take()
        try:
            if database:
                session.query(f"USE {identifier(database)}")
            if settings:
                session.query("SET " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))
            done = work(session)
            if database:
                session.query("USE default")
            # A query's parameters cannot be taken back.
            if not LASTING.match(query) and not any(name.startswith("param_") for name in settings):
                if settings:
                    session.query("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))
                clean = True
            return done
        finally:
            self.sessions.give_back(session, clean)

    def authenticate(self, given: dict[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User", given.get("user", "default"))
        password = self.headers.get("X-ClickHouse-Key", given.get("password", ""))
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            user, _, password = base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")
        if (user, password) != self.login:
            raise Refused(
                AUTHENTICATION_FAILED,
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name. "
                "(AUTHENTICATION_FAILED)",
            )

    def body(self):
        """The request's body, as it arrives."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0] or b"-", 16):
                yield self.exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            left = int(self.headers.get("Content-Length") or 0)
            while left:
                chunk = self.exactly(min(left, READ_BYTES))
                left -= len(chunk)
                yield chunk

    def exactly(self, size: int) -> bytes:
        chunk = self.rfile.read(size)
        if len(chunk) < size:
            raise Refused(BODY_ENDED, "the request's body ended early")
        return chunk

    def fail(self, error: Exception, body) -> None:
        try:
            for _ in body:
                pass
        except Exception:
            # Nothing more can be said on this connection than why it ends.
            self.close_connection = True
        text = str(error)
        told = re.search(r"Code:\s*(\d+)", text)
        code = int(told.group(1)) if told else UNKNOWN_EXCEPTION
        headers = {"X-ClickHouse-Exception-Code": str(code), "Content-Type": "text/plain; charset=UTF-8"}
        self.answer(STATUS.get(code, 500), text.encode() + b"\n", headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Server-Display-Name", "tests")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """A thread a connection."""

    daemon_threads = True
    request_queue_size = 128


def written(rows: int, size: int) -> dict[str, str]:
    return {"X-ClickHouse-Summary": f'{{"read_rows":"0","written_rows":"{rows}","written_bytes":"{size}"}}'}


def hidden_errors(session: Session) -> dict[int, int]:
    """How often the engine met what chdb 26.9 keeps to itself at the end of a streamed insert, by code: too many parts, a
    full disk, no memory. Whoever else met one meanwhile makes an insert fail that did not. So only inserts with a
    deduplication token are looked at: to send them again does no harm.
    """
    found = session.query(
        "SELECT code, sum(value) FROM system.errors WHERE code IN (241, 243, 252) GROUP BY code", "TabSeparated"
    )
    return {int(code): int(met) for code, met in (line.split("\t") for line in found.bytes().decode().splitlines())}


def decompressed(body):
    """What is in frames of LZ4: a checksum of 16 bytes, a method, both sizes, and the block
    (https://clickhouse.com/docs/native-protocol/compression). TCP and the client's own tests look at the checksum.
    """
    rest = b""
    for chunk in body:
        rest += chunk
        while len(rest) >= FRAME_HEADER_BYTES:
            method, size, whole = struct.unpack_from("<BII", rest, CHECKSUM_BYTES)
            end = CHECKSUM_BYTES + size
            if len(rest) < end:
                break
            block = rest[FRAME_HEADER_BYTES:end]
            if method != LZ4:
                raise Refused(UNKNOWN_COMPRESSION_METHOD, f"method {method:#x} of a frame is not LZ4")
            yield lz4.block.decompress(block, uncompressed_size=whole)
            rest = rest[end:]
    if rest:
        raise Refused(BODY_ENDED, "the last frame of the request's body ended early")


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def main() -> None:
    folder, port, user, password = sys.argv[1:]
    # Held open: the engine ends with its last session.
    first = Session(folder)
    Handler.sessions = Sessions(folder)
    Handler.login = (user, password)
    server = Server(("127.0.0.1", int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    Handler.sessions.close()
    first.close()


if __name__ == "__main__":
    main()
