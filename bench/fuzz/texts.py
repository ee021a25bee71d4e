"""Targets: bytes to text, pages to blocks, signals, masking, addresses, tokens."""

import datetime
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from bench.fuzz.target import LATEST, Check, again, as_text, holds


def charset(folder: Path) -> Check:
    """Bytes to text that can be written, the same twice, whatever the header says."""
    from skypile.kernels.reading.charset import decode

    labels = (None, "utf-8", "gb2312", "Big5", "shift_jis", "iso-2022-jp", "utf-16", "hz", "x\0\n")

    def check(data: bytes) -> None:
        if not data:
            return
        label, body = labels[data[0] % len(labels)], data[1:]
        found = decode(body, label)
        if found:
            holds(found.text.encode() is not None, "text that can be written", found.charset)
            holds(0 <= found.replaced <= len(found.text), "replaced characters", found.replaced)
        if again(data):
            holds(decode(body, label) == found, "the same twice", found)

    return check


def page(engine: str) -> Callable[[Path], Check]:
    """A page to blocks without line ends, in NFC, and a title and date that can be written."""

    def make(folder: Path) -> Check:
        import importlib

        from skypile.kernels.extraction.html import DEFAULT_LIMITS
        from skypile.kernels.extraction.kinds import DEFAULT_KINDS, KINDS

        module: Any = importlib.import_module(f"skypile.kernels.{engine}")

        def run(html: str) -> Any:
            url = f"http://example.org/2020/01/02/{html[:8]}"
            kinds = (DEFAULT_KINDS, KINDS, ())[len(html) % 3]
            return module.extract(
                html, url=url, limits=DEFAULT_LIMITS, latest_date=LATEST, kinds=kinds
            )

        def check(data: bytes) -> None:
            html = as_text(data)
            found = run(html)
            if found:
                holds(any(map(str.strip, found.blocks)), "a page has text", found)
                for block in found.blocks:
                    holds("\n" not in block, "a block is one line", block)
                    holds(block.encode() is not None, "a block can be written", block)
                    holds(unicodedata.is_normalized("NFC", block), "a block is in NFC", block)
                if found.title is not None:
                    holds(found.title.encode() is not None, "a title can be written", found.title)
                if found.date is not None:
                    date = datetime.date.fromisoformat(found.date).isoformat()
                    holds(date == found.date <= LATEST, "an ISO date", found.date)
            if again(data):
                holds(run(html) == found, "the same twice", found)

        return check

    return make


def rules(folder: Path) -> Check:
    """Signals that do not depend on the batch, and rules whose reasons are those of the profile."""
    from skypile.kernels.quality.rules import PROFILES, apply
    from skypile.kernels.quality.signals import SCHEMA, measure

    def check(data: bytes) -> None:
        texts = as_text(data).encode("utf8", "replace").decode().split("\x1e")
        batch = measure(texts)
        holds(batch.schema == SCHEMA and batch.num_rows == len(texts), "a row a text", len(texts))
        holds(not any(column.null_count for column in batch.columns), "no nulls", texts)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = np.asarray(column, np.float64)
            holds(np.isfinite(values).all() and (values >= 0).all(), f"{name} is a measure", values)
            if "fraction" in name:
                holds((values <= 1.000001).all(), f"{name} is a share", values)
        for profile in PROFILES.values():
            names = {rule.name for rule in profile}
            for reason in apply(profile, batch):
                holds(reason is None or reason in names, "a reason of the profile", reason)
        if len(texts) > 1 or again(data):
            alone = [measure([text]).to_pylist()[0] for text in texts]
            holds(alone == batch.to_pylist(), "a row depends on its text alone", texts)

    return check


def mask(folder: Path) -> Check:
    """What is masked holds nothing that the detector finds, and masking it again changes nothing;
    a URL neither, whatever is percent-encoded.
    """
    from skypile.kernels.personal_data.personal import (
        MAX_ENCODINGS,
        PLACEHOLDERS,
        find,
        mask,
        mask_url,
    )

    def check(data: bytes) -> None:
        text = as_text(data)
        spans = find(text)
        ends = [0, *(end for _, end, _ in spans)]
        for before, (start, end, kind) in zip(ends, spans, strict=False):
            holds(before <= start < end <= len(text), "spans are in order", spans)
            holds(kind in PLACEHOLDERS, "a kind", kind)
        masked, counts = mask(text)
        holds(sum(counts.values()) == len(spans), "all that is found is counted", counts)
        holds(not find(masked), "nothing is left", masked, find(masked))
        holds(mask(masked) == (masked, {}), "masking twice is masking once", masked)
        shown = mask_url(text)
        holds(not find(shown), "nothing is left in a URL", shown)
        for _ in range(MAX_ENCODINGS):
            shown = unquote(shown)
            holds(not find(shown), "nothing is hidden in a URL", shown)

    return check


def blocklist(folder: Path) -> Check:
    """A list built of any lines; what is listed and not refused is blocked."""
    from skypile.kernels.quality.blocklist import BlockList, build
    from skypile.kernels.text.urls import place

    def check(data: bytes) -> None:
        lines = data.split(b"\n")
        arrays = build([("a", "domains", lines), ("b", "urls", lines)])
        found = BlockList(arrays)
        texts = [line.decode("utf8", "replace").strip() for line in lines]
        verdicts = found.check([*texts, None, ""])
        holds(len(verdicts) == len(texts) + 2 and verdicts[-2:] == [None] * 2, "one a URL", texts)
        if len(texts) == 1 and not arrays.refused and len(arrays.hashes) and place(texts[0]):
            holds(verdicts[0], "what is listed is blocked", texts[0])

    return check


def tokenizer(folder: Path) -> Check:
    """Tokens that are the library's, whatever is encoded beside, and give the text back."""
    from skypile.kernels.tokenizer.encode import make_encoder
    from tests.tokenizer_texts import make_tokenizer, processor

    made = Path(tempfile.gettempdir()) / "skypile-fuzz-tokenizer"
    if not (made / "tokenizer.model").exists():
        make_tokenizer(made)
    library, encode = processor(made), make_encoder(made / "tokenizer.model")

    def check(data: bytes) -> None:
        # U+2581 stands for a space in the library, which gives a space back.
        plain = as_text(data).encode("utf8", "replace").decode().replace("\u2581", "_")
        texts = plain.split("\x1e")
        done = encode(pa.array(texts, pa.large_string()))
        holds(len(done.ends) == len(texts), "an end a text", len(texts))
        for text, tokens in zip(texts, np.split(done.tokens, done.ends)[:-1], strict=True):
            ids = tokens.tolist()
            end = library.eos_id()
            holds(ids[-1] == end and end not in ids[:-1], "one end of a document", ids)
            holds(library.decode(ids[:-1]) == text, "decoding gives the text back", text)

    return check
