"""Cleans international bank account numbers: `reads: [iban]`, `writes: [iban]`, and where asked the country.

Spaces and hyphens go and letters become capitals: the electronic form of ISO 13616. What then has a country that gives no
IBANs, another length than its country's, other characters, or wrong check digits (ISO 7064, mod 97-10) is rejected. A
missing number stays missing. An IBAN is personal data: no message holds one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tidegate_sdk import UTF8, Batch, Column, Fault, Input, Output, Processed, Shape, Transform, made

#: How long the IBANs of a country are: SWIFT's IBAN registry, as of 2024.
LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip

#: What people put between the groups of four: spaces of any kind, and hyphens.
_BETWEEN = re.compile(r"[\s\u00a0\u2010\u2011-]+")
_FORM = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+")
#: A letter counts as two digits, A as 10 (ISO 13616).
_DIGITS = str.maketrans({chr(ord("A") + place): str(10 + place) for place in range(26)})


@dataclass
class Config:
    """What `config` in the asset holds."""

    output: str = field(default="iban", metadata={"description": "The column to write."})
    country: str | None = field(
        default=None, metadata={"description": "A column for the country's two letters; none where this is not given."}
    )
    countries: list[str] | None = field(
        default=None,
        metadata={"description": "Refuse IBANs of other countries than these.", "pattern": "^[A-Z]{2}$"},
    )


class CleanIban(Transform):
    """The bound transform."""

    Config = Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.allowed = set(LENGTHS if config.countries is None else config.countries)

    @classmethod
    def bind(cls, config: Config, input: Input) -> CleanIban:
        input.expect_columns(1, "the IBAN")
        input.expect(0, UTF8)
        for place, country in enumerate(config.countries or []):
            if country not in LENGTHS:
                raise Fault.config(f"/countries/{place}", "the country gives no IBANs")
        return cls(config)

    def shape(self) -> Shape:
        columns = [made(self.config.output, UTF8).from_(0)]
        if self.config.country is not None:
            columns.append(made(self.config.country, UTF8).from_(0))
        return Shape.beside(*columns)

    def process(self, batch: Batch) -> Processed:
        given = batch.column(0)
        clean = [_BETWEEN.sub("", text).upper() for text in given.texts()]
        columns = [Column.of_texts(UTF8, clean, given.validity)]
        if self.config.country is not None:
            columns.append(Column.of_texts(UTF8, [text[:2] for text in clean], given.validity))
        done = Processed.of(Output.all(*columns))
        for row, (text, there) in enumerate(zip(clean, given.present())):
            if there and (wrong := self.wrong(text)) is not None:
                done.reject(row, *wrong)
        return done

    def wrong(self, text: str) -> tuple[str, str] | None:
        """The code and the message of what is wrong with a clean IBAN; None where nothing is."""
        if not _FORM.fullmatch(text):
            return "iban.form", "it does not begin with a country and two check digits, or has other than letters and digits"
        length = LENGTHS.get(text[:2])
        if length is None:
            return "iban.country", "its country gives no IBANs"
        if len(text) != length:
            return "iban.length", f"its country's IBANs have {length} characters, and it has {len(text)}"
        if int((text[4:] + text[:4]).translate(_DIGITS)) % 97 != 1:
            return "iban.check_digits", "its check digits are wrong: it was mistyped"
        if text[:2] not in self.allowed:
            return "iban.not_allowed", "its country is none of `countries`"
        return None
