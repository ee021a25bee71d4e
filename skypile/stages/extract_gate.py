"""What is asked of a page before it is extracted, for stage `extract`: its address, and its
language at a glance. Extraction costs ten to twenty times as much as both.

A glance sees menus and teasers beside the text, and is not asked about anything but what it is sure
of: pages that plainly show another language go, everything else is extracted, and stage `language`
judges the main text. What that loses and spares is measured by `make bench-glance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skypile import artifacts, blocklists
from skypile.kernels.extraction.visible import visible_text
from skypile.kernels.quality.blocklist import BlockList
from skypile.kernels.text import language

FOREIGN = "foreign"
GLANCE_CHARS = 2000  # of what a page shows


@dataclass(frozen=True)
class Wanted:
    """The languages of a crawl, and how sure a glance at a page must be that it is in none.

    languages: codes; "zh" stands for all Chinese languages. min_prob: of the language seen, 0 to 1.
    min_letters: code points; a page that shows fewer is not judged.
    """

    languages: Sequence[str]
    min_prob: float
    min_letters: int

    def foreign(self, html: str, model: language.Model) -> str | None:
        """What a page is in, where that is plainly none of the languages; None otherwise."""
        verdict = language.identify(visible_text(html, GLANCE_CHARS), model)
        found = "zh" if verdict.lang in language.SINITIC else verdict.lang
        if (
            found in (*self.languages, "und")
            or verdict.lang in self.languages
            or verdict.prob < self.min_prob
            or verdict.profile.letters < self.min_letters
        ):
            return None
        return f"{verdict.lang} {verdict.prob:.2f}"


class Gate:
    """Both questions, with what they need opened once a process."""

    def __init__(self, wanted: Wanted, lid_model: str, lid_sha256: str, blocklist: str) -> None:
        """Open the model and the list.

        Raises:
            ValueError: the model is not what it should be, or knows no such language.
            InputError: the list is none.
        """
        self._wanted = wanted
        self._model = language.open_model(lid_model, lid_sha256) if wanted.languages else None
        if self._model and (unknown := sorted({*wanted.languages} - self._model.languages)):
            raise ValueError(
                f"languages: the model knows no {', '.join(unknown)}; codes are en, zh"
            )
        self._blocked: BlockList | None = None
        if blocklist:
            folder: Path = artifacts.local(blocklist, kind=blocklists.KIND)
            self._blocked = blocklists.load(folder)

    def address(self, url: str | None) -> tuple[str | None, str | None]:
        """(reason, detail) where the address is blocked; (None, None) else."""
        found = self._blocked.check([url])[0] if self._blocked and url else None
        return (found.reason, found.detail) if found else (None, None)

    def page(self, html: str) -> tuple[str | None, str | None]:
        """(reason, detail) where the page is plainly in another language; (None, None) else."""
        seen = self._wanted.foreign(html, self._model) if self._model else None
        return (FOREIGN, seen) if seen else (None, None)
