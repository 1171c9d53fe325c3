"""What the judges share: running the command, reading its files, saying ok or not ok.

The environment names the command in CINCH (default: build/cinch of this checkout). A judge ends with
`sys.exit(finish())`: status 1 where anything was not ok.
"""
import configparser
import hashlib
import json
import os
import subprocess
import tempfile

import numpy as np
from safetensors import safe_open

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
REFERENCE = os.path.join(ROOT, "tests", "reference")
CINCH = os.environ.get("CINCH", os.path.join(ROOT, "build", "cinch"))
HASH_PREFIX = b'{"__metadata__":{"sha256":"'

counts = {"ok": 0, "not ok": 0}


def judge(name, why):
    """Says ok where `why` is empty, else not ok and why."""
    counts["not ok" if why else "ok"] += 1
    print(f"not ok {name}: {why}" if why else f"ok {name}", flush=True)


def finish():
    print(f"{counts['ok']} passed, {counts['not ok']} failed")
    return 1 if counts["not ok"] or not counts["ok"] else 0


def attempt(name, check, *given):
    """Judges check(*given): what it returns (nothing is good) or the exception that it ended with."""
    try:
        judge(name, check(*given))
    except Exception as error:   # a judge goes on to its next case whatever happens in this one
        judge(name, f"{type(error).__name__}: {error}")


def cinch(*words, status=0, stdin=subprocess.DEVNULL):
    """Runs the command; its standard output as bytes. Another exit code than `status` is an exception."""
    done = subprocess.run([CINCH, *map(str, words)], stdin=stdin, capture_output=True, timeout=300)
    if done.returncode != status:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise RuntimeError(f"cinch {words[0]} gave {done.returncode}, not {status}: {said[-1]}")
    return done.stdout


def train(folder, **keys):
    """Trains into the folder, the keys as flags: the model file's tensors by name, and its metadata."""
    flags = []
    for key, value in keys.items():
        flags += ["--" + key.replace("_", "-"), str(value)]
    cinch("train", *flags, "--quiet", "-o", folder)
    return read_model(os.path.join(folder, "model.safetensors"))


def read_model(path):
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def read_recipe(text):
    """A recipe's keys over all sections."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {key: value for section in parser.sections() for key, value in parser[section].items()}


def read_scaler(text):
    """(offset, scale) in float64: scaled = (x - offset) * scale."""
    scaler = json.loads(text)
    return np.array(scaler["offset"], np.float64), np.array(scaler["scale"], np.float64)


def read_history(folder):
    """history.csv as a mapping of column names to arrays; an empty cell is NaN."""
    with open(os.path.join(folder, "history.csv")) as lines:
        names = lines.readline().strip().split(",")
        rows = [[float(cell or "nan") for cell in line.strip().split(",")] for line in lines]
    return dict(zip(names, np.array(rows).T))


def hash_fault(path):
    """The rule of the format: the digits are the sha256 of the file with those digits as zeros."""
    with open(path, "rb") as file:
        content = file.read()
    first = 8 + len(HASH_PREFIX)
    if content[8:first] != HASH_PREFIX:
        return f"the header begins {content[8:first]!r}"
    digits = content[first:first + 64].decode()
    computed = hashlib.sha256(content[:first] + b"0" * 64 + content[first + 64:]).hexdigest()
    return None if digits == computed else f"sha256 is {digits}, the file's is {computed}"


def temporary_folder():
    return tempfile.TemporaryDirectory(prefix="cinch-judge-")
