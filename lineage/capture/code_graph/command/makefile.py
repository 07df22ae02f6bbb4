"""A makefile's rules, as far as its own words go: targets, prerequisites, recipes.

Variables that it assigns are put in where they are used; functions, includes and pattern rules are
left to :attr:`Recipes.unknown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_ASSIGNMENT: Final = re.compile(
    r"(export\s+|override\s+)?([A-Za-z_][\w.-]*)\s*(::?:?|\?|\+|!)?=\s*(.*)"
)
_RULE: Final = re.compile(r"([^:=#\t][^:=#]*)::?(?!=)\s*([^;]*)(?:;(.*))?")
_VARIABLE: Final = re.compile(r"\$[({]([A-Za-z_][\w.-]*)[)}]")
_EXPORTED: Final = re.compile(r"^export[ \t]*(?:$|.*\bPYTHONPATH\b)", re.MULTILINE)
_LONGEST: Final = 1 << 18
_MOST_TARGETS: Final = 1000
_MOST_PENDING: Final = 20_000
_DEEPEST: Final = 10
_TOO_DEEP: Final = "a variable in it stands for too much to be followed"


class Line(NamedTuple):
    """A line of a recipe, or a prerequisite that is no target."""

    number: int
    text: str


@dataclass
class Recipes:
    """What making some targets does: commands, files it needs, and what is unknown or too large."""

    commands: list[Line] = field(default_factory=list)
    files: list[Line] = field(default_factory=list)
    unknown: list[Line] = field(default_factory=list)
    too_large: list[Line] = field(default_factory=list)


@dataclass
class _Rule:
    number: int
    needs: list[str]
    recipe: list[Line] = field(default_factory=list)


def recipes(text: str, targets: list[str]) -> Recipes:
    """The recipes of some targets (of the first one where none is named) and of what they need."""
    given = dict(target.split("=", 1) for target in targets if "=" in target)
    targets = [target for target in targets if "=" not in target]
    rules, variables, found = _parse(text[:_LONGEST], given)
    if len(text) > _LONGEST:
        found.too_large.append(Line(0, f"only {_LONGEST:,} characters are read"))
    first = [name for name in rules if not name.startswith(".")][:1]
    path = _expanded(variables.get("PYTHONPATH", ""), variables)
    exported = f"export PYTHONPATH={path}; " if path and _EXPORTED.search(text) else ""
    pending = [Line(0, target) for target in (targets or first)]
    done: set[str] = set()
    while pending:
        target = pending.pop(0)
        if target.text in done:
            continue
        if len(done) == _MOST_TARGETS:
            said = f"only {_MOST_TARGETS:,} of its targets and what they need are followed"
            found.too_large.append(Line(target.number, said))
            break
        done.add(target.text)
        if target.text not in rules:
            (found.files if target.number else found.unknown).append(target)
            continue
        for rule in rules[target.text]:
            if len(pending) < _MOST_PENDING:
                pending += [Line(rule.number, need) for need in rule.needs]
            else:
                found.too_large.append(
                    Line(rule.number, "what it needs is too much to be followed")
                )
            lines = [Line(line.number, _expanded(line.text, variables)) for line in rule.recipe]
            found.commands += [
                Line(number, exported + text.replace("$$", "$")) for number, text in lines
            ]
            for line in (Line(rule.number, " ".join(rule.needs)), *lines):
                if any(name in variables for name in _VARIABLE.findall(line.text)):
                    found.too_large.append(Line(line.number, _TOO_DEEP))
    return found


def _parse(
    text: str, given: dict[str, str]
) -> tuple[dict[str, list[_Rule]], dict[str, str], Recipes]:
    rules: dict[str, list[_Rule]] = {}
    variables = dict(given)
    found = Recipes()
    current: list[_Rule] = []
    for number, line in _joined(text):
        if line.startswith("\t"):
            command = line.strip().lstrip("@-+ ")
            for rule in current:
                rule.recipe.append(Line(number, command))
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment:
            _assign(variables, given, assignment)
        elif re.match(r"-?s?include\b", line):
            found.unknown.append(Line(number, line.strip()))
        elif match := _RULE.match(line):
            current = _add_rule(rules, number, match, variables)
    return rules, variables, found


def _assign(variables: dict[str, str], given: dict[str, str], match: re.Match[str]) -> None:
    """Take an assignment; what the command line gives stays."""
    name, how, value = match[2], match[3] or "", match[4].strip()
    if name in given or (how == "?" and name in variables):
        return
    if how.startswith(":"):
        value = _expanded(value, variables)
    if how == "+" and len(variables.get(name, "")) < _LONGEST:
        value = f"{variables.get(name, '')} {value}".strip()
    variables[name] = value


def _add_rule(
    rules: dict[str, list[_Rule]], number: int, match: re.Match[str], variables: dict[str, str]
) -> list[_Rule]:
    needs = _expanded(match[2].replace("|", " "), variables).split()
    made = []
    for name in _expanded(match[1], variables).split():
        rule = _Rule(number, needs)
        if match[3]:
            rule.recipe.append(Line(number, match[3].strip()))
        rules.setdefault(name, []).append(rule)
        made.append(rule)
    return made


def _expanded(text: str, variables: dict[str, str]) -> str:
    """Put in the variables that the makefile assigns; the others stay as shell variables."""
    for _ in range(_DEEPEST):
        values = [variables.get(name, "") for name in _VARIABLE.findall(text)]
        if not values or sum(map(len, values)) > _LONGEST:
            break
        text = _VARIABLE.sub(lambda match: variables.get(match[1], f"${{{match[1]}}}"), text)
    return text


def _joined(text: str) -> list[tuple[int, str]]:
    """Lines with those that end in a backslash joined to the next; each with its number."""
    lines: list[tuple[int, str]] = []
    open_line = False
    for number, line in enumerate(text.splitlines(), 1):
        ends_open = line.endswith("\\")
        part = line[:-1] if ends_open else line
        if open_line:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]} {part.strip()}")
        else:
            lines.append((number, part))
        open_line = ends_open
    return lines
