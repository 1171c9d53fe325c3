"""Models with convolutions, pools, reshape, mirror and tied weights, judged by PyTorch in float64.

Trains small nets by the command; encode, decode, reconstruct and score are computed from the model file's own
weights, recipe and scaler by the layers of tests/reference/make.py (which judge_keras.py holds to Keras) and
must agree with the command's to 1e-4 on scaled values. Rows and codes that are images count H, W, C.
"""
import os
import sys

import numpy as np
import torch

from judging import (
    REFERENCE, attempt, cinch, finish, hash_fault, read_recipe, read_scaler, temporary_folder, train)

sys.dont_write_bytecode = True
sys.path.insert(0, REFERENCE)

import make   # noqa: E402

LIMIT = 1e-4
SHORT = dict(optimizer="adam lr=0.01", epochs=2, batch=9, seed=7)
LOSS = {   # of targets x, outputs y and logits z; the mean over a row is its score
    "mse": lambda x, y, z: (y - x) ** 2,
    "mae": lambda x, y, z: (y - x).abs(),
    "bce": lambda x, y, z: torch.nn.functional.binary_cross_entropy_with_logits(z, x, reduction="none"),
}

# name: (data, its keys)
CASES = {
    f"conv {act}": ("colours.npy", dict(encoder=f"conv 4 3x3 {act}", decoder=f"conv 3 3x3 {act}"))
    for act in make.ACTIVATIONS
}
CASES.update({
    "even kernels": ("grays.npy", dict(encoder="conv 3 2x2 relu | conv 2 4x3", decoder="conv 1 3x4 sigmoid")),
    "strides and valid": ("fields.npy", dict(
        scale="standard", encoder="conv 4 3x3 relu stride=2 pad=valid", loss="mae",
        decoder="upsample 3 | conv 5 2x2 silu stride=3 pad=valid | upsample 3 | conv 2 4x2 pad=valid")),
    "pools": ("grays.npy", dict(
        encoder="conv 4 3x3 relu | maxpool 2 | avgpool 3",
        decoder="upsample 4 | conv 2 2x2 tanh pad=valid | maxpool 2 | upsample 3 | "
                "conv 2 6x4 pad=valid | dense 63 sigmoid")),
    "bce, three channels": ("colours.npy", dict(
        loss="bce", encoder="conv 5 3x3 elu | conv 2 3x3 sigmoid", decoder="conv 3 3x3 sigmoid")),
    "deconv": ("colours.npy", dict(
        encoder="conv 5 3x3 relu stride=2", decoder="deconv 4 3x3 relu | conv 3 1x2 pad=valid")),
    "deconv of stride 3 and 1, gaps": ("fields.npy", dict(
        scale="minmax", encoder="avgpool 3 | conv 4 3x3 tanh",
        decoder="deconv 3 2x2 silu stride=3 | deconv 4 5x4 stride=1 | conv 2 1x2 pad=valid")),
    "conv into dense and back": ("colours.npy", dict(
        encoder="conv 4 3x3 relu | maxpool 2 | dense 6",
        decoder="dense 36 relu | reshape 3x3x4 | deconv 4 3x3 relu | conv 3 1x2 pad=valid")),
    "a code that reshape makes an image": ("flats.npy", dict(
        input="8x4x2", encoder="dense 12 relu | reshape 2x2x3", decoder="dense 64 sigmoid | reshape 8x4x2")),
    "flat rows as images, mirror of conv and pools": ("flats.npy", dict(
        input="8x4x2", encoder="conv 5 3x3 relu | maxpool 2 | conv 3 3x3 tanh | avgpool 2",
        decoder="mirror sigmoid")),
    "mirror of a stride": ("flats.npy", dict(
        input="8x4x2", encoder="conv 5 3x3 relu stride=2 | conv 3 2x2 tanh", decoder="mirror sigmoid")),
    "mirror of conv and dense": ("colours.npy", dict(
        encoder="conv 3 3x3 relu | dense 9 tanh | dense 4", decoder="mirror sigmoid")),
    "tied": ("bytes.npy", dict(encoder="dense 7 sigmoid", decoder="tied linear")),
    "tied, two layers": ("bytes.npy", dict(encoder="dense 11 tanh | dense 5", decoder="tied relu sigmoid")),
    "tied, the last activation repeats": ("floats.npy", dict(
        scale="standard", encoder="dense 11 tanh | dense 5 elu | dense 3", decoder="tied linear")),
    "tied, penalties": ("bytes.npy", dict(
        encoder="dense 9 sigmoid", decoder="tied sigmoid", loss="bce",
        penalty="kl_sparsity 0.1 0.01 | contractive 0.001 | weight_l2 0.0001")),
})


def apart(name, ours, theirs):
    """Why the command's numbers are not ours, or nothing."""
    if len(theirs) != len(ours) or theirs.size != ours.size:
        return f"{name}: shape {theirs.shape}, not {ours.shape}"
    difference = np.abs(theirs.reshape(ours.shape).astype(np.float64) - ours) / np.maximum(1, np.abs(ours))
    return None if difference.max() <= LIMIT else f"{name}: {difference.max():.2g} apart"


def names_differ(net, tensors):
    """One weight and one bias a layer that has them, a tied layer its bias alone."""
    wanted = {layer.name + ".bias" for layer in net if layer.act}
    wanted |= {layer.name + ".weight" for layer in net if layer.act and not layer.tied}
    return None if wanted == set(tensors) else f"tensors {sorted(tensors)}, not {sorted(wanted)}"


def judge_case(data, keys):
    path = os.path.join(REFERENCE, "data", data)
    with temporary_folder() as folder:
        tensors, metadata = train(os.path.join(folder, "run"), train=path, **SHORT, **keys)
        model = os.path.join(folder, "run", "model.safetensors")

        def ask(verb, given):
            out = os.path.join(folder, verb + ".npy")
            cinch(verb, model, given, "-o", out)
            return np.load(out)

        recipe = read_recipe(metadata["recipe"])
        offset, scale = read_scaler(metadata["scaler"])
        rows, shape = make.load_rows(path, keys)
        net = make.build_net({**keys, "decoder": recipe["decoder"]}, shape)
        fault = hash_fault(model) or names_differ(net, tensors)
        if fault:
            return fault
        weights = {name: torch.tensor(tensor.astype(np.float64)) for name, tensor in tensors.items()}
        x = torch.tensor((rows.astype(np.float64) - offset) * scale)
        code, z, y = make.forward(net, weights, x)
        fault = apart("encode", code.numpy(), ask("encode", path))
        np.save(os.path.join(folder, "codes.npy"), code.numpy().astype(np.float32))
        for verb, given in ("reconstruct", path), ("decode", os.path.join(folder, "codes.npy")):
            answer = ask(verb, given)
            fault = fault or shape_differs(verb, answer, np.load(path))
            scaled = (answer.reshape(len(answer), -1).astype(np.float64) - offset) * scale
            fault = fault or apart(verb, y.numpy(), scaled)
        losses = LOSS[recipe.get("loss", "mse")](x, y, z).mean(1)
        return fault or apart("score", losses.numpy(), ask("score", path))


def shape_differs(verb, answer, rows):
    """float32, and as many numbers a row; of images in the file, images."""
    if answer.dtype != np.float32:
        return f"{verb} gives {answer.dtype}"
    if rows.ndim > 2 and answer.squeeze().shape != rows.squeeze().shape:
        return f"{verb}: shape {answer.shape}, not {rows.shape}"
    return None


torch.set_num_threads(1)
for name, (data, keys) in CASES.items():
    attempt(name, judge_case, data, keys)
# Plumbing that needs no image: layers that judge_model.py has judged by numpy.
attempt("dense, by PyTorch", judge_case, "grays.npy", dict(encoder="dense 9 relu", decoder="dense 63 sigmoid"))
sys.exit(finish())
