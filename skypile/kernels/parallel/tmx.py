"""TMX 1.1 to 1.4b (translation memories) as a stream: the English and Chinese of each unit.

Read by expat, a piece at a time, in memory bounded by the longest unit allowed. A file that
declares an entity is refused at the declaration: nothing is ever expanded, nothing outside is read.
Text of `seg` and `hi` is text; what stands in `bpt`, `ept`, `ph`, `it`, `ut` is the markup of the
tool that made it, and is left out with the `sub` flows in it.

Source: the TMX 1.4b specification (LISA 2005). Left out: what follows a place that is no XML, since
a unit cannot be found without its start; damage costs the rest of the file, and is on record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from skypile.kernels.reading.members import Damage
from skypile.kernels.reading.streams import Unpacked

_READ_BYTES = 64 << 10
_MAX_DEPTH = 256  # of elements; TMX has 7, and more where `sub` is nested
_MARKUP = frozenset({"bpt", "ept", "ph", "it", "ut"})
_ENGLISH, _CHINESE = "en", "zh"


@dataclass
class Unit:
    """One `tu`. english and chinese: the first segment in each, None where there is none;
    traditional Chinese and regional codes are Chinese. size: code points of all its segments;
    too_large: they are more than allowed, and none is kept.
    """

    ordinal: int
    offset: int  # byte of the unpacked file where it starts
    english: str | None = None
    chinese: str | None = None
    id: str | None = None
    languages: set[str] = field(default_factory=set)
    size: int = 0
    too_large: bool = False


class Refused(ValueError):
    """The file declares an entity, or is built to fill memory."""


class _Builder:
    """Expat's calls to units."""

    def __init__(self, parser: Any, most: int) -> None:
        self.done: list[Unit] = []
        self.units = 0
        self._parser, self._most = parser, most
        self._unit: Unit | None = None
        self._language, self._text = "", []  # type: tuple[str, list[str]]
        self._in_segment, self._markup, self._depth = False, 0, 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Refused(f"elements are nested more than {_MAX_DEPTH} deep")
        if name == "tu":
            self._unit = Unit(self.units, self._parser.CurrentByteIndex, id=attributes.get("tuid"))
            self.units += 1
        elif name == "tuv":
            code = attributes.get("xml:lang") or attributes.get("lang") or ""
            self._language = code.replace("_", "-").lower().partition("-")[0]
        elif name == "seg":
            self._in_segment, self._markup, self._text = True, 0, []
        elif name in _MARKUP:
            self._markup += 1

    def data(self, text: str) -> None:
        if not self._unit or not self._in_segment:
            return
        self._unit.size += len(text)
        if self._unit.size > self._most:
            self._unit.too_large, self._text = True, []
        elif not self._markup:
            self._text.append(text)

    def end(self, name: str) -> None:
        unit = self._unit
        self._depth -= 1
        if name in _MARKUP:
            self._markup -= 1
        elif name == "seg":
            self._in_segment = False
            if unit:
                unit.languages.add(self._language)
                text = "".join(self._text)
                if self._language == _ENGLISH and unit.english is None:
                    unit.english = text
                elif self._language == _CHINESE and unit.chinese is None:
                    unit.chinese = text
        elif name == "tu" and unit:
            self.done.append(unit)
            self._unit = None

    def refuse(self, name: str, *_: Any) -> None:
        raise Refused(f"it declares an entity, {name[:40]!r}")


def units(stream: Any, max_chars: int, damages: list[Damage]) -> Iterator[Unit]:
    """The units of a file, packed or not; what is wrong with the file goes into `damages`."""
    packed = Unpacked(stream)
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    builder = _Builder(parser, max_chars)
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = builder.refuse
    fed = 0
    try:
        while data := packed.read(_READ_BYTES):
            fed += len(data)
            parser.Parse(data, False)
            yield from _taken(builder)
            if fed - parser.CurrentByteIndex > 4 * max_chars + len(data):  # expat holds it all
                raise Refused(f"a tag of more than {4 * max_chars:,} bytes")
        if packed.broken is None:
            parser.Parse(b"", True)
    except (expat.ExpatError, Refused) as error:
        yield from _taken(builder)
        at = parser.CurrentByteIndex
        damages.append(Damage(max(at, 0), "malformed_record", str(error)[:200]))
    yield from _taken(builder)
    if packed.broken:
        damages.append(Damage(0, "truncated_record", packed.broken))


def _taken(builder: _Builder) -> list[Unit]:
    done, builder.done = builder.done, []
    return done
