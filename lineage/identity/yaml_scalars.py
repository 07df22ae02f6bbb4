r"""What a plain YAML scalar is to its readers: those of YAML 1.1 and those of YAML 1.2.

Both are in use, often in one pipeline: DVC and JavaScript read 1.2, PyYAML reads 1.1. Where every
reader takes a scalar alike, it is that value; where they differ, only the text itself is certain.
The rules stand in docs/reference/digests.md; they cover the types of YAML 1.1 (yaml.org/type) and
PyYAML, the core schema of YAML 1.2 and ruamel.yaml, which DVC reads with.

>>> read_plain("20"), read_plain("20.0"), read_plain("a b")
(20, 20.0, 'a b')
>>> read_plain("on"), read_plain("1e-3"), read_plain("012"), read_plain("1_000")
(Plain(text='on'), Plain(text='1e-3'), Plain(text='012'), Plain(text='1_000'))
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

Scalar = None | bool | int | float | str

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
TRUTHS: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip

_BEGINNINGS: Final = frozenset("0123456789+-.~=<yYnNtTfFoO")
"""What a scalar that may be more than text begins with."""

_INTEGER: Final = re.compile(r"[-+]?([1-9][0-9]*|0+[1-7])|\+?0+", re.ASCII)
"""Decimal; leading zeros make octal numbers in YAML 1.1, which one digit does not show."""

_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_OCTAL_OR_DECIMAL: Final = re.compile(r"([-+]?)0+([0-7]*)", re.ASCII)
_FLOAT: Final = re.compile(
    r"([-+]?[0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    re.ASCII,
)
_DISPUTED: Final = re.compile(
    r"""
      y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|<<|=
    | [-+]?0b[01_]+ | [-+]?0o?[0-7_]+ | [-+]?[0-9][0-9_]* | [-+][0-9_]+ | [-+]?0x[0-9a-fA-F_]+
    | [-+]?[1-9][0-9_]*(:[0-5]?[0-9])+ | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*
    | [-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)? | [-+]?\.[0-9_]+([eE][-+]?[0-9]+)?
    | [0-9]{4}-[0-9]{2}-[0-9]{2}
    | [0-9]{4}-[0-9][0-9]?-[0-9][0-9]?([Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(\.[0-9]*)?
      ([ \t]*(Z|[-+][0-9][0-9]?(:[0-9]{2})?))?
    """,
    re.ASCII | re.VERBOSE,
)
"""What at least one reader takes for more than text, and at least one for something else."""


@dataclass(frozen=True)
class Plain:
    """A plain scalar that readers take differently: its text as it is written."""

    text: str


def read_plain(text: str) -> Scalar | Plain:
    """What every reader takes a plain scalar for; a :class:`Plain` where they differ.

    Raises:
        ValueError: it is an integer of more digits than Python reads.
    """
    if text in NULLS:
        return None
    if text[0] not in _BEGINNINGS:
        return text
    if text in TRUTHS:
        return TRUTHS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return _float(text)
    octal = _OCTAL_OR_DECIMAL.fullmatch(text)
    if octal:  # further zeros and a plus are nothing to any reader
        return Plain(f"{octal[1].rstrip('+')}0{octal[2].lstrip('0')}")
    return Plain(text) if _DISPUTED.fullmatch(text) else text


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_DVC_FLOAT: Final = re.compile(
    r"[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
    r"|[-+]?\.[0-9_]+([eE][-+][0-9]+)?",
    re.ASCII,
)
_DVC_INTEGERS: Final = (
    (re.compile(r"[-+]?0b[01_]+", re.ASCII), 2),
    (re.compile(r"[-+]?0o[0-7_]+", re.ASCII), 8),
    (re.compile(r"[-+]?[0-9][0-9_]*|[-+][0-9_]+", re.ASCII), 10),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+", re.ASCII), 16),
)
_TIMESTAMP: Final = re.compile(r"[0-9]{4}-[0-9][0-9]?-[0-9].*", re.ASCII)


def read_as_dvc(plain: Plain) -> Scalar | Plain:
    """What DVC takes a disputed scalar for, by its reader's YAML 1.2; dates are left as they are.

    Raises:
        ValueError: DVC cannot read it either.
    """
    text = plain.text
    if _DVC_FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    for form, base in _DVC_INTEGERS:
        if form.fullmatch(text):
            return int(text.replace("_", ""), base)
    disputed = _TIMESTAMP.match(text) or text == "<<"
    return plain if disputed else text
