"""The runs of tests/reference, made anew with the PyTorch that is installed, must come out as committed."""
import filecmp
import os
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

from judging import REFERENCE, attempt, finish, judge, temporary_folder


def read_epochs(path):
    with open(path) as lines:
        return lines.readline(), np.array([[float(cell) for cell in line.split(",")] for line in lines])


def tensors_differ(made, committed, limit):
    a, b = load_file(made), load_file(committed)
    if sorted(a) != sorted(b):
        return "other tensors"
    for name in a:
        if a[name].shape != b[name].shape or np.abs(a[name] - b[name]).max() > limit * np.abs(b[name]).max():
            return f"{name} differs"
    return None


def run_differs(made, committed):
    """Recipe and starting weights to the byte; losses to 1e-9; final weights to float32's last digits."""
    recipes = (os.path.join(folder, "recipe.ini") for folder in (made, committed))
    if not filecmp.cmp(*recipes, shallow=False):
        return "recipe.ini differs"
    (head, a), (other, b) = (read_epochs(os.path.join(folder, "epochs.csv")) for folder in (made, committed))
    if head != other or a.shape != b.shape or not np.allclose(a, b, rtol=1e-9, atol=0):
        return "epochs.csv differs"
    for name, limit in ("init", 0), ("final", 3e-7):
        file = name + ".safetensors"
        why = tensors_differ(os.path.join(made, file), os.path.join(committed, file), limit)
        if why:
            return f"{file}: {why}"
    return None


def data_differs(made, committed):
    if made.endswith(".csv"):
        return None if filecmp.cmp(made, committed, shallow=False) else "differs"
    a, b = np.load(made), np.load(committed)
    return None if a.dtype == b.dtype and np.array_equal(a, b) else "differs"


def list_folder(folder):
    return sorted(name for name in os.listdir(folder) if name not in ("make.py", "__pycache__"))


with temporary_folder() as made:
    subprocess.run([sys.executable, "-B", os.path.join(REFERENCE, "make.py"), made], check=True)
    same = list_folder(made) == list_folder(REFERENCE)
    judge("the same files", None if same else "a run is missing or too many")
    attempt("runs.csv", data_differs, os.path.join(made, "runs.csv"), os.path.join(REFERENCE, "runs.csv"))
    for name in list_folder(os.path.join(made, "data")):
        both = (os.path.join(folder, "data", name) for folder in (made, REFERENCE))
        attempt(f"data/{name}", data_differs, *both)
    for name in list_folder(made):
        if name not in ("data", "runs.csv"):
            attempt(name, run_differs, os.path.join(made, name), os.path.join(REFERENCE, name))
sys.exit(finish())
