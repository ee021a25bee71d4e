"""A standalone Spark cluster on this machine out of PyPI's pyspark, and jobs submitted to one.

    python scripts/cluster.py up [--folder runs/cluster --workers 2 --cores 1 --memory 2g]
    python scripts/cluster.py submit 30_dedup --config conf/x.toml [--master URL] [--conf K=V]
    python scripts/cluster.py down

A master and workers, each a process of its own with its own work directory, home and temporary
folder, on loopback alone. `up` of one that is up says where it is; `down` of none is no error.
`submit` is `spark-submit` in client mode to any master, with the environment of `make dist` as an
archive and PYTHONPATH cleared for the executors: they see nothing of this source tree. `all` is the
whole pipeline. To try a job as a cluster would run it; for work, give Spark the cores of the
machine (`local[*]`). Left out: more than one machine, high availability, authentication.
"""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
FOLDER = REPO / "runs/cluster"
ARCHIVE = REPO / "dist/environment.tar.gz"
STATE = "cluster.json"
PYTHON = "./environment/bin/python"  # of the executors, below their own work directory
START_SECONDS = 180
STOP_SECONDS = 20
# What a test of a cluster on one machine wants; a real one has its own (docs/cluster.md).
SMALL = {"spark.executor.memory": "1g", "spark.ui.enabled": "false"}


def spark_home() -> Path:
    """The Spark that PyPI's pyspark brings."""
    import pyspark

    return Path(pyspark.__path__[0])


def clean_env(home: Path) -> dict[str, str]:
    """The environment of a daemon: nothing of ours but Java, the base Python and Spark."""
    base = str(Path(sys.base_prefix) / "bin")
    java = os.environ.get("JAVA_HOME")
    return {
        "PATH": os.pathsep.join([base, os.environ["PATH"]]),
        **({"JAVA_HOME": java} if java else {}),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(home / "tmp"),
        "SPARK_WORKER_DIR": str(home / "work"),
        "SPARK_DAEMON_MEMORY": "512m",
        # Work directories of finished applications hold an unpacked environment each.
        "SPARK_WORKER_OPTS": "-Dspark.worker.cleanup.enabled=true"
        " -Dspark.worker.cleanup.interval=60 -Dspark.worker.cleanup.appDataTtl=600",
    }


def start(name: str, home: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """Start a daemon in a folder of its own; its process and log."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    (home / "work").mkdir(exist_ok=True)
    log = home / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(spark_home() / "bin/spark-class"), *arguments],
            cwd=home,
            env=clean_env(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (home / "pid").write_text(f"{process.pid}\n")
    return {"name": name, "pid": process.pid, "class": arguments[0], "log": str(log)}


def wait_for(daemon: dict[str, Any], pattern: str) -> re.Match[str]:
    """The first match in a daemon's log.

    Raises:
        SystemExit: it ended, or said nothing in time; with the end of its log.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        text = Path(daemon["log"]).read_text(errors="replace")
        if found := re.search(pattern, text):
            return found
        if not alive(daemon):
            raise SystemExit(f"cluster: the {daemon['name']} ended:\n{text[-2000:]}")
        time.sleep(0.2)
    raise SystemExit(
        f"cluster: the {daemon['name']} did not start in {START_SECONDS} s:\n{text[-2000:]}"
    )


def alive(daemon: dict[str, Any]) -> bool:
    """Whether the process is there and is that daemon, not another of the same number."""
    with suppress(ChildProcessError):
        os.waitpid(daemon["pid"], os.WNOHANG)  # where it is our child: a dead one is no process
    process = Path(f"/proc/{daemon['pid']}")
    try:
        line = (process / "cmdline").read_bytes()
        status = (process / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # Empty for a moment while the launching shell becomes Java.
    return status != "Z" and (not line or daemon["class"].encode() in line)


def state(folder: Path) -> dict[str, Any] | None:
    """What `up` wrote, None where nothing of it runs any more."""
    try:
        found = json.loads((folder / STATE).read_text())
    except (OSError, ValueError):
        return None
    return found if any(map(alive, found["daemons"])) else None


def up(given: argparse.Namespace) -> None:
    """Start a master and workers, or say that they are up."""
    folder = given.folder.absolute()
    if found := state(folder):
        if found["whole"] and all(map(alive, found["daemons"])):
            show(found, "is up")
            return
        stop(found)  # half of one: a worker died, or `up` was interrupted
    package = "org.apache.spark.deploy"
    began: dict[str, Any] = {"folder": str(folder), "whole": False, "daemons": []}

    def added(daemon: dict[str, Any]) -> dict[str, Any]:
        began["daemons"].append(daemon)
        (folder / STATE).write_text(json.dumps(began, indent=1))  # so that `down` finds it
        return daemon

    try:
        arguments = ["--host", "127.0.0.1", "--port", given.port, "--webui-port", given.ui_port]
        home = folder / "master"
        master = added(start("master", home, [f"{package}.master.Master", *map(str, arguments)]))
        began["master"] = wait_for(master, r"Starting Spark master at (spark://\S+)")[1]
        # Without --ui-port Spark takes the next port that is free, and says so.
        began["ui"] = "http://127.0.0.1:" + wait_for(master, r"MasterUI' on port (\d+)")[1]
        wait_for(master, r"New state: ALIVE")
        for number in range(1, given.workers + 1):
            home = folder / f"worker-{number}"
            # Hosts to Spark, which does not speculate on one that has the task already; all of
            # 127/8 is there on Linux.
            host = f"127.0.0.{number + 1}" if sys.platform == "linux" else "127.0.0.1"
            arguments = ["--host", host, "--cores", given.cores, "--memory", given.memory]
            arguments += ["--webui-port", "0", began["master"]]
            line = [f"{package}.worker.Worker", *map(str, arguments)]
            added(start(f"worker {number}", home, line))
        for daemon in began["daemons"][1:]:
            wait_for(daemon, r"Successfully registered with master")
    except BaseException:
        stop(began)
        raise
    began["whole"] = True
    (folder / STATE).write_text(json.dumps(began, indent=1))
    show(began, "is up")


def show(found: dict[str, Any], what: str) -> None:
    """Where it is, and what to do next."""
    print(f"cluster {what}: 1 master, {len(found['daemons']) - 1} workers, in {found['folder']}")
    print(f"master  {found['master']}")
    print(f"UI      {found['ui']}")
    for daemon in found["daemons"]:
        print(f"log     {daemon['log']} ({daemon['name']}, process {daemon['pid']})")
    print(f"submit  make submit/30_dedup CONFIG=conf/demo.toml MASTER={found['master']}")


def stop(found: dict[str, Any]) -> None:
    """End the daemons; workers take their executors with them."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + STOP_SECONDS
        for daemon in filter(alive, reversed(found["daemons"])):
            os.kill(daemon["pid"], ending)
        while any(map(alive, found["daemons"])) and time.monotonic() < until:
            time.sleep(0.1)


def down(given: argparse.Namespace) -> None:
    """Stop the cluster in a folder."""
    folder = given.folder.absolute()
    found = state(folder)
    if found is None:
        print(f"no cluster is up in {folder}")
    else:
        stop(found)
        print(f"cluster in {folder} is down")
    (folder / STATE).unlink(missing_ok=True)


def job_file(name: str) -> Path:
    """The file of a job: `30_dedup`, its stage's name alone, or `all` for the whole pipeline.

    Raises:
        SystemExit: there is none of that name.
    """
    if name == "all":
        return REPO / "scripts/submit_all.py"
    jobs = {path.stem: path for path in sorted((REPO / "jobs").glob("*.py"))}
    jobs |= {stem.split("_", 1)[1]: path for stem, path in jobs.items()}
    if name not in jobs:
        known = ", ".join(stem for stem in jobs if stem[0].isdigit())
        raise SystemExit(f"cluster: there is no job {name!r}; all, {known}")
    return jobs[name]


def command(
    job: str,
    config: str,
    master: str,
    archive: Path,
    conf: Sequence[str] = (),
    more: Sequence[str] = (),
) -> tuple[list[str], dict[str, str]]:
    """The `spark-submit` of a job in client mode, and what it needs in the environment.

    conf: "key=value" each; they win over what is set here.
    """
    settings = {"spark.executorEnv.PYTHONPATH": "", **(SMALL if "127.0.0.1" in master else {})}
    settings |= dict(one.split("=", 1) for one in conf)
    if master.startswith("yarn"):  # where the Python of executors comes from their container's
        settings.setdefault("spark.executorEnv.PYSPARK_PYTHON", PYTHON)
    line = [str(spark_home() / "bin/spark-submit"), "--master", master, "--deploy-mode", "client"]
    line += ["--archives", f"{archive}#environment"]
    for key, value in settings.items():
        line += ["--conf", f"{key}={value}"]
    line += [str(job_file(job)), "--config", config, *more]
    paths = [str(REPO), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {
        "PYSPARK_PYTHON": PYTHON,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),  # of the driver alone
        "SPARK_HOME": str(spark_home()),
    }
    if "127.0.0.1" in master:
        env["SPARK_LOCAL_IP"] = "127.0.0.1"
    return line, env


def submit(given: argparse.Namespace) -> int:
    """Submit a job; its exit status."""
    found = state(given.folder.absolute())
    master = given.master or (found or {}).get("master")
    if not master:
        raise SystemExit("cluster: no --master given and none is up: `make cluster-up`")
    if not given.archive.is_file():
        raise SystemExit(f"cluster: there is no {given.archive}: `make dist`")
    line, env = command(
        given.job, given.config, master, given.archive, given.conf, shlex.split(given.arguments)
    )
    if given.dry_run:
        print(shlex.join([*(f"{key}={value}" for key, value in env.items()), *line]))
        return 0
    return subprocess.run(line, check=False, env={**os.environ, **env}).returncode


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="a Spark cluster on this machine")
    commands = parser.add_subparsers(required=True)

    def sub(name: str, function: Callable[[argparse.Namespace], int | None]) -> Any:
        made = commands.add_parser(name, help=(function.__doc__ or "").splitlines()[0])
        made.add_argument("--folder", type=Path, default=FOLDER)
        made.set_defaults(function=function)
        return made

    starting = sub("up", up)
    starting.add_argument("--workers", type=int, default=2)
    starting.add_argument("--cores", type=int, default=1, help="of each worker")
    starting.add_argument("--memory", default="2g", help="of each worker, for executors' heaps")
    starting.add_argument("--port", type=int, default=7077)
    starting.add_argument("--ui-port", type=int, default=8080)
    sub("down", down)
    submitting = sub("submit", submit)
    submitting.add_argument("job", help="30_dedup, dedup, or all")
    submitting.add_argument("--config", required=True)
    submitting.add_argument("--master", help="default: the cluster of `up`")
    submitting.add_argument("--archive", type=Path, default=ARCHIVE)
    submitting.add_argument("--conf", action="append", default=[], help="K=V, as spark-submit's")
    submitting.add_argument("--arguments", default="", help="more options of the job, in one word")
    submitting.add_argument("--dry-run", action="store_true", help="print the command alone")
    given = parser.parse_args()
    return given.function(given) or 0


if __name__ == "__main__":
    sys.exit(main())
