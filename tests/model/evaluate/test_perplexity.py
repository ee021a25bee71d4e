"""Domain perplexity: the paper's own numbers, sums by hand, the command on real files."""

import gzip
import json
import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")

from model.config import ModelConfig
from model.evaluate import perplexity, texts
from model.evaluate.__main__ import main
from model.evaluate.scoring import Loss, Pieces
from model.settings import SettingsError
from tests.model.evaluate.test_scoring import CFG, recomputed, tokenizer, write_llama

__all__ = ["tokenizer"]


class Letters:
    """A token a character."""

    size = 100
    prefix: tuple[int, ...] = (0,)

    def encode(self, text: str) -> list[int]:
        return list(range(len(text)))


def test_the_cut_and_the_average_are_the_papers() -> None:
    assert texts.max_chars(4096) == 1228
    # Table 6: six domains and the average that is printed beside them.
    published = (11.58, 21.84, 4.76, 17.28, 4.92, 6.82)
    domains = {
        str(i): perplexity.domain(["x" * 10], [Loss(10 * math.log(p), 5)], Letters())
        for i, p in enumerate(published)
    }
    found = perplexity.averages(domains)
    assert round(found["of_losses"], 2) == 9.42
    assert found["of_perplexities"] == pytest.approx(sum(published) / 6)


def test_sums_over_documents() -> None:
    made = perplexity.domain(["abcd", "中文"], [Loss(6.0, 2), Loss(3.0, 1)], Letters())
    assert (made.documents, made.chars, made.bytes) == (2, 6, 10)
    assert (made.tokens, made.reference_tokens) == (3, 6)
    assert made.perplexity == pytest.approx(math.exp(3.0))
    assert made.reference_perplexity == pytest.approx(math.exp(1.5))
    assert made.bits_per_byte == pytest.approx(9 / math.log(2) / 10)
    other = perplexity.domain(["ab"], [Loss(1.0, 1)], Letters())
    found = perplexity.averages({"a": made, "b": other})
    assert found["of_tokens"] == pytest.approx(math.exp(10 / 8))
    assert found["of_losses"] == pytest.approx(math.exp((1.5 + 0.5) / 2))


def test_the_command(tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = write_llama(tmp_path / "llama", tokenizer)
    english = [{"text": "The tide mill stands at the mouth of the bay."}, {"text": "A button."}]
    chinese = [{"text": "今天天气不错，我们去公園散步吧。这是第二句话，它比上面那句更长一些。"}]
    with gzip.open(tmp_path / "en.jsonl.gz", "wt", encoding="utf8") as file:
        file.writelines(json.dumps(row) + "\n" for row in english)
    (tmp_path / "zh.jsonl").write_text(json.dumps(chinese[0]) + "\n\n")
    given = ["--data", f"en={tmp_path}/en.jsonl.gz", f"zh={tmp_path}/zh.jsonl"]
    out = ["--out", str(tmp_path / "out")]
    assert main(["perplexity", "--model", str(tmp_path / "llama"), *given, *out]) == 0
    assert "| zh" in (tmp_path / "out/perplexity.md").read_text()
    assert "Perplexity" in capsys.readouterr().out
    said = json.loads((tmp_path / "out/perplexity.json").read_text())
    assert said["max_chars"] == int(0.9 * CFG.context / 3) == 27
    (model,) = said["models"].values()
    pieces = Pieces(tokenizer)
    for name, rows in (("en", english), ("zh", chinese)):
        cut = [row["text"][:27] for row in rows]
        nats = sum(recomputed(weights, pieces, text) for text in cut)
        tokens = sum(len(pieces.encode(text)) for text in cut)
        assert model["domains"][name]["perplexity"] == pytest.approx(
            math.exp(nats / tokens), rel=1e-4
        )


def test_the_models_see_the_same_text_or_it_is_an_error(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_llama(tmp_path / "long", tokenizer)
    short = ModelConfig(vocabulary=1400, hidden=48, layers=1, heads=3, ffn=64, context=40)
    write_llama(tmp_path / "short", tokenizer, short)
    (tmp_path / "a.jsonl").write_text('{"text": "The tide mill stands at the mouth of the bay."}\n')
    given = ["perplexity", "--data", f"a={tmp_path}/a.jsonl"]
    for name in ("long", "short"):
        given += ["--model", str(tmp_path / name)]
    assert main(given) == 2
    assert "--max-chars 12 shows all of them the same text" in capsys.readouterr().err
    assert main([*given, "--max-chars", "12"]) == 0
    capsys.readouterr()
    file = f"{tmp_path}/a.jsonl"
    for data, message in (
        ([f"={file}"], "NAME=FILE"),
        ([file], "NAME=FILE"),
        ([f"a={file}", f"a={file}"], "two domains called 'a'"),
    ):
        one = ["perplexity", "--model", str(tmp_path / "long"), "--data", *data]
        assert main(one) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no text in it"),
        ('{"text": " "}\n', "no text in it"),
        ('{"body": "x"}\n', "line 1: no text in text; fields with text: body"),
        ('{"text": "x"}\n{"text": 3}\n', "line 2: no text in text"),
        ("[1]\n", "line 1: not a JSON object"),
        ("{\n", "line 1: Expecting"),
        ('{"text": "x"}\n\n{"text": 3}\n', "line 3: no text in text"),
        ('{"text": "x"}\n\n{"text": \n', "line 3: Expecting value, at character 11"),
    ],
)
def test_what_is_no_set_of_documents(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(SettingsError, match=message):
        texts.read(tmp_path / "a.jsonl", ["text"])
    whole = gzip.compress(b'{"text": "x"}\n' * 1000)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[:-20])
    with pytest.raises(SettingsError, match=r"gz, behind line \d+: Compressed file"):
        texts.read(tmp_path / "cut.jsonl.gz", ["text"])
    with pytest.raises(SettingsError, match="No such file"):
        texts.read(tmp_path / "none.jsonl", ["text"])
