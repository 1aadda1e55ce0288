"""Sources, destinations, checks and sensors in the native harness, and what it refuses."""

import json
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

from tidegate_sdk import (
    INT64, UTF8, Check, Chunk, Column, Destination, Evaluation, Fault, Field, Receipt, RunRequest, Sensor, Source, Stream,
    Verdict, state, testing,
)  # fmt: skip


@dataclass
class Folder:
    folder: str


class Lines(Source):
    """The lines of files, a stream each; the cursor is the next line's number."""

    Config = Folder

    @classmethod
    def discover(cls, config):
        columns = [Field("number", INT64, nullable=False), Field("text", UTF8)]
        files = sorted(Path(config.folder).iterdir())
        return [Stream(file.name, columns, key=["number"], incremental=True) for file in files]

    @classmethod
    def open(cls, config, request):
        names = [stream.name for stream in cls.discover(config)]
        if request.stream not in names:
            raise request.unknown_stream(names)
        reader = cls()
        reader.lines = (Path(config.folder) / request.stream).read_text().splitlines()
        reader.at = request.cursor or 0
        return reader

    def next(self, max_rows):
        lines = self.lines[self.at : self.at + max_rows]
        if not lines:
            return None
        numbers = range(self.at, self.at + len(lines))
        self.at += len(lines)
        texts = [line or None for line in lines]
        return Chunk({"text": Column.of(UTF8, texts), "number": Column.of(INT64, numbers)}, self.at)


class Forgetful(Lines):
    """Reads from the start, whatever the cursor says."""

    @classmethod
    def open(cls, config, request):
        reader = super().open(config, request)
        reader.at = 0
        return reader


class Files(Destination):
    """A file a batch in a folder of the load, which commit renames."""

    Config = Folder

    @classmethod
    def open(cls, config, load):
        if load.staged is not None and load.staged["token"] != load.token:
            raise Fault.fatal("staged by another load")
        writer = cls()
        writer.load, writer.folder = load, Path(config.folder)
        writer.hidden = writer.folder / f".{load.token}"
        writer.hidden.mkdir(exist_ok=True)
        return writer

    def write(self, batch, token):
        rows = list(zip(*(batch.column(place) for place in range(len(batch.fields)))))
        (self.hidden / token).write_text(json.dumps(rows))

    def stage(self):
        return {"token": self.load.token}

    def commit(self):
        shown = self.folder / self.load.token
        if self.hidden.exists():
            self.hidden.rename(shown)
        rows = sum(len(json.loads(file.read_text())) for file in shown.iterdir())
        return Receipt(rows, str(shown))

    def abort(self):
        for file in self.hidden.iterdir():
            file.unlink()
        self.hidden.rmdir()


class Nulls(Check):
    """Counts missing values."""

    def __init__(self):
        self.nulls = 0

    @classmethod
    def bind(cls, config, input):
        input.expect_columns(1, "what to look at")
        return cls()

    def observe(self, batch):
        self.nulls += batch.column(0).null_count

    def snapshot(self):
        return str(self.nulls).encode()

    def restore(self, state):
        self.nulls = int(state)

    def verdict(self):
        return Verdict(self.nulls == 0, f"{self.nulls} are missing", {"nulls": self.nulls})


class ForgetfulNulls(Nulls):
    def restore(self, state):
        pass


class NewFiles(Sensor):
    """A run for each file that was not there before."""

    Config = Folder

    @classmethod
    def evaluate(cls, config, cursor):
        now = sorted(file.name for file in Path(config.folder).iterdir())
        new = [name for name in now if name not in (cursor or [])]
        if not new:
            return Evaluation.skip("no new file", now)
        return Evaluation.of([RunRequest(name, tags={"file": name}) for name in new], now)


class Roles(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.config = {"folder": scratch.name}

    def test_a_source_is_read_whole_and_from_every_cursor(self):
        (self.folder / "log").write_text("a\n\nc\nd\ne")
        for max_rows in (1, 2, 8_192):
            rows = testing.read(Lines, self.config, "log", max_rows=max_rows)
            self.assertEqual(rows, {"number": [0, 1, 2, 3, 4], "text": ["a", None, "c", "d", "e"]})
        self.assertEqual(testing.read(Lines, self.config, "log", columns=["text"], cursor=3), {"text": ["d", "e"]})
        with self.assertRaises(testing.ContractError):
            testing.read(Forgetful, self.config, "log", max_rows=2)
        with self.assertRaises(testing.ContractError):
            testing.read(Lines, self.config, "gone")

    def test_chunks_are_held_to_what_was_announced(self):
        for columns in ({"number": Column.of(INT64, [1]), "text": Column.of(UTF8, [])}, {}):
            with self.assertRaises(Fault):
                Chunk(columns, None)
        with self.assertRaises(Fault):
            Chunk({"number": Column.of(INT64, [1])}, 0).wanted(["text"])

        class Lying(Lines):
            def next(self, max_rows):
                return Chunk({"number": Column.of(INT64, [None]), "text": Column.of(UTF8, [None])}, 0)

        (self.folder / "log").write_text("a")
        with self.assertRaises(testing.ContractError):
            testing.read(Lying, self.config, "log")

    def test_a_load_is_shown_whole_or_not_at_all(self):
        batches = [{"n": Column.of(INT64, values)} for values in ([1, None], [3])]
        receipt = testing.load(Files, self.config, *batches, token="t")
        self.assertEqual(receipt.rows, 3)
        shown = [json.loads((self.folder / "t" / f"t-{place}").read_text()) for place in range(2)]
        self.assertEqual(shown, [[[1], [None]], [[3]]])
        testing.abort(Files, self.config, *batches)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["t"])

    def test_a_check_goes_on_from_its_snapshot(self):
        batches = [{"n": Column.of(INT64, values)} for values in ([1, None], [None], [3])]
        verdict = testing.verdict(Nulls, {}, *batches)
        self.assertEqual(verdict, Verdict(False, "2 are missing", {"nulls": 2}))
        with self.assertRaises(testing.ContractError):
            testing.verdict(ForgetfulNulls, {}, *batches)

    def test_a_sensor_asks_once_for_what_is_new(self):
        (self.folder / "a").touch()
        first = testing.look(NewFiles, self.config)
        self.assertEqual([run.key for run in first.runs], ["a"])
        again = testing.look(NewFiles, self.config, first.cursor)
        self.assertEqual((again.runs, again.skipped), ((), "no new file"))
        (self.folder / "b").touch()
        self.assertEqual([run.key for run in testing.look(NewFiles, self.config, again.cursor).runs], ["b"])

    def test_what_the_host_keeps_is_bounded_json(self):
        self.assertEqual(state.from_state(state.to_state("a cursor", {"é": 2**60 + 1}, 99)), {"é": 2**60 + 1})
        for value, most in [("x" * 98, 99), (b"", 99), (float("nan"), 99)]:
            with self.assertRaises(Fault):
                state.to_state("a cursor", value, most)
        with self.assertRaises(Fault):
            state.from_state(b"\xff{")
