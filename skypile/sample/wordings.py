"""The wordings of the sample: text files of sections, and the voice that speaks them.

A file in `data/` holds sections apart by lines `## name`; each further line is one wording, with
slots in braces; `[rain,fog]` before it says for which kinds it is. A line with `|` is a list of
names, or a record of fields: its reader knows.
"""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def sections(name: str) -> Mapping[str, tuple[str, ...]]:
    """The sections of `data/NAME.txt`: their lines, in order.

    Raises:
        ValueError: a section occurs twice.
    """
    text = files("skypile.sample").joinpath(f"data/{name}.txt").read_text(encoding="utf8")
    found: dict[str, tuple[str, ...]] = {}
    for chunk in ("\n" + text).split("\n## ")[1:]:
        head, *lines = chunk.split("\n")
        if head in found:
            raise ValueError(f"data/{name}.txt: section {head!r} occurs twice")
        found[head] = tuple(line for line in lines if line.strip())
    return found


def capital(text: str) -> str:
    """A text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


class Voice:
    """Speaks the wordings of one file; no wording comes twice in one text."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.rng = rng
        self.english = name.endswith(".en")
        self._sections = sections(name)
        self._said: set[str] = set()

    def say(self, section: str, facts: Mapping[str, Any]) -> str:
        """One wording of a section that was not used yet, its slots filled; any, if all were."""
        lines = self.lines(section, facts)
        fresh = [line for line in lines if line not in self._said] or lines
        line = self.rng.choice(fresh)
        self._said.add(line)
        text = line.rpartition("]")[2].format_map(facts)
        return capital(text) if self.english else text

    def some(self, section: str, count: int, facts: Mapping[str, Any]) -> list[str]:
        """Several wordings of a section, at most as many as it has."""
        count = min(count, len(self.lines(section, facts)))
        return [self.say(section, facts) for _ in range(count)]

    def join(self, sentences: Sequence[str]) -> str:
        """Sentences as a paragraph: with spaces between them in English."""
        return (" " if self.english else "").join(sentences)

    def lines(self, section: str, facts: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """The lines of a section as they stand; of those that begin with kinds in square brackets
        only the ones that name `facts["kind"]`.
        """
        lines = self._sections[section]
        if facts is None:
            return lines
        kind = facts.get("kind")
        return tuple(
            line for line in lines if line[0] != "[" or kind in line[1 : line.index("]")].split(",")
        )

    def record(self, section: str) -> list[str]:
        """The fields of a line of a section, at random."""
        return self.rng.choice(self._sections[section]).split("|")

    def names(self, section: str, count: int) -> list[str]:
        """Different ones of all the names that a section lists."""
        every = [name for line in self._sections[section] for name in line.split("|")]
        return self.rng.sample(every, count)

    def name(self, section: str) -> str:
        """One of the names that a section lists."""
        return self.names(section, 1)[0]


DAYS = {
    True: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    False: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def month(number: int, *, english: bool) -> str:
    """The name of a month, 1 to 12."""
    return MONTHS[number - 1] if english else f"{number}月"


def day_of_month(month_number: int, day: int, *, english: bool) -> str:
    """A date without its year, as a notice writes it."""
    return f"{day} {MONTHS[month_number - 1]}" if english else f"{month_number}月{day}日"


def clock(minutes: int, *, english: bool) -> str:
    """A time of day; minutes: since midnight."""
    hour, minute = divmod(minutes, 60)
    if english:
        return f"{hour}:{minute:02d}"
    return f"{hour}时" if not minute else f"{hour}时{minute}分"
