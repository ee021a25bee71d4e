import hashlib
import io
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pytest
from rich.console import Console

from skypile import show
from skypile.errors import NothingFoundError, SkypileError
from skypile.look import about, distributions, search, terminal
from skypile.look.diff import ABSENT, difference, spill, spilt
from skypile.look.distributions import lengths, pairs
from skypile.look.run import KEPT, Looked, sample_keys
from skypile.look.samples import choose
from skypile.look.search import fates, matches, one_spelling
from skypile.look.shown import Piece, diff, masked_blocks, masked_html
from skypile.look.sums import READ, sums
from skypile.reader import RunReader
from tests.look.runs import EMAIL, EN, HANS, MOBILE, PHONE, ROWS, leakage_test, small_run


@pytest.fixture
def run(tmp_path: Path, no_spark: Callable[[], Any]) -> str:
    return small_run(tmp_path, no_spark)


def test_keys_of_a_sample_never_change() -> None:
    numbers = [0, 1, 2**64 - 1, 7 << 64]
    ids = [f"{i:032x}" for i in numbers]
    start = int.from_bytes(hashlib.blake2b(b"salt", digest_size=8).digest(), "little")

    def mixed(x: int) -> int:
        x = (x ^ start) % 2**64
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    keys = sample_keys(ids, "salt")
    assert keys.tolist() == [mixed(x) for x in numbers]
    assert sample_keys(ids, "other").tolist() != keys.tolist()
    many = sample_keys([f"{i:032x}" for i in range(20_000)], "")
    assert abs(np.mean(many.astype(np.float64)) / 2**63 - 1) < 0.02


def test_sums_are_those_of_the_ledger_and_the_texts(run: str) -> None:
    looked = Looked(run)
    assert len(looked.all_parts) > 2
    found = sums(looked)
    (ingest, language) = looked.funnel.lines
    assert sum(v[0] for v in found.left[READ].values()) == ingest.rows_in == len(ROWS)
    assert sum(v[0] for v in found.left["language"].values()) == language.kept
    assert {r: v[0] for r, v in found.dropped["language"].items()} == language.dropped
    chars = sum(len(r["text"].replace("\n", "")) for r in ROWS)
    assert sum(v[1] for v in found.left[READ].values()) == chars
    by_language = {k: int(v[0]) for k, v in found.left["language"].items()}
    assert by_language["Chinese, traditional"] == 1
    assert by_language["Chinese, simplified"] >= 1
    assert found.hosts is not None
    assert dict(found.hosts.top)["d.example"][0] == 40
    assert sum(sum(h.before) for h in lengths(looked)) == len(ROWS)
    assert sum(sum(h.after) for h in lengths(looked)) == language.kept


def test_of_a_big_run_parts_drawn_by_hash_are_looked_at(run: str) -> None:
    few = Looked(run, max_documents=10)
    assert 0 < len(few.parts) < len(few.all_parts)
    assert [(p.source, p.part) for p in few.parts] == [
        (p.source, p.part) for p in Looked(run, max_documents=10).parts
    ]
    estimate = sum(v[0] for v in sums(few).left[READ].values())
    assert estimate == pytest.approx(len(ROWS))
    assert few.funnel.lines[0].rows_in == len(ROWS)  # what is counted stays exact


def test_a_sample_depends_on_the_documents_alone(run: str, tmp_path: Path, no_spark: Any) -> None:
    def ids(where: str) -> list[str]:
        picks = choose(Looked(where), lambda p, f: {("x", ""): f.reason == KEPT}, 7, "s")
        return [p.part.ids[p.row] for p in picks["x", ""]]

    first = ids(run)
    text = (tmp_path / "c.toml").read_text().replace("4096", "1_000_000").replace('"out"', '"one"')
    (tmp_path / "c.toml").write_text(text)
    from skypile.config import load
    from skypile.driver import run_config
    from skypile.pipeline import all_stages

    run_config(load(tmp_path / "c.toml", all_stages()), no_spark, say=lambda _: None)
    assert len(Looked(str(tmp_path / "one")).all_parts) != len(Looked(run).all_parts)
    assert ids(str(tmp_path / "one")) == first
    assert len(set(first)) == 7


def test_samples_of_a_reason_are_its_documents_masked(run: str) -> None:
    (german,) = terminal.sampled(run, "language", "other_language", 20)
    assert german.url.startswith("javascript:")
    assert german.numbers["family"] == "other"
    kept = terminal.sampled(run, "language", "kept", 100)
    shown = json.dumps(terminal.as_json(kept), ensure_ascii=False)
    assert "<EMAIL>" in shown
    assert "<PHONE>" in shown
    assert not [p for p in (EMAIL, PHONE, MOBILE) if p in shown]
    assert {s.lang for s in kept} >= {"en", "zh-Hans", "zh-Hant"}
    with pytest.raises(SkypileError, match="did you mean 'other_language'"):
        terminal.sampled(run, "language", "other_languages", 3)
    with pytest.raises(SkypileError, match="no verdicts of a stage 'dedup'"):
        terminal.sampled(run, "dedup", "kept", 3)


def test_records_are_found_by_url_id_beginning_and_host(run: str) -> None:
    reader = RunReader(run)

    def urls(name: str, limit: int = 100) -> list[str | None]:
        return [m.url for m in matches(reader, name, limit)[0]]

    assert urls("https://d.example/1") == ["https://d.example/1"]  # not /10 to /19
    assert len(urls("d.example/1")) == 11
    assert len(urls("https://d.example")) == 40
    found, count = matches(reader, "d.example", 3)
    assert (len(found), count) == (3, 40)
    assert sorted(map(str, urls("b.example"))) == [
        "https://b.example/x/2",
        f"https://www.b.example/3?to={EMAIL}",
    ]
    doc_id = found[0].doc_id
    assert [m.doc_id for m in matches(reader, doc_id[:12], 5)[0]] == [doc_id]
    with pytest.raises(NothingFoundError, match=r"did you mean https://b.example/x/2\?"):
        urls("https://b.exampel/x/2")
    with pytest.raises(NothingFoundError, match="8 digits"):
        urls("zzzz")


CAFE = "https://e.example/caf\u00e9?q=a%2Fb"


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("https://e.example/运河/磨坊", quote("https://e.example/运河/磨坊", safe=":/")),
        (quote("https://e.example/運河", safe=":/"), "https://e.example/運河"),
        (quote("https://e.example/運河", safe=":/"), "https://e.example/%e9%81%8b%E6%b2%b3"),
        (CAFE, unicodedata.normalize("NFD", CAFE)),
        (CAFE, "https://e.example/caf%C3%A9?q=a%2fb"),
        ("https://e.example/~me", "https://e.example/%7Eme"),
        ("https://e.example/%D4%CB", "https://e.example/%d4%cb"),  # GBK is not UTF-8
    ],
)
def test_a_url_is_found_by_any_of_its_spellings(
    tmp_path: Path, no_spark: Any, there: str, asked: str
) -> None:
    others = [{"text": EN, "url": f"https://e.example/{x}"} for x in ("", "运", "a/b")]
    run = small_run(tmp_path, no_spark, rows=[*others, {"text": EN, "url": there}])
    ((found,), count) = matches(RunReader(run), asked, 5)
    assert (found.url, count) == (there, 1)
    assert one_spelling("https://e.example/a%2Fb") != one_spelling("https://e.example/a/b")


def test_a_fate_has_thresholds_and_no_personal_data(run: str) -> None:
    ((short,), count) = fates(run, "https://c.example/4", 5)
    assert count == 1
    assert short["verdicts_ingest"]["reason"] == "too_short"
    assert short["verdicts_ingest"]["thresholds"]["min_chars"] == 30
    ((page,), _) = fates(run, "www.b.example", 5)
    assert page["documents"]["url"] == "https://www.b.example/3?to=<EMAIL>"
    assert EMAIL not in json.dumps(page, default=str)


def test_two_runs_differ_in_documents_by_reason_and_in_settings(
    run: str, tmp_path: Path, no_spark: Any
) -> None:
    same = difference(Looked(run), Looked(run))
    assert (same.came, same.went, list(same.moves), list(same.settings)) == (0, 0, [], [])
    assert same.first == same.second == Looked(run).funnel.lines[-1].kept
    other = small_run(tmp_path / "other", no_spark, min_chars=1)
    found = difference(Looked(run), Looked(other))
    assert [(s.where, s.name, s.first, s.second) for s in found.settings] == [
        ("ingest.cut", "min_chars", 30, 1)
    ]
    moves = {(a[1], b[1]): n for (a, b), n in found.moves.items()}
    assert moves == {("too_short", "kept"): 1} or moves == {("too_short", "too_little_text"): 1}
    assert found.came - found.went == found.second - found.first
    assert not found.code
    assert found.only == ([], [])
    gone = tmp_path / "other/in/2.jsonl"
    gone.write_text("\n".join(gone.read_text(encoding="utf8").splitlines()[:-1]) + "\n", "utf8")
    small_run_again(tmp_path / "other", no_spark)
    less = difference(Looked(run), Looked(other))
    assert sum(n for (_, b), n in less.moves.items() if b[1] == ABSENT) == 1


def test_fates_go_to_files_and_come_back_by_the_beginning_of_their_ids(tmp_path: Path) -> None:
    """Where two runs have other parts: what is held at a time is a 256th of a source."""
    rng = np.random.default_rng(5)
    ids = [bytes(rng.integers(0, 256, 16, np.uint8)).hex() for _ in range(900)]
    fates = [("", KEPT), ("dedup", "near_duplicate"), ("read", "空")]
    all_of = {name: fates[i % 3] for i, name in enumerate(ids)}
    names: dict[Any, int] = {}
    for part in range(4):
        own = list(all_of.items())[part::4]
        spill(iter(own), tmp_path, names)
    spill(iter([]), tmp_path, names)
    found = {}
    for file in sorted(tmp_path.iterdir()):
        some = spilt(file, list(names))
        assert {k[:2] for k in some} == {file.name}
        found |= some
    assert found == all_of
    assert spilt(tmp_path / "none", list(names)) == {}


def small_run_again(base: Path, no_spark: Any) -> None:
    from skypile.config import load
    from skypile.driver import run_config
    from skypile.pipeline import all_stages

    run_config(load(base / "c.toml", all_stages()), no_spark, say=lambda _: None)


def test_a_diff_shows_what_differs_in_words_and_in_characters() -> None:
    english = diff(f"{EN} It is 1990 now.", f"{EN} It is 2023 now.")
    assert [p for p in english if p.kind in ("gone", "new")] == [
        Piece("gone", "1990"),
        Piece("new", "2023"),
    ]
    assert english[0].kind == "skip"
    chinese = diff(HANS, HANS.replace("面包", "大米"))
    assert [p for p in chinese if p.kind != "same"] == [Piece("gone", "面包"), Piece("new", "大米")]
    assert "".join(p.text for p in chinese if p.kind in ("same", "gone")) == HANS
    assert diff("", "") == []
    first, second = "a b " * 5000, "c d " * 5000
    assert {p.kind for p in diff(first, second)} <= {"same", "gone", "new", "skip"}


def test_a_page_that_hides_an_address_in_references_is_masked() -> None:
    page = f"<p>{EMAIL.replace('@', '&#64;')}</p><p>&lt;b&gt;</p>"
    assert "mail.example.org" not in masked_html(page)
    assert masked_html("<p>&lt;b&gt; &amp;</p>") == "<p>&lt;b&gt; &amp;</p>"
    assert masked_blocks(f"电话\n{MOBILE}\n{EMAIL}") == ["电话", "<PHONE>", "<EMAIL>"]


def test_a_fate_is_masked_in_every_column_and_safe_on_a_terminal() -> None:
    row = {
        "winner_url": f"https://a.example/?to={EMAIL}",
        "path": f"mail/{EMAIL}.txt",
        "cited_urls": [f"mailto:{EMAIL}", f"https://a.example/?to={quote(EMAIL, safe='')}"],
        "title": "a\x1b]52;c;aGk=\x07b\x9b31m\tc",
        "winner": "13912345678" * 2,
        "payload_digest": "sha1:13912345678",
    }
    shown = search._shown(row)
    assert EMAIL not in unquote(json.dumps(shown))
    assert shown["title"] == "a\ufffd]52;c;aGk=\ufffdb\ufffd31m\tc"
    assert {n: shown[n] for n in ("winner", "payload_digest")} == {
        n: row[n] for n in ("winner", "payload_digest")
    }


def test_a_url_with_brackets_is_shown_as_it_is() -> None:
    out = Console(file=io.StringIO(), width=100)
    show.fates([{"record": {"url": "https://a.example/[red]/[/b]", "path": "p"}}], out)
    assert "https://a.example/[red]/[/b]" in out.file.getvalue()  # type: ignore[attr-defined]


def test_a_stage_that_no_source_has_gives_no_verdicts(run: str) -> None:
    """A crawl alone has `ingest` in its record, with no source to read: the report has no step."""
    looked = Looked(run)
    assert looked.cuts == ["ingest", "language"]
    idle = {"name": "code", "pieces": {"read": [], "cut": []}}
    looked = Looked(run)
    looked.reader.record["stages"].insert(0, idle)
    looked.stages.insert(0, "code")
    assert looked.cuts == ["ingest", "language"]


def test_a_stage_that_is_not_there_is_said_so(run: str) -> None:
    looked = Looked(run)
    assert looked.missing("language") is None
    assert looked.need("ingest", "language") is looked
    with pytest.raises(NothingFoundError, match="nothing to see here: this run has no stage code"):
        looked.need("language", "code")
    assert looked.missing("code") == "this run has no stage code"
    looked.funnel.pending = ("language",)
    looked.stages.remove("language")
    assert "has not been run yet" in str(looked.missing("language"))
    assert pairs(looked) == []


@pytest.mark.parametrize("within", ["models", "verdicts"])
def test_what_a_leakage_test_wrote_is_read(tmp_path: Path, within: str) -> None:
    pytest.importorskip("torch")
    assert about.leaks(str(tmp_path)) is None
    found = about.leaks(str(leakage_test(tmp_path, within)))
    assert found is not None
    assert found.found == {"clean": [], "told": ["test leaked (D1)", "test known (D2)"]}
    assert set(found.losses["told"]) == {"train", "test", "ref"}
    value, low, high, flagged = found.d1["clean"]
    assert low < value < high
    assert value == pytest.approx(found.losses["clean"]["test"] - found.losses["clean"]["ref"])
    assert not flagged  # above the margin, which is no leak
    assert low > found.margin
    assert found.d2["told"].found
    (tmp_path / "leakage.json").write_text('{"models": {"m": {}}}', encoding="utf8")
    with pytest.raises(SkypileError, match="not of a leakage test"):
        about.leaks(str(tmp_path))


def test_bins_of_a_width_hold_what_lies_below_zero_and_their_marks() -> None:
    bins = distributions._Bins(width=0.5)
    values = np.array([-1.2, -0.1, 0.0, 0.4, 2.6])
    bins.add(values, values > 0, 2.0)
    found = bins.histogram("n", "u", [(-3.0, "low")])
    assert found is not None
    assert found.edges[0] == -3.0
    assert found.edges[-1] == 3.0
    assert (sum(found.before), sum(found.after)) == (10, 4)
    assert found.before[list(found.edges).index(0.0)] == 4
    assert not found.log
