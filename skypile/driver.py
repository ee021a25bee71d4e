"""From a configuration to a finished run with its funnel: what `skypile run` and the jobs do."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skypile import show
from skypile.config import Config
from skypile.errors import ConfigError
from skypile.files import Root
from skypile.ledger import Funnel, Ledger
from skypile.lock import held
from skypile.run import Run
from skypile.settings import did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run_config(
    config: Config,
    start_spark: Callable[[], "SparkSession"],
    only: Sequence[str] = (),
    *,
    force: bool = False,
    say: Callable[[str], None],
) -> Funnel:
    """Bring a run up to date, check its sums, and print its funnel, which is returned.

    Raises:
        BalanceError: rows in are not rows out. RejectBudgetError: a source rejects too much.
    """
    known = [s.name for s in config.stages]
    for name in only:
        if name not in known:
            raise ConfigError(f"--stage {name}: unknown stage; {did_you_mean(name, known)}")
    with held(Root(config.run.out), "run"):
        Run(config, start_spark, say).execute(only, force=force)
    book = Ledger(config.run.out)
    lines = book.funnel(upto=max(only, key=known.index) if only else None)
    show.funnel(lines, show.console())
    book.check_budgets(lines)
    return lines


def stages_upto(config: Config, last: str) -> list[str]:
    """The stages of a run up to one, that one included.

    Raises:
        ConfigError: the run has no such stage.
    """
    known = [s.name for s in config.stages]
    if last not in known:
        raise ConfigError(f"--upto {last}: unknown stage; {did_you_mean(last, known)}")
    return known[: known.index(last) + 1]


def job(stage: str | None = None) -> None:
    """The `main` of `jobs/NN_stage.py` under spark-submit: its options are those of
    `skypile run` that matter for one stage. Without a stage: of all of them.
    """
    from skypile.cli import load, say, start_spark

    parser = argparse.ArgumentParser(description=f"skypile: {stage or 'all stages'}")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--sample", type=float, default=1.0)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--master", help="outside spark-submit: any Spark master URL")
    parser.add_argument("--against", action="append", help="an earlier run; repeatable")
    given = parser.parse_args()
    config = load(given.config, given.sample).against(given.against or ())
    only = [stage] if stage else []
    run_config(
        config, lambda: start_spark(config, given.master, only), only, force=given.force, say=say
    )
