"""A configuration is refused before anything runs, with key and file."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from skypile.config import from_table, load
from skypile.errors import ConfigError
from skypile.pipeline import all_stages
from skypile.settings import build, settings_of
from tests import toy

SOURCE = {
    "name": "web",
    "format": "lines",
    "root": "in",
    "paths": ["*"],
    "category": "webpages",
    "licence": "x",
}


def table(**changes: Any) -> dict[str, Any]:
    return {"run": {"out": "out"}, "sources": [SOURCE], **changes}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"runn": {}}, r"unknown section 'runn'; did you mean 'run'\?"),
        ({"run": {"out": "x", "sed": 1}}, r"\[run\]: unknown key 'sed'; did you mean 'seed'\?"),
        ({"run": {}}, r"\[run\]: key 'out' is missing"),
        ({"run": {"out": "x", "seed": "1"}}, r"\[run\]: seed: must be int, got '1' \(str\)"),
        ({"run": {"out": "x", "seed": True}}, r"seed: must be int, got True \(bool\)"),
        ({"run": {"out": "x", "part_bytes": 1}}, "part_bytes: must be >= 1024, got 1"),
        ({"run": {"out": "x", "stages": ["linez"]}}, "unknown stage 'linez'; did you mean 'lines'"),
        ({"run": {"out": "x", "stages": "lines"}}, "stages: must be a list"),
        ({"length": {"min_length": -1}}, r"\[length\]: min_length: must be >= 0, got -1"),
        ({"length": {"min_lenght": 1}}, "did you mean 'min_length'"),
        ({"sources": []}, "no .*sources"),
        ({"sources": [SOURCE, SOURCE]}, "two sources are named 'web'"),
        ({"sources": [{**SOURCE, "format": "worc"}]}, "format: known: line, lines"),
        ({"sources": [{**SOURCE, "category": "web"}]}, "category: 'web' is none of: webpages"),
        ({"sources": [{**SOURCE, "name": "Web 1"}]}, "name must match"),
        ({"sources": [{**SOURCE, "paths": []}]}, "paths must name at least one"),
        ({"sources": [{**SOURCE, "paths": ["../x"]}]}, "must be below root"),
        ({"sources": [{**SOURCE, "licence": " "}]}, "licence must say something"),
        ({"sources": [{**SOURCE, "paths": [1]}]}, r"paths\[0\]: must be str"),
        ({"sources": [{**SOURCE, "stages": ["lenth"]}]}, "unknown stage 'lenth'"),
        ({"sources": [{**SOURCE, "skip_stages": ["trem"]}]}, "skip_stages: unknown stage 'trem'"),
        ({"sources": [{**SOURCE, "stages": [], "skip_stages": ["trim"]}]}, "exclude each other"),
        ({"sources": [{**SOURCE, "language": "zh"}]}, "format lines takes no fields, language"),
        ({"sources": [{**SOURCE, "fields": {"text": 1}}]}, "fields.text: must be str"),
        ({"sources": [{**SOURCE, "max_reject_fraction": 2}]}, "must be <= 1, got 2"),
        ({"sources": [{k: v for k, v in SOURCE.items() if k != "root"}]}, "'root' is missing"),
        ({"spark": {"conf": {"a": 1}}}, r"conf.a: must be str"),
        ({"run": 3}, r"\[run\]: must be a table, got 3"),
        ({"length": [{"min_length": 1}]}, r"\[length\]: must be a table"),
        ({"sources": 3}, r"sources must be tables"),
        ({"sources": [{**SOURCE, "format": ["lines"]}]}, "format: must be str"),
        ({"sources": [{**SOURCE, "format": {"a": 1}}]}, "format: must be str"),
        ({"sources": [{**SOURCE, "root": "i\0n"}]}, "root: must hold no NUL"),
        ({"run": {"out": "x\0"}}, "out: must hold no NUL"),
        ({"sources": [{**SOURCE, "max_reject_fraction": float("nan")}]}, "must be a number"),
        ({"run": {"out": "x", "seed": 1 << 63}}, "seed: must have at most 63 bits"),
        ({"length": {"min_length": 10**5000}}, "min_length: must have at most 63 bits"),
    ],
)
def test_errors_name_key_and_file(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"f.toml.*{message}"):
        from_table(table(**wrong), toy.TOYS, base=tmp_path, where="f.toml")


def test_files_that_are_not_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration .*none.toml"):
        load(tmp_path / "none.toml", toy.TOYS)
    (tmp_path / "bad.toml").write_text("[run\n")
    with pytest.raises(ConfigError, match="bad.toml is not TOML"):
        load(tmp_path / "bad.toml", toy.TOYS)
    for text in (b"a = " + b"1" * 5000, b"\xff", b"a = 2020-13-01"):
        (tmp_path / "bad.toml").write_bytes(text)
        with pytest.raises(ConfigError, match="bad.toml is not TOML"):
            load(tmp_path / "bad.toml", toy.TOYS)
    (tmp_path / "bad.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="bad.toml is nested too deeply"):
        load(tmp_path / "bad.toml", toy.TOYS)


def test_relative_paths_are_below_the_file_and_uris_stay(tmp_path: Path) -> None:
    config = from_table(table(run={"out": "../o"}), toy.TOYS, base=tmp_path / "conf", where="f")
    assert config.run.out == str(tmp_path / "o")
    assert config.sources[0].root == str(tmp_path / "conf" / "in")
    uri = from_table(table(run={"out": "s3://b/o"}), toy.TOYS, base=tmp_path, where="f")
    assert uri.run.out == "s3://b/o"


def test_the_shipped_configurations_load_and_say_what_the_paper_says() -> None:
    folder = Path(__file__).parent.parent / "conf"
    pipelines = [p for p in sorted(folder.glob("*.toml")) if not p.stem.startswith("train_")]
    loaded = {p.stem: load(p, all_stages()) for p in pipelines}
    assert {"demo", "cluster", "paper"} <= loaded.keys()
    for name in ("demo", "cluster", "paper"):
        assert loaded[name].settings["extract"].cutoff_date == datetime.date(2023, 6, 30)


def test_every_setting_of_every_stage_belongs_to_a_piece_and_says_what_it_is() -> None:
    import dataclasses

    for stage in all_stages():
        for f in dataclasses.fields(stage.config):
            # A path whose digest is another setting, what a fit may use of a machine, a note.
            nowhere = f.metadata["piece"] is None and (
                f.metadata["path"] or f.name in ("memory_mb", "task_tokens", "base_licence")
            )
            assert nowhere or f.metadata["piece"] in stage.pieces(), (stage.name, f.name)
            assert f.metadata["help"], (stage.name, f.name)


def test_settings_are_split_by_piece_as_json() -> None:
    config = build(toy.LengthConfig, {"factor": 2, "min_length": 3}, "f")
    assert settings_of(config, "measure") == {"factor": 2}
    assert settings_of(config, "cut") == {"min_length": 3, "max_rank": 10**9}


def test_a_sample_is_a_run_of_its_own(tmp_path: Path) -> None:
    config = from_table(table(), toy.TOYS, base=tmp_path, where="f")
    assert config.sampled(1) is config
    assert config.sampled(0.01).run.out == config.run.out + "-sample-0.01"
    with pytest.raises(ConfigError, match="--sample"):
        config.sampled(0)
