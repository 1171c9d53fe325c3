"""Training, judged by PyTorch as people use it: float32, nn.Linear, torch.optim, its own losses.

Both start from the same weights (init_from), see the same rows in the same order, and must show the same loss
at every epoch: within 1e-3 relatively, the median within 1e-5; the final weights within 1e-3 of the largest.
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from judging import REFERENCE, attempt, finish, read_history, temporary_folder, train

EPOCHS, BATCH = 6, 64

# name: (data, scale, layers of the encoder, of the decoder, torch's loss, torch's optimizer, our keys)
CASES = {
    "Adam, MSELoss": (
        "bytes.npy", "unit", [(16, nn.ReLU), (6, nn.ReLU)], [(16, nn.ReLU), (20, nn.Sigmoid)], nn.MSELoss(),
        lambda parameters: torch.optim.Adam(parameters), dict(loss="mse", optimizer="adam")),
    "SGD with Nesterov's momentum, MSELoss": (
        "floats.npy", "standard", [(8, nn.Tanh)], [(20, None)], nn.MSELoss(),
        lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
        dict(loss="mse", optimizer="sgd lr=0.05 momentum=0.9 nesterov=true")),
    "Adam, BCEWithLogitsLoss": (
        "bits.npy", "none", [(12, nn.SELU)], [(20, "logits")], nn.BCEWithLogitsLoss(),
        lambda parameters: torch.optim.Adam(parameters, lr=0.01), dict(loss="bce", optimizer="adam lr=0.01")),
    "Adadelta, HuberLoss": (
        "doubles.npy", "standard", [(6, nn.ELU)], [(20, None)], nn.HuberLoss(),
        lambda parameters: torch.optim.Adadelta(parameters, lr=1.0, rho=0.95, eps=1e-6),
        dict(loss="huber", optimizer="adadelta")),
    "RMSprop, L1Loss": (
        "shorts.npy", "minmax", [(9, nn.GELU), (4, nn.SiLU)], [(9, nn.Softplus), (20, None)], nn.L1Loss(),
        lambda parameters: torch.optim.RMSprop(parameters, lr=0.002, alpha=0.9, eps=1e-7),
        dict(loss="mae", optimizer="rmsprop lr=0.002")),
}
WORDS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.SELU: "selu", nn.ELU: "elu", nn.GELU: "gelu", nn.SiLU: "silu",
         nn.Softplus: "softplus", nn.Sigmoid: "sigmoid", "logits": "sigmoid", None: "linear"}


def scaled_rows(path, scale):
    rows = np.load(path)
    maximum = np.iinfo(rows.dtype).max if rows.dtype.kind in "iu" else 1
    rows = rows.astype(np.float64)
    if scale == "unit":
        rows /= maximum
    elif scale == "minmax":
        spread = rows.max(0) - rows.min(0)
        rows = (rows - rows.min(0)) / np.where(spread == 0, 1, spread)
    elif scale == "standard":
        spread = np.where(rows.min(0) == rows.max(0), 1, rows.std(0))
        rows = (rows - rows.mean(0)) / spread
        rows[:, spread == 1] = np.where(np.abs(rows[:, spread == 1]) < 1e-9, 0, rows[:, spread == 1])
    return torch.tensor(rows.astype(np.float32))


def build(encoder, decoder, features):
    """(the net, [(parameter's name in our files, parameter)])."""
    net, names, inputs = nn.Sequential(), [], features
    for pipeline, layers in ("encoder", encoder), ("decoder", decoder):
        for i, (outputs, act) in enumerate(layers):
            linear = nn.Linear(inputs, outputs)
            net.append(linear)
            if act not in (None, "logits"):
                net.append(act())
            names += [(f"{pipeline}.{i}.weight", linear.weight), (f"{pipeline}.{i}.bias", linear.bias)]
            inputs = outputs
    return net, names


def torch_losses(net, x, loss, optimizer):
    epochs = []
    for _ in range(EPOCHS):
        total = 0.0
        for first in range(0, len(x), BATCH):
            part = x[first:first + BATCH]
            optimizer.zero_grad()
            value = loss(net(part), part)
            value.backward()
            optimizer.step()
            total += value.item() * len(part)
        epochs.append(total / len(x))
    return np.array(epochs)


def pipeline_text(layers):
    return " | ".join(f"dense {outputs} {WORDS[act]}" for outputs, act in layers)


def judge_case(data, scale, encoder, decoder, loss, make_optimizer, keys):
    torch.manual_seed(1)
    path = os.path.join(REFERENCE, "data", data)
    x = scaled_rows(path, scale)
    net, names = build(encoder, decoder, x.shape[1])
    with temporary_folder() as folder:
        start, run = os.path.join(folder, "start.safetensors"), os.path.join(folder, "run")
        save_file({name: tensor.detach().clone() for name, tensor in names}, start)
        tensors, _ = train(
            run, train=path, scale=scale, encoder=pipeline_text(encoder), decoder=pipeline_text(decoder),
            epochs=EPOCHS, batch=BATCH, init_from=start, shuffle="false", **keys)
        ours = read_history(run)["train_loss"]
    theirs = torch_losses(net, x, loss, make_optimizer(net.parameters()))
    difference = np.abs(ours - theirs) / theirs
    if len(ours) != EPOCHS or not difference.max() <= 1e-3 or not np.median(difference) <= 1e-5:
        return f"losses {ours}, not {theirs}"
    for name, tensor in names:
        truth = tensor.detach().numpy()
        if not np.abs(tensors[name] - truth).max() <= 1e-3 * np.abs(truth).max():
            return f"{name} ends {np.abs(tensors[name] - truth).max():.2g} away"
    return None


torch.set_num_threads(1)
for name, case in CASES.items():
    attempt(name, judge_case, *case)
sys.exit(finish())
