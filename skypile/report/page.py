"""The report as a file: what the templates get, and the one HTML page they make.

The page holds everything it shows and runs nothing: no script, no request, and a policy that
forbids both, should something in a text slip through the escaping. The same run gives the same
bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from skypile import __version__
from skypile.files import Root
from skypile.look import about, distributions, pairs, samples, sums
from skypile.look.pages import pages_of
from skypile.look.run import MAX_DOCUMENTS, Looked
from skypile.look.shown import masked
from skypile.recurring import Recurrence, recurrence
from skypile.report import charts, funnel, numbers

MAX_RECURRING = 50_000_000  # documents; above, finding the examples would read too many ids
SAMPLES = 12
HOSTS = 25
EXCERPT_CHARS = 700


@dataclass(frozen=True)
class Options:
    """What is asked for: samples a reason; the folder of a training run; raw pages beside texts;
    how many documents to look at.
    """

    samples: int = SAMPLES
    train: str | None = None
    raw: bool = False
    max_documents: int = MAX_DOCUMENTS


def write(run: str, out: Path, options: Options) -> int:
    """Write the report of a run; its size in bytes.

    Raises:
        SkypileError: the folder is no run, or has not been read yet. StaleError: it is stale.
    """
    data = render(run, options).encode("utf8", "replace")
    out.parent.mkdir(parents=True, exist_ok=True)
    Root(str(out.parent.absolute())).write_atomic(out.name, data)
    return len(data)


def render(run: str, options: Options) -> str:
    """The report of a run as HTML."""
    looked = Looked(run, options.max_documents)
    environment = Environment(
        loader=PackageLoader("skypile.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "whole": numbers.whole,
        "compact": numbers.compact,
        "plain": numbers.plain,
        "breakable": numbers.breakable,
        "duration": numbers.duration,
        "excerpt": partial(excerpt, limit=EXCERPT_CHARS),
    }
    environment.globals |= {"share": numbers.share, "charts": charts, "mark": marked_blocks}
    page = environment.get_template("report.html.j2")
    return page.render(context(looked, run, options)) + "\n"


def context(run: Looked, name: str, options: Options) -> dict[str, Any]:
    """What the templates see. What the run has no stage for is empty, and has no section."""
    steps = funnel.steps(run.funnel)
    totals = sums.sums(run)
    gallery = pairs.gallery(run, options.samples)
    stages = about.stages(run)
    shown = [s for of in gallery.pairs.values() for p in of for s in (p.dropped, p.kept) if s]
    return {
        "name": Path(name.rstrip("/")).name if Path(name).name != "out" else Path(name).parent.name,
        "version": __version__,
        "run": run,
        "steps": steps,
        "colours": funnel.colours(run.funnel),
        "sums": totals,
        "measures": sums.MEASURES,
        "languages": sums.LANGUAGES,
        "gallery": gallery,
        "rejects": samples.rejects(run, options.samples),
        "raw": pages_of(run, shown) if options.raw else {},
        "lengths": distributions.lengths(run),
        "qualities": distributions.qualities(run),
        "clusters": distributions.cluster_sizes(run) if "dedup" in run.stages else {},
        "recurring": _recurring(run, name),
        "hosts": _hosts(totals),
        "tokens": _facts(run, "tokens.build").get("domains", []),
        "tokenizer": _counts(run, "fit_tokenizer.fit"),
        "plan": _counts(run, "plan.derive"),
        "models": _models(run),
        "training": about.training(options.train) if options.train else None,
        "stages": stages,
        "timed": any("wall_ms" in w for s in stages for w in s.work.values()),
        "masked": _masked(run),
    }


def _hosts(totals: sums.Sums) -> list[tuple[str, list[float]]]:
    found = totals.hosts.top[:HOSTS] if totals.hosts else []
    return [(masked(host), of) for host, of in found]


def _counts(run: Looked, piece: str) -> Mapping[str, Any]:
    manifest = run.manifest(piece)
    return manifest.counts if manifest else {}


def _facts(run: Looked, piece: str) -> Mapping[str, Any]:
    manifest = run.manifest(piece)
    return manifest.facts if manifest else {}


def _recurring(run: Looked, name: str) -> Recurrence | None:
    if run.manifest("distribution.relate") is None or "distribution" not in run.cuts:
        return None
    if sum(p.rows for p in run.all_parts) > MAX_RECURRING:
        return None
    return recurrence(name, 20)


def _models(run: Looked) -> dict[str, Mapping[str, Any]]:
    """What the fits say of the language models and classifiers, by stage and language."""
    fits = ("fit_lm", "fit_reference")
    return {f: _counts(run, f"{f}.fit") for f in fits if _counts(run, f"{f}.fit")}


def _masked(run: Looked) -> dict[str, int]:
    """Pieces of personal data that were masked in the corpus, by kind."""
    found = run.funnel.written.get("masked", {})
    return dict(found)


def excerpt(sample: samples.Sample, stages: Sequence[str] = (), limit: int = EXCERPT_CHARS) -> str:
    """The beginning of a text as a stage saw it."""
    text = sample.text(stages)
    return text if len(text) <= limit else text[:limit].rstrip() + "…"


def marked_blocks(sample: samples.Sample, stage: str, limit: int = 5) -> list[Any]:
    """Blocks around those that a stage removed, None where others are left out: each removed one
    with its neighbours, up to `limit` of them.
    """
    gone = [i for i, b in enumerate(sample.blocks) if b.removed_by == stage][:limit]
    near = sorted({j for i in gone for j in (i - 1, i, i + 1) if 0 <= j < len(sample.blocks)})
    found: list[Any] = []
    last = -1
    for i in near:
        if i != last + 1:
            found.append(None)
        found.append(sample.blocks[i])
        last = i
    if last < len(sample.blocks) - 1:
        found.append(None)
    return found
