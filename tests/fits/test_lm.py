"""Fitting needs lmplz: where it was never built (`make lmplz`), those tests skip."""

import gzip
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import kenlm
import numpy as np
import pyarrow as pa
import pytest

from skypile import artifacts, lmplz
from skypile.fits.lm import FitError, LmSettings, fit_lm
from skypile.fits.names import LM, SP_MODEL
from skypile.kernels.quality.perplexity import Scorer, make_scorer, make_tokeniser

REPO = Path(__file__).parent.parent.parent
RARE = {"character_coverage": 0.99, "heldout_fraction": 0.0}
SMALL = LmSettings(vocab_size=600, memory_mb=64, heldout_fraction=0.1, order=3)


def built(name: str) -> Path:
    try:
        return lmplz.find(name)
    except lmplz.MissingProgram as e:
        pytest.skip(str(e))


def made_up(language: str, documents: int = 200) -> list[str]:
    """Sentences of words that follow Zipf's law: natural counts, few characters."""
    rng = random.Random(language)
    syllables = "的一是了我不人在他有这上们来到时大地为子" if language == "zh" else "aeioumnrstlkd"
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(400)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    between, end = ("", "。") if language == "zh" else (" ", ". ")

    def line() -> str:
        return between.join(rng.choices(words, weights, k=rng.randint(4, 15))) + end

    return ["\n".join(line() for _ in range(rng.randint(1, 8))) for _ in range(documents)]


@pytest.fixture(scope="module", params=["en", "zh"])
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built("lmplz")
    folder = tmp_path_factory.mktemp("lm") / request.param
    fit_lm(made_up(request.param), request.param, folder, settings=SMALL)
    return folder


def scorer_of(folder: Path) -> Scorer:
    return make_scorer(str(folder / SP_MODEL), str(folder / LM))


def test_the_card_says_what_was_done(fitted: Path) -> None:
    card = artifacts.load_card(str(fitted), kind="lm", language=fitted.name)
    assert set(card.files) == {SP_MODEL, LM}
    assert card.trained_on["documents"] + card.quality["heldout_documents"] == 200
    assert card.quality["heldout_documents"] == 20
    assert card.trained_on["tokens"] > card.trained_on["lines"] > 180
    assert 1 < card.quality["heldout_perplexity"] < 600
    assert card.parameters["order"] == kenlm.Model(str(fitted / LM)).order == 3
    assert card.parameters["discount_fallback"] in ([], [1])
    assert {p.name for p in fitted.parent.iterdir()} == {fitted.name}, "nothing is left behind"


def test_the_same_documents_in_any_order_give_the_same_bits(fitted: Path, tmp_path: Path) -> None:
    documents = made_up(fitted.name)
    random.Random(1).shuffle(documents)
    fit_lm(documents, fitted.name, tmp_path / "again", settings=SMALL)
    for name in (SP_MODEL, LM, artifacts.CARD):
        assert (tmp_path / "again" / name).read_bytes() == (fitted / name).read_bytes(), name


def test_what_was_learnt_is_told_from_noise(fitted: Path) -> None:
    right = made_up(fitted.name)[0]
    shuffled = "".join(random.Random(2).sample(right, len(right)))
    other = made_up("zh" if fitted.name == "en" else "en")[0]
    scores = scorer_of(fitted)(pa.array([right, shuffled, other])).perplexity.to_pylist()
    assert scores[0] < scores[1] < scores[2]


def test_documents_without_tokens_have_no_perplexity(fitted: Path) -> None:
    texts = pa.array(["", None, " \n\u3000\n", "\u200b", "a"])
    scores = scorer_of(fitted)(texts)
    assert scores.perplexity.is_null().to_pylist() == [True] * 4 + [False]
    assert scores.tokens[:4].tolist() == [0] * 4
    assert scores.log10_prob[:4].tolist() == [0] * 4


def test_a_batch_is_scored_as_its_parts_are(fitted: Path) -> None:
    scorer, texts = scorer_of(fitted), pa.array(made_up(fitted.name, 30))
    whole, parts = scorer(texts), [scorer(texts[:7]), scorer(texts[7:])]
    assert whole.perplexity == pa.concat_arrays([p.perplexity for p in parts])
    assert len(scorer(pa.array([], pa.string())).perplexity) == 0


@pytest.mark.parametrize("texts", ["held out", "hostile"])
def test_the_score_is_that_of_kenlms_own_query(fitted: Path, texts: str) -> None:
    documents = [*made_up(fitted.name, 20), "x 的 " * 3000]
    documents += [document.replace("\n", " ") * 40 for document in documents[:5]]  # long lines
    if texts == "hostile":
        documents = [
            "<s> a </s> <unk> b",
            "▁ \u2581\u2028 x\x00y",
            "𠃌鿕\U0010fffd é \ufffd",
            "</s>",
        ]
    sums, tokens = queried(built("query"), fitted, documents)
    scores = scorer_of(fitted)(pa.array(documents))
    assert scores.tokens.tolist() == tokens
    perplexity = 10 ** (-np.array(sums) / tokens)
    assert scores.perplexity.to_numpy() == pytest.approx(perplexity, rel=1e-4)


@pytest.mark.parametrize("text", ["=", "的", "a ", "a\n", "1.1.1.", "e\u0301", "\U0010fffd"])
def test_hostile_text_costs_linear_time(fitted: Path, text: str) -> None:
    scorer, texts = scorer_of(fitted), pa.array([text * (200_000 // len(text))])
    start = time.process_time()
    scorer(texts)
    assert time.process_time() - start < 2


def queried(query: Path, folder: Path, documents: list[str]) -> tuple[list[float], list[int]]:
    """Sums of log10 probabilities and counts of tokens by KenLM's program, from each token's."""
    tokenise = make_tokeniser(str(folder / SP_MODEL))
    sums, tokens = [], []
    for document in documents:
        lines = "".join(" ".join(line) + "\n" for _, line in tokenise([document]))
        command = [query, "-v", "word", folder / LM]
        out = subprocess.run(command, input=lines.encode(), capture_output=True, check=True).stdout
        words = [w for w in out.decode().replace("\n", "\t").split("\t") if w.count(" ") == 2]
        sums.append(sum(float(w.split(" ")[2]) for w in words))
        tokens.append(len(words))
    return sums, tokens


def test_folding_is_that_of_the_fit(tmp_path: Path) -> None:
    built("lmplz")
    fold = {ord("這"): "这", ord("們"): "们"}
    card = fit_lm(made_up("zh"), "zh", tmp_path / "zh", settings=SMALL, fold=fold)
    assert card.parameters["folds_characters"] is not None
    paths = (str(tmp_path / "zh" / SP_MODEL), str(tmp_path / "zh" / LM))
    texts = pa.array(["这们的", "這們的"])
    one, other = make_scorer(*paths, fold=fold)(texts).perplexity.to_pylist()
    assert one == other
    one, other = make_scorer(*paths)(texts).perplexity.to_pylist()
    assert one < other


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "no documents of language 'zh' with text .0 given"),
        (["", " \n\u3000"], "no documents of language 'zh' with text .2 given"),
        (["一个文件"], "one document"),
        (["一个文件", "一个文件 "], "one document with text .2 copies"),
    ],
)
def test_too_little_to_fit(tmp_path: Path, documents: list[str], message: str) -> None:
    built("lmplz")
    with pytest.raises(FitError, match=message):
        fit_lm(documents, "zh", tmp_path / "zh", settings=SMALL)
    assert not list(tmp_path.iterdir())


def test_only_a_tiny_text_gets_fixed_discounts_and_the_card_says_so(tmp_path: Path) -> None:
    built("lmplz")
    regular = [f"{a} {b}" for a in "abcdefgh" for b in "abcdefgh"]
    card = fit_lm(regular, "en", tmp_path / "en", settings=SMALL)
    assert card.parameters["discount_fallback"] == [1, 2, 3]
    strict = LmSettings(**{**vars(SMALL), "tiny_tokens": 0})
    with pytest.raises(FitError, match=r"orders \[1, 2, 3\]"):
        fit_lm(regular, "en", tmp_path / "strict", settings=strict)
    assert {p.name for p in tmp_path.iterdir()} == {"en"}


def test_a_vocabulary_without_rare_tokens_is_no_fault_of_the_text(tmp_path: Path) -> None:
    built("lmplz")
    common = {"vocab_size": 64, "tiny_tokens": 0, "memory_mb": 64, "order": 3}
    card = fit_lm(made_up("en", 400), "en", tmp_path / "en", settings=LmSettings(**common))
    assert card.parameters["discount_fallback"] == [1]


def test_text_may_spell_the_models_own_symbols(tmp_path: Path) -> None:
    built("lmplz")
    # Characters too rare for the alphabet: SentencePiece hands the run on as it stands, `<s>`.
    spelt = ["的<s>一", "的</s>一", *made_up("zh")]
    card = fit_lm(spelt, "zh", tmp_path / "zh", settings=LmSettings(**{**vars(SMALL), **RARE}))
    lines = [line for _, line in make_tokeniser(str(tmp_path / "zh" / SP_MODEL))(spelt[:1])]
    assert "<s>" in lines[0]
    assert card.trained_on["documents"] > 100
    scores = scorer_of(tmp_path / "zh")(pa.array(spelt[:2]))
    assert scores.perplexity.null_count == 0


def test_without_lmplz_the_fit_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPILE_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(lmplz.MissingProgram, match="make lmplz"):
        fit_lm(["a", "b"], "en", tmp_path / "en")


def test_no_such_model(fitted: Path) -> None:
    none = str(fitted / "none")
    with pytest.raises(RuntimeError, match="none"):
        make_scorer(none, str(fitted / LM))
    with pytest.raises(OSError, match="none"):
        make_scorer(str(fitted / SP_MODEL), none)


@pytest.mark.parametrize("what", ["another sdist", "no tools"])
def test_a_build_that_cannot_be_says_what_is_missing(tmp_path: Path, what: str) -> None:
    (tmp_path / "sdist.tar.gz").write_bytes(b"not it")
    command = [sys.executable, "scripts/build_lmplz.py", "--sdist", str(tmp_path / "sdist.tar.gz")]
    environment = {**os.environ, "SKYPILE_CACHE": str(tmp_path / "cache")}
    if what == "no tools":
        environment["PATH"] = "/nonexistent"
    elif any(not lmplz.shutil.which(tool) for tool in ("cmake", "make", "c++")):
        pytest.skip("no compiler here")
    done = subprocess.run(
        command, cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    wanted = "not on PATH: cmake, make, c++" if what == "no tools" else "has sha256"
    assert wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_built_is_not_built_again() -> None:
    built("lmplz")
    if not (lmplz.folder() / "lmplz").exists():
        pytest.skip("lmplz is from PATH")
    command = [sys.executable, "scripts/build_lmplz.py", "--sdist", "/nonexistent"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(lmplz.folder())


@pytest.mark.slow
@pytest.mark.parametrize(("language", "name"), [("en", "wikitext2_en"), ("zh", "zhwiki_hant_drcd")])
def test_real_text_needs_no_fixed_discounts_and_bits_repeat(
    shared_data: Path, tmp_path: Path, language: str, name: str
) -> None:
    built("lmplz")
    path = shared_data / f"wiki_reference/{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as rows:
        texts = [json.loads(row)["text"] for row in rows]
    settings = LmSettings(memory_mb=128, min_chars_per_token=1000)

    def fit(folder: str, fit_texts: list[str]) -> list[str]:
        card = fit_lm(fit_texts, language, tmp_path / folder, settings=settings)
        assert card.parameters["discount_fallback"] == []
        files = sorted((tmp_path / folder).iterdir())
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    assert fit("one", texts) == fit("two", texts[::-1])
