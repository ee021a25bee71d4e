"""Could a page be a reference on Wikipedia? A fastText classifier that sees words and nothing else.

Touvron et al. 2023 (LLaMA, section 2.1) and RedPajama train a linear classifier that tells pages
which Wikipedia cites from random ones. It must judge text, not traces of how a text came to us, so
it sees only the words of spaced scripts in lower case, and single Han and kana characters:
punctuation, digits, white space, wiki marks and `<unk>` are gone, and traditional characters are
folded to simplified ones. Of a long text it sees the start.

Left out: what lies behind the first `MAX_TOKENS` of a text.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

import fasttext
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skypile.kernels.compiled import U16, U32, compiled
from skypile.kernels.text import characters
from skypile.kernels.text.characters import LETTER, MARK, WIDE

REFERENCE, RANDOM = "__label__reference", "__label__random"
MAX_TOKENS = 2000
_CHARS_A_TOKEN = 16  # looked at, at most: a token has one to eight, mostly
# What tokenised Wikipedia corpora put in place of rare words, and leftovers of markup.
_TRACES = re.compile(r"<unk>|</?[a-z]{1,10}/?>|&(?:[a-z]{2,8}|#\d{1,7});|https?://\S{1,2000}")
_MARKERS = ("<", "&", "://")
_SPACE = np.uint32(32)
Tokenise = Callable[[str], str]


@compiled
def _spread(text: U32, kinds: U16, to: U32, most: int, out: U32) -> int:
    """Write the first tokens of a text, a space behind each; the length of what was written.

    kinds: classes of code points. to: the code point that each is read as.
    """
    end = tokens = 0
    inside = False
    for at in range(len(text)):
        char = to[text[at]]
        kind = kinds[char]
        if kind & (LETTER | MARK):
            if not inside:
                if tokens == most:
                    return end
                tokens += 1
                inside = True
            out[end] = char
            end += 1
            continue
        if inside:
            out[end] = _SPACE
            end += 1
            inside = False
        if kind & WIDE:
            if tokens == most:
                return end
            tokens += 1
            out[end] = char
            out[end + 1] = _SPACE
            end += 2
    return end


def make_tokens(fold: Mapping[int, str] | None = None, max_tokens: int = MAX_TOKENS) -> Tokenise:
    """A function from a text to its first tokens as the classifier sees them, a space between two.
    Linear in the text, of which it sees 16 characters a token at most.

    fold: code points that are taken for another, traditional Han to simplified.
    """
    kinds = characters.classes()
    to = np.arange(len(kinds), dtype=np.uint32)
    for code, char in (fold or {}).items():
        to[code] = ord(char)

    def tokens(text: str) -> str:
        text = text[: _CHARS_A_TOKEN * max_tokens].lower()
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)
        if any(marker in text for marker in _MARKERS):
            text = _TRACES.sub(" ", text)
        out = np.empty(2 * len(text) + 1, np.uint32)
        size = _spread(characters.code_points(text), kinds, to, max_tokens, out)
        return out[:size].tobytes().decode("utf-32-le", "surrogatepass").rstrip(" ")

    return tokens


def chunks(tokens: list[str], size: int, least: int) -> list[list[str]]:
    """Tokens cut into pieces of `size`, of which a last one of fewer than `least` is left out."""
    found = [tokens[start : start + size] for start in range(0, len(tokens), size)]
    return [chunk for chunk in found if len(chunk) >= least]


def make_classifier(
    model: str, fold: Mapping[int, str] | None = None, *, max_tokens: int = MAX_TOKENS
) -> Callable[[pa.Array], pa.Array]:
    """A function from texts to the probability (float32, 0 to 1) that each is like a page which
    Wikipedia cites; null for a text without a token.

    model: path of a fastText model with the labels `REFERENCE` and `RANDOM`. fold: as it was
    fitted.

    Raises:
        ValueError: there is no such model, or it has other labels.
    """
    fasttext.FastText.eprint = lambda _: None  # it warns on standard error at every loading
    loaded = fasttext.load_model(model)
    if {*loaded.get_labels()} != {REFERENCE, RANDOM}:
        raise ValueError(f"{model} has the labels {loaded.get_labels()}")
    tokens = make_tokens(fold, max_tokens)
    predict = loaded.f.predict  # the wrapper makes an array of each answer

    def classify(texts: pa.Array) -> pa.Array:
        found: list[float | None] = []
        for text in texts.to_pylist():
            seen = tokens(text) if text else ""
            answer = predict(f"{seen}\n", 2, 0.0, "strict") if seen else []
            shares = {label: probability for probability, label in answer}
            found.append(min(1.0, shares[REFERENCE]) if REFERENCE in shares else None)
        return pa.array(found, pa.float32())

    return classify


def auc(positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]) -> float:
    """The share of (positive, negative) pairs in which the positive has the higher score, ties
    half; NaN where there is no pair.
    """
    if not len(positives) or not len(negatives):
        return float("nan")
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    upto = np.searchsorted(ordered, positives, side="right")
    return float((below + upto).sum() / (2 * len(positives) * len(negatives)))
