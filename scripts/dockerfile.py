#!/usr/bin/env python3
"""Takes the Dockerfile's own steps without a container engine, and tries what they make.

As root, in a mount namespace that nobody shares (scripts/image.sh makes one): what is mounted here goes with it.

    --base DIR       a system that has what the first stage's image has, but for Rust, which is this machine's
    --program FILE   this machine's own system instead, and this program instead of what cargo would build
    --into DIR       an empty directory, for the stages
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

CONTEXT = Path(__file__).resolve().parent.parent
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELLS = {"sh", "bash", "dash", "ash", "busybox"}
BYTES_MAX = 60_000_000
PATIENCE_SECS = 20


@dataclass
class Stage:
    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})
    workdir: str = "/"
    user: str = "0"
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        return self.root / os.path.join(self.workdir, inside).lstrip("/")

    def start(self, command: list[str], user: str, **options) -> subprocess.Popen:
        owner, _, group = user.partition(":")

        def enter() -> None:
            os.chroot(self.root)
            os.chdir(self.workdir)
            os.setgroups([])
            os.setgid(int(group or owner))
            os.setuid(int(owner))

        return subprocess.Popen(command, preexec_fn=enter, **({"env": self.environment} | options))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    first = parser.add_mutually_exclusive_group(required=True)
    first.add_argument("--base", type=Path)
    first.add_argument("--program", type=Path)
    parser.add_argument("--into", type=Path, required=True)
    given = parser.parse_args()
    began = time.monotonic()
    image = build(given)
    say(f"built in {time.monotonic() - began:.0f} s")
    attempt(image, is_held=given.program is None)


def say(text: str) -> None:
    print(f"image: {text}", flush=True)


def refuse(text: str) -> None:
    raise SystemExit(f"image: {text}")


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in (CONTEXT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    split = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [(word, rest.strip()) for word, rest in split]


def build(given: argparse.Namespace) -> Stage:
    """The last stage, when all instructions have been followed."""
    arguments = {"FEATURES": os.environ.get("FEATURES", ""), "COMMIT": os.environ.get("COMMIT", "unknown")}
    defaults: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage = None
    for word, rest in instructions():
        known = stage.environment if stage and word != "FROM" else defaults
        # A shell fills in what it runs by itself.
        filled = rest if word == "RUN" else re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], ""), rest)
        say(f"{word} {filled}")
        if word == "ARG":
            name, _, default = filled.partition("=")
            known[name] = arguments.get(name, default)
        elif word == "FROM":
            base, _, name = filled.partition(" AS ")
            stage = begin(base, given, given.into / f"stage{len(stages)}")
            stages[name or str(len(stages))] = stage
        elif word == "ENV":
            name, _, value = filled.partition("=")
            known[name] = value
        elif word == "WORKDIR":
            stage.workdir = os.path.join(stage.workdir, filled)
            stage.path("").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            copy(stage, filled.split(), stages)
        elif word == "RUN":
            run(stage, rest, given.program)
        elif word == "USER":
            stage.user = filled
        elif word == "HEALTHCHECK":
            stage.health = json.loads(filled[filled.index("CMD") + 3 :])
        elif word == "ENTRYPOINT":
            stage.entrypoint = json.loads(filled)
        elif word == "CMD":
            stage.command = json.loads(filled)
        elif word != "EXPOSE":
            refuse(f"nobody knows here what {word} does")
    return stage


def begin(base: str, given: argparse.Namespace, root: Path) -> Stage:
    if base == "scratch":
        root.mkdir()
        return Stage(root)
    if not base.startswith("rust:"):
        refuse(f"what {base} holds is not known here")
    if given.base:
        root = given.base.resolve()
        rust = Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip())
        home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
        bind(rust, root / "usr/local/rust", is_writable=False)
        # What was fetched already.
        bind(home / "registry", root / "usr/local/cargo/registry", is_writable=True)
    else:
        root.mkdir()
        for part in ["bin", "etc", "lib", "lib64", "sbin", "usr"]:
            here = Path("/") / part
            if here.is_symlink():
                (root / part).symlink_to(os.readlink(here))
            elif here.is_dir():
                bind(here, root / part, is_writable=False)
        (root / "tmp").mkdir()
    for part in ["dev", "proc"]:
        bind(Path("/") / part, root / part, is_writable=True)
    stage = Stage(root)
    stage.environment["PATH"] = f"/usr/local/rust/bin:{SYSTEM_PATH}"
    stage.environment["CARGO_HOME"] = "/usr/local/cargo"
    return stage


def bind(source: Path, target: Path, *, is_writable: bool) -> None:
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--rbind", source, target], check=True)
    if not is_writable:
        subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)


def copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    options = dict(word[2:].split("=") for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    # What .dockerignore keeps from the engine.
    kept_out = shutil.ignore_patterns("__pycache__", "node_modules")
    for source in sources:
        here = stages[options["from"]].path(source) if "from" in options else CONTEXT / source
        there = stage.path(target)
        if here.is_dir():
            shutil.copytree(here, there, symlinks=True, ignore=kept_out, dirs_exist_ok=True)
        else:
            there = there / here.name if target.endswith("/") else there
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, there)
        if "chown" in options:
            owner, group = map(int, options["chown"].split(":"))
            # Of a directory, what it holds.
            for path in here.rglob("*") if here.is_dir() else [here]:
                os.chown(there / path.relative_to(here), owner, group)


def run(stage: Stage, command: str, program: Path | None) -> None:
    if program and command.startswith("cargo build"):
        say(f"  {program} instead")
        built = stage.path("target/release/fraiseql")
        built.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, built)
        return
    status = stage.start(["/bin/sh", "-c", command], stage.user).wait()
    if status != 0:
        refuse(f"it failed with status {status}")


def attempt(image: Stage, *, is_held: bool) -> None:
    """Whether the image is as small and closed as it should be, and serves as its own user."""
    files = [path for path in image.root.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    say(f"{size} bytes of {BYTES_MAX}: " + ", ".join(str(path.relative_to(image.root)) for path in files))
    if is_held and size > BYTES_MAX:
        refuse("it is too large")
    if image.user.partition(":")[0] in ("", "0", "root"):
        refuse("it runs as root")
    if shells := [path for path in files if path.name in SHELLS]:
        refuse(f"it holds a shell: {shells}")

    # What an engine mounts, and what a service's own image adds.
    (image.root / "etc").mkdir(exist_ok=True)
    (image.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (image.root / "proc").mkdir()
    bind(Path("/proc"), image.root / "proc", is_writable=True)
    service = image.path("")
    (service / "fraiseql.toml").write_text('[project]\nname = "sample"\n')
    shutil.copy(CONTEXT / "tests/samples/published-sdk-2.18.json", service / "schema.json")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    image.environment |= {"DATABASE_URL": "postgres://nobody@localhost:1/none", "FRAISEQL_SERVER_PORT": str(port)}

    if image.start([*image.entrypoint, "--version"], image.user).wait() != 0:
        refuse("the program does not run")
    log = image.root.parent / "log"
    with log.open("wb") as output:
        serving = image.start([*image.entrypoint, *image.command], image.user, stdout=output, stderr=output)
    try:
        wait_for(lambda: image.start(image.health, image.user, stderr=subprocess.DEVNULL).wait() == 0, serving, log)
        # The name was found, so that what it names could refuse.
        wait_for(lambda: "refused" in log.read_text(), serving, log)
        serving.send_signal(signal.SIGTERM)
        if (status := serving.wait(PATIENCE_SECS)) != 0:
            refuse(f"it ends with status {status}:\n{log.read_text()}")
    finally:
        serving.kill()
    say(f"serves as {image.user}, says that it is well, and stops when it is told to")


def wait_for(condition, serving: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECS
    while not condition():
        if serving.poll() is not None or time.monotonic() > deadline:
            refuse(f"it does not serve:\n{log.read_text()}")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
