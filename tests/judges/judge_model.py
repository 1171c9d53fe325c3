"""Model files and what the command makes of them, judged by safetensors, hashlib and numpy in float64.

Trains small nets by the command: every activation as hidden and as output, several depths, every scaler and
loss. Each model is opened with the safetensors library; reconstruct, encode, decode and score are computed
from the file's own weights, recipe and scaler and must agree with the command's to 1e-4 on scaled values.
"""
import io
import json
import math
import os
import sys

import numpy as np

from judging import (
    REFERENCE, attempt, cinch, finish, hash_fault, read_recipe, read_scaler, temporary_folder, train)

LIMIT = 1e-4
ERF = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

ACTIVATE = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky": lambda z: np.where(z > 0, z, 0.01 * z),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * (1 + ERF(z / math.sqrt(2))) / 2,
    "silu": lambda z: z * sigmoid(z),
    "softplus": softplus,
}
LOSS = {   # of targets x, outputs y and logits z
    "mse": lambda x, y, z: (y - x) ** 2,
    "mae": lambda x, y, z: np.abs(y - x),
    "huber": lambda x, y, z: np.where(np.abs(y - x) <= 1, (y - x) ** 2 / 2, np.abs(y - x) - 0.5),
    "bce": lambda x, y, z: softplus(z) - z * x,
}

# name: (data, its keys)
SHORT = dict(optimizer="adam lr=0.01", epochs=2, seed=7)
CASES = {
    f"activation {act}": (
        "bytes.npy", dict(encoder=f"dense 11 {act} | dense 5 {act}", decoder=f"dense 20 {act}"))
    for act in ACTIVATE
}
CASES.update({
    "one layer each, unit": ("bytes.npy", dict(encoder="dense 7 relu", scale="unit", loss="mae")),
    "six layers, mirror": (
        "bytes.npy", dict(encoder="dense 13 gelu | dense 6 tanh | dense 2", decoder="mirror silu")),
    "wider than the input": (
        "bytes.npy", dict(encoder="dense 70 leaky", decoder="dense 20 sigmoid", loss="bce")),
    "one unit": ("bytes.npy", dict(encoder="dense 1 tanh", init="he_normal")),
    "scale none, huber": ("floats.npy", dict(encoder="dense 4 elu", scale="none", loss="huber")),
    "scale standard, huber": ("doubles.npy", dict(encoder="dense 4 selu", scale="standard", loss="huber")),
    "scale minmax, a constant column": ("doubles.npy", dict(encoder="dense 4 tanh", scale="minmax")),
    "16-bit integers": ("shorts.npy", dict(encoder="dense 6 silu", scale="minmax", init="glorot_normal")),
    "bits, bce": (
        "bits.npy", dict(encoder="dense 6", decoder="dense 20 sigmoid", loss="bce", init="normal 0.5")),
    "images": (
        "images.npy", dict(encoder="dense 9 relu | dense 4", decoder="mirror sigmoid", init="he_uniform")),
    "dropout is off": (
        "bytes.npy", dict(encoder="dropout 0.3 | dense 9 relu | dropout 0.2", init="uniform 0.3")),
    "a table with a label": ("table.csv", dict(encoder="dense 5 tanh", label="kind")),
    "columns and validation": ("bytes.npy", dict(encoder="dense 3 tanh", columns="1,4-9", validation=0.2)),
})


def load_rows(path, recipe):
    """The features as float64, flattened."""
    if path.endswith(".csv"):
        with open(path) as lines:
            names = lines.readline().strip().split(",")
            kept = [i for i, name in enumerate(names) if name != recipe.get("label")]
            return np.array([[float(line.strip().split(",")[i]) for i in kept] for line in lines])
    rows = np.load(path)
    rows = rows.reshape(len(rows), -1).astype(np.float64)
    if recipe.get("columns") == "1,4-9":
        rows = rows[:, [1, 4, 5, 6, 7, 8, 9]]
    return rows


def dense_layers(pipeline):
    """[(place in the pipeline, activation)] of its dense layers."""
    specs = [spec.split() for spec in pipeline.split("|")]
    return [(i, (words + ["linear"])[2]) for i, words in enumerate(specs) if words[0] == "dense"]


def pipelines(recipe):
    """The dense layers of encoder and decoder."""
    dense = dense_layers(recipe["encoder"])
    words = recipe.get("decoder", "mirror").split()
    if words[0] == "mirror":
        acts = [words[1] if len(words) > 1 else "linear"] + [act for _, act in dense[:-1]]
        return dense, list(enumerate(reversed(acts)))
    return dense, dense_layers(recipe["decoder"])


def run_pipeline(tensors, name, layers, x):
    """(the last layer's pre-activation, its output)."""
    for place, act in layers:
        weight, bias = (tensors[f"{name}.{place}.{kind}"].astype(np.float64) for kind in ("weight", "bias"))
        z = x @ weight.T + bias
        x = ACTIVATE[act](z)
    return z, x


def apart(name, ours, theirs):
    """Why the command's numbers are not ours, or nothing."""
    if theirs.shape[0] != ours.shape[0] or theirs.size != ours.size:
        return f"{name}: shape {theirs.shape}, not {ours.shape}"
    difference = np.abs(theirs.reshape(ours.shape).astype(np.float64) - ours) / np.maximum(1, np.abs(ours))
    return None if difference.max() <= LIMIT else f"{name}: {difference.max():.2g} apart"


def judge_case(data, keys):
    path = os.path.join(REFERENCE, "data", data)
    with temporary_folder() as folder:
        tensors, metadata = train(os.path.join(folder, "run"), train=path, **SHORT, **keys)
        model = os.path.join(folder, "run", "model.safetensors")
        fault = hash_fault(model) or metadata_fault(metadata, folder)
        if fault:
            return fault

        def ask(verb, given):
            out = os.path.join(folder, verb + ".npy")
            cinch(verb, model, given, "-o", out)
            return np.load(out)

        recipe = read_recipe(metadata["recipe"])
        offset, scale = read_scaler(metadata["scaler"])
        rows = load_rows(path, keys)
        x = (rows - offset) * scale
        encoder, decoder = pipelines(recipe)
        _, code = run_pipeline(tensors, "encoder", encoder, x)
        z, y = run_pipeline(tensors, "decoder", decoder, code)
        codes = ask("encode", path)
        fault = apart("encode", code, codes)
        np.save(os.path.join(folder, "codes.npy"), code.astype(np.float32))
        for verb, given in ("reconstruct", path), ("decode", os.path.join(folder, "codes.npy")):
            answer = ask(verb, given)
            if answer.dtype != np.float32:
                fault = fault or f"{verb} gives {answer.dtype}"
            fault = fault or rows_apart(verb, y, answer.reshape(len(answer), -1), offset, scale)
        losses = LOSS[recipe.get("loss", "mse")](x, y, z).mean(1)
        return fault or apart("score", losses, ask("score", path))


def rows_apart(verb, scaled, answer, offset, scale):
    """Rows in original units, compared on the scale of the net; a constant column is its constant."""
    constant = np.broadcast_to(scale == 0, scaled.shape)
    if answer.shape != scaled.shape:
        return f"{verb}: shape {answer.shape}, not {scaled.shape}"
    expected = np.where(constant, offset, scaled / np.where(scale == 0, 1, scale) + offset)
    if not np.allclose(answer[constant], expected[constant], rtol=1e-6):
        return f"{verb}: a constant column is not its constant"
    factor = np.broadcast_to(np.where(scale == 0, 0, scale), scaled.shape)
    difference = np.abs(answer - expected) * np.abs(factor) / np.maximum(1, np.abs(scaled))
    return None if difference.max() <= LIMIT else f"{verb}: {difference.max():.2g} apart on scaled values"


def metadata_fault(metadata, folder):
    for key in "sha256", "cinch", "recipe", "scaler", "history":
        if key not in metadata:
            return f"no {key} in the metadata"
    everything = "".join(metadata.values())
    for place in folder, REFERENCE:
        if place in everything:
            return f"the metadata names {place}"
    return None


def judge_broken():
    """A changed byte anywhere in a model file is refused with exit code 3, by encode and by info."""
    with temporary_folder() as folder:
        path = os.path.join(REFERENCE, "data", "bits.npy")
        train(os.path.join(folder, "run"), train=path, encoder="dense 2", **SHORT)
        with open(os.path.join(folder, "run", "model.safetensors"), "rb") as file:
            content = file.read()
        broken = os.path.join(folder, "broken.safetensors")
        for place in range(0, len(content), 53):
            with open(broken, "wb") as file:
                file.write(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1:])
            for words in ("info", broken), ("encode", broken, path, "-o", os.path.join(folder, "x.npy")):
                cinch(*words, status=3)


def judge_info(data):
    """info --json of data: numpy's shape and sum."""
    path = os.path.join(REFERENCE, "data", data)
    told = json.loads(cinch("info", path, "--json"))
    rows = np.load(path)
    if told["shape"] != list(rows.shape):
        return f"shape {told['shape']}, not {list(rows.shape)}"
    total = rows.astype(np.float64).sum()
    return None if abs(told["sum"] - total) <= 1e-9 * abs(total) else f"sum {told['sum']}, not {total}"


def judge_model_info():
    """info --json of a model: as many parameters as its tensors have numbers."""
    with temporary_folder() as folder:
        path = os.path.join(REFERENCE, "data", "images.npy")
        tensors, _ = train(os.path.join(folder, "run"), train=path, encoder="dense 7 | dense 3", **SHORT)
        told = json.loads(cinch("info", os.path.join(folder, "run", "model.safetensors"), "--json"))
        numbers = sum(tensor.size for tensor in tensors.values())
        return None if told["params"] == numbers else f"params {told['params']}, not {numbers}"


def judge_ways_in_and_out():
    """Files, pipes, npy and csv give the same numbers."""
    with temporary_folder() as folder:
        path = os.path.join(REFERENCE, "data", "floats.npy")
        train(os.path.join(folder, "run"), train=path, encoder="dense 7 tanh", scale="standard", **SHORT)
        model = os.path.join(folder, "run", "model.safetensors")
        out, table = os.path.join(folder, "out.npy"), os.path.join(folder, "out.csv")
        for verb in "encode", "reconstruct", "score":
            cinch(verb, model, path, "-o", out)
            cinch(verb, model, path, "-o", table)
            expected = np.load(out)
            with open(path, "rb") as file:
                piped = np.load(io.BytesIO(cinch(verb, model, "-", "-o", "-", stdin=file)))
            if not np.array_equal(piped, expected):
                return f"{verb}: a pipe gives other numbers than a file"
            lines = [line for line in open(table) if not line[0].isalpha()]
            values = np.array([[float(cell) for cell in line.split(",")] for line in lines])
            if not np.array_equal(values.astype(expected.dtype).reshape(expected.shape), expected):
                return f"{verb}: csv gives other numbers than npy"
        return None


for name, (data, keys) in CASES.items():
    attempt(name, judge_case, data, keys)
attempt("a changed byte is refused", judge_broken)
attempt("info of a model", judge_model_info)
for data in "bits.npy", "bytes.npy", "doubles.npy", "floats.npy", "images.npy", "shorts.npy":
    attempt(f"info of {data}", judge_info, data)
attempt("files, pipes, npy and csv", judge_ways_in_and_out)
sys.exit(finish())
