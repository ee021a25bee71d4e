"""The errors that a user is meant to read: what is wrong, where, and what to do about it.

The command prints them as one paragraph without a traceback and exits with 2, or 1 where it looked
for something and found nothing. Anything else that is raised is a fault of skypile or of the
machine, and keeps its traceback.
"""

import re

# What a terminal would obey, and what would hide or reverse text in a log. Names of files and
# addresses come from whoever made the input.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain_lines(text: str) -> str:
    r"""A message as it may be printed: controls escaped (`\x1b`), and no line but the first at the
    margin, so that a name with line ends in it looks like no line of ours.
    """
    shown = _OBEYED.sub(lambda m: ascii(m[0])[1:-1], text)
    return shown.replace("\n", "\n  ")


class SkypileError(Exception):
    """Base of all errors that are addressed to the user."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback (IPython asks for it by this name)."""
        return [plain_lines(str(self))]


class NothingFoundError(SkypileError):
    """Nothing in the run is what was looked for; says what is near."""

    exit_code = 1


class ConfigError(SkypileError):
    """A setting is unknown, of the wrong type or out of range; names key and file."""


class InputError(SkypileError):
    """An input is missing, listed twice, or not what the plan says it was."""


class StaleError(SkypileError):
    """A table was made from inputs that have moved since, so it cannot be used or added up."""


class DamagedError(StaleError):
    """A committed file is not what was committed: missing, cut short, or with other bytes."""


class BalanceError(SkypileError):
    """Rows in do not equal rows kept plus rows dropped by reason."""


class RejectBudgetError(SkypileError):
    """A source rejects more of its records than its configuration allows."""
