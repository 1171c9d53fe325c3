"""Codes that are drawn, judged by PyTorch in float64 with the same draws.

The normal numbers are made here anew, in numpy: Philox 4x32-10 (Salmon and others 2011) keyed by splitmix64 of
(seed, purpose, place), counted by (block, epoch, row), and Box and Muller's formula. So a step's gradient, every
epoch's loss with and without penalties, the validation loss, score and generate have one right answer each.
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from judging import REFERENCE, attempt, cinch, finish, read_history, read_scaler, temporary_folder, train

SEED, LAYER, CODE = 7, 3, 5   # the numbers of base/random.h's purposes
BYTES = os.path.join(REFERENCE, "data", "bytes.npy")
MASK = (1 << 64) - 1


def splitmix64(x):
    x = (x + 0x9e3779b97f4a7c15) & MASK
    x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & MASK
    x = ((x ^ x >> 27) * 0x94d049bb133111eb) & MASK
    return x ^ x >> 31


def philox(counter, key):
    """Ten rounds over arrays of 32-bit words, kept in 64 bits."""
    c, k, low = [np.asarray(word, np.uint64) for word in counter], list(key), np.uint64(0xffffffff)
    for _ in range(10):
        p, q = c[0] * np.uint64(0xd2511f53), c[2] * np.uint64(0xcd9e8d57)
        c = [q >> np.uint64(32) ^ c[1] ^ np.uint64(k[0]), q & low,
             p >> np.uint64(32) ^ c[3] ^ np.uint64(k[1]), p & low]
        k = [(k[0] + 0x9e3779b9) & 0xffffffff, (k[1] + 0xbb67ae85) & 0xffffffff]
    return c


def normals(seed, purpose, place, epoch, rows, width):
    """[len(rows)][width]."""
    key = splitmix64((splitmix64((splitmix64(seed) + purpose) & MASK) + place) & MASK)
    rows, units = np.asarray(rows, np.uint64)[:, None], np.arange(width, dtype=np.uint64)[None]
    shape = (len(rows), width)
    words = philox([np.broadcast_to(units // np.uint64(2), shape), np.full(shape, epoch, np.uint64),
                    np.broadcast_to(rows & np.uint64(0xffffffff), shape),
                    np.broadcast_to(rows >> np.uint64(32), shape)], (key & 0xffffffff, key >> 32))
    odd = np.broadcast_to(units % np.uint64(2) == 1, shape)
    first, second = np.where(odd, words[2], words[0]), np.where(odd, words[3], words[1])
    u = (first.astype(np.float64) + 1) * 2.0 ** -32
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * second.astype(np.float64) * 2.0 ** -32)


# ---- The nets ---------------------------------------------------------------------------------------------------

ACTS = {"tanh": torch.tanh, "relu": torch.relu, "softplus": torch.nn.functional.softplus, "linear": lambda z: z,
        "sigmoid": torch.sigmoid}

# name: (encoder, decoder, loss, beta, the scale's key)
NETS = {
    "bce": ("dense 17 tanh | variational 5", "dense 17 softplus | dense 20 sigmoid", "bce", 1, "unit"),
    "bce, wider than a panel, beta 4": ("variational 19", "dense 9 tanh | dense 20 sigmoid", "bce", 4, "unit"),
    "mse, two drawn layers": ("dense 17 tanh | variational 6 | dense 9 tanh | variational 3",
                              "dense 17 tanh | dense 20 linear", "mse", 0.3, "standard"),
}


def layers_of(encoder, decoder):
    """(name, kind, units, act) of each layer, in its place."""
    layers = []
    for pipeline, text in ("encoder", encoder), ("decoder", decoder):
        for i, spec in enumerate(text.split(" | ")):
            kind, units, *act = spec.split()
            layers.append((f"{pipeline}.{i}", kind, int(units), act[0] if act else "linear"))
    return layers


def starting_weights(layers, features):
    """Drawn here, so that every starting bias differs from 0."""
    random, weights = np.random.default_rng(3), {}
    for name, kind, units, _ in layers:
        for head in (".mean", ".log_variance") if kind == "variational" else ("",):
            weights[f"{name}{head}.weight"] = random.normal(0, 1 / np.sqrt(features), (units, features))
            weights[f"{name}{head}.bias"] = random.normal(0, 0.1, units)
        features = units
    return {name: tensor.astype(np.float32) for name, tensor in weights.items()}


def passed(layers, weights, x, rows, epoch):
    """The logits and the divergence of each row, rows being their numbers in the data."""
    divergence = torch.zeros(len(x), dtype=torch.float64)
    for place, (name, kind, units, act) in enumerate(layers):
        def head(which):
            return x @ weights[name + which + ".weight"].T + weights[name + which + ".bias"]
        if kind == "variational":
            mean, log_variance = head(".mean"), head(".log_variance")
            draws = torch.tensor(normals(SEED, LAYER, place, epoch, rows, units))
            x = mean + torch.exp(log_variance / 2) * draws
            divergence = divergence + (mean ** 2 + torch.exp(log_variance) - 1 - log_variance).sum(1) / 2
        else:
            z = head("")
            x = ACTS[act](z)
    return z, divergence


def losses(net, weights, x, rows, epoch):
    """Each row's mean loss over its features and its divergence in nats."""
    encoder, decoder, loss, _, _ = net
    layers = layers_of(encoder, decoder)
    z, divergence = passed(layers, weights, x, rows, epoch)
    if loss == "bce":
        each = torch.nn.functional.binary_cross_entropy_with_logits(z, x, reduction="none")
    else:
        each = (ACTS[layers[-1][3]](z) - x) ** 2
    return each.mean(1), divergence


def scaled(rows, metadata):
    offset, scale = read_scaler(metadata["scaler"])
    return torch.tensor((rows.astype(np.float64) - offset) * scale)


def in_float64(tensors):
    return {name: torch.tensor(tensor.astype(np.float64), requires_grad=True) for name, tensor in tensors.items()}


def start_run(folder, net, **keys):
    """Trains from weights of this judge's: (those, the run's weights, its metadata, the rows as they are)."""
    encoder, decoder, loss, beta, scale = net
    rows = np.load(BYTES)
    weights = starting_weights(layers_of(encoder, decoder), rows.shape[1])
    start = os.path.join(folder, "start.safetensors")
    save_file(weights, start)
    tensors, metadata = train(os.path.join(folder, "run"), train=BYTES, encoder=encoder, decoder=decoder, loss=loss,
                              penalty=f"kl {beta}", scale=scale, init_from=start, shuffle="false", seed=SEED, **keys)
    return weights, tensors, metadata, rows


def furthest(ours, theirs):
    """The largest difference, relative to the largest of theirs."""
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


# ---- What is judged ---------------------------------------------------------------------------------------------

def judge_gradient(net):
    """One step of sgd with lr 1 over all rows: the weights' difference is the gradient."""
    with temporary_folder() as folder:
        before, after, metadata, rows = start_run(folder, net, optimizer="sgd lr=1", epochs=1, batch=100000)
        weights = in_float64(before)
        x = scaled(rows, metadata)
        loss, divergence = losses(net, weights, x, range(len(x)), 0)
        (loss.mean() + net[3] * divergence.mean() / x.shape[1]).backward()
        for name, tensor in weights.items():
            step = before[name].astype(np.float64) - after[name]
            difference = furthest(step, tensor.grad.numpy())
            if not difference <= 2e-4:   # the weights' own rounding, of gradients a hundredth of them
                return f"the gradient to {name} is {difference:.2g} away"
    return None


def judge_training(net):
    epochs, batch = 6, 64
    with temporary_folder() as folder:
        before, after, metadata, rows = start_run(
            folder, net, optimizer="adam lr=0.003", epochs=epochs, batch=batch, validation=0.2, keep="last")
        history = read_history(os.path.join(folder, "run"))
        weights = in_float64(before)
        x = scaled(rows, metadata)
        n = int(len(x) * 0.8)
        optimizer = torch.optim.Adam(weights.values(), lr=0.003)
        theirs = {"train_loss": [], "train_reconstruction": [], "validation_loss": []}
        for epoch in range(epochs):
            totals = np.zeros(2)
            for first in range(0, n, batch):
                part = range(first, min(first + batch, n))
                loss, divergence = losses(net, weights, x[part.start:part.stop], part, epoch)
                whole = loss.mean() + net[3] * divergence.mean() / x.shape[1]
                optimizer.zero_grad()
                whole.backward()
                optimizer.step()
                totals += np.array([whole.item(), loss.mean().item()]) * len(part)
            with torch.no_grad():   # the same draws at every epoch: the first one's
                loss, divergence = losses(net, weights, x[n:], range(n, len(x)), 0)
            theirs["train_loss"].append(totals[0] / n)
            theirs["train_reconstruction"].append(totals[1] / n)
            theirs["validation_loss"].append((loss.mean() + net[3] * divergence.mean() / x.shape[1]).item())
        for name, values in theirs.items():
            difference = np.abs(history[name] / np.array(values) - 1)
            if len(difference) != epochs or not difference.max() <= 1e-3 or not np.median(difference) <= 1e-5:
                return f"{name} {history[name]}, not {values}"
        for name, tensor in weights.items():
            if not furthest(after[name], tensor.detach().numpy()) <= 1e-3:
                return f"{name} ends {furthest(after[name], tensor.detach().numpy()):.2g} away"
    return None


def judge_score(net):
    """In nats where the loss is bce, whatever beta; else the mean loss of a code drawn."""
    with temporary_folder() as folder:
        _, after, metadata, rows = start_run(folder, net, epochs=2)
        out = os.path.join(folder, "scores.npy")
        cinch("score", os.path.join(folder, "run"), BYTES, "-o", out)
        x = scaled(rows, metadata)
        with torch.no_grad():
            loss, divergence = losses(net, in_float64(after), x, range(len(x)), 0)
        truth = (loss * x.shape[1] + divergence if net[2] == "bce" else loss).numpy()
        difference = np.abs(np.load(out) - truth) / (1 + truth)
        return None if difference.max() <= 1e-5 else f"a score is {difference.max():.2g} away"


def judge_generate(net):
    """The rows of codes drawn, and of codes along a line between the means of two rows."""
    with temporary_folder() as folder:
        _, after, metadata, rows = start_run(folder, net, epochs=2)
        run, out = os.path.join(folder, "run"), os.path.join(folder, "new.npy")
        weights = {name: tensor.astype(np.float64) for name, tensor in after.items()}
        layers = layers_of(net[0], net[1])
        offset, scale = read_scaler(metadata["scaler"])

        def carry(x, wanted):
            for name, kind, _, act in layers:
                head = ".mean" if kind == "variational" else ""
                if name.startswith(wanted):
                    x = x @ weights[name + head + ".weight"].T + weights[name + head + ".bias"]
                    x = ACTS[act](torch.tensor(x)).numpy()
            return x

        width = [units for name, _, units, _ in layers if name.startswith("encoder")][-1]
        codes = normals(11, CODE, 0, 0, range(50), width)
        cinch("generate", run, "-n", 50, "--seed", 11, "-o", out)
        difference = np.abs((np.load(out) - offset) * scale - carry(codes, "decoder")).max()
        if not difference <= 1e-5:
            return f"a drawn row is {difference:.2g} away"
        ends = carry(scaled(rows[[4, 31]], metadata).numpy(), "encoder")
        codes = ends[0] + (ends[1] - ends[0]) * np.linspace(0, 1, 7)[:, None]
        cinch("generate", run, BYTES, "--from", 4, "--to", 31, "-n", 7, "-o", out)
        difference = np.abs((np.load(out) - offset) * scale - carry(codes, "decoder")).max()
        return None if difference <= 1e-5 else f"a row of the line is {difference:.2g} away"


torch.set_num_threads(1)
for name, net in NETS.items():
    attempt(f"the gradient, {name}", judge_gradient, net)
    attempt(f"training, {name}", judge_training, net)
    attempt(f"score, {name}", judge_score, net)
    attempt(f"generate, {name}", judge_generate, net)
sys.exit(finish())
