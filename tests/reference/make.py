"""Makes the reference runs beside this file: what Cinch's training must follow, in float64, with PyTorch.

    python make.py [FOLDER]     writes data/, runs.csv and a folder a run; FOLDER is this one by default
    python make.py --drift      writes nothing; prints how far PyTorch in float32 strays from each run

Needs numpy, torch and safetensors. A run's folder holds

    recipe.ini          what to train; its data lies in ../data
    init.safetensors    the starting weights, float32
    epochs.csv          epoch,train_loss,train_reconstruction and validation_loss where there is validation
    final.safetensors   the weights that the recipe's `keep` asks for, rounded to float32

Everything between the starting weights and the files is float64. Activations, losses and gradients are
PyTorch's. The optimizers are written out from their equations, and each is held to torch.optim's. Nothing is
drawn but the data and the starting weights, from numpy's frozen RandomState: the files are the same anywhere.
"""
import os
import sys
import zlib

import numpy as np
import safetensors.numpy
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
SECTIONS = {
    "data": ["train", "columns", "label", "scale", "validation", "limit"],
    "model": ["input", "encoder", "decoder", "init_from"],
    "train": ["loss", "penalty", "optimizer", "batch", "epochs", "shuffle", "patience", "keep"],
}

# ---- Data: 20 features with four causes, rounded so that the last bit of a product decides nothing ---------


def mixture(rows, seed):
    """rows x 20 numbers in (0, 1): weighted means of four uniform causes, and some noise."""
    random = np.random.RandomState(seed)
    causes, noise = random.random_sample((rows, 4)), random.random_sample((rows, 20))
    weights = random.random_sample((4, 20)) ** 3
    return np.round(0.85 * (causes @ (weights / weights.sum(0))) + 0.15 * noise, 5)


def save_table(path):
    """151 rows, 20 numbers and a class in the middle; width_4 is constant; the last rows drift away."""
    values = np.round(20 * mixture(151, 5) - 7, 3)
    values[:, 4] = 2.5
    values[120:] += np.linspace(0, 3, 31)[:, None].round(3)
    names = [f"width_{i}" for i in range(10)] + ["kind"] + [f"height_{i}" for i in range(10)]
    with open(path, "w") as out:
        out.write(",".join(names) + "\n")
        for i, row in enumerate(values):
            cells = [f"{value:.3f}" for value in row]
            out.write(",".join(cells[:10] + [("round", "square", "long")[i % 3]] + cells[10:]) + "\n")


def make_data(folder):
    os.makedirs(folder, exist_ok=True)

    def save(name, values):
        np.save(os.path.join(folder, name), values)

    save("bytes.npy", (255 * mixture(1003, 1)).astype(np.uint8))
    save("images.npy", (255 * mixture(203, 2)).astype(np.uint8).reshape(203, 4, 5))
    save("bits.npy", mixture(211, 3) > 0.5)
    short = np.round(30000 * (mixture(157, 6) - 0.4)).astype(np.int16)
    short[:, 19] = -77
    save("shorts.npy", short)
    save("floats.npy", (2 * mixture(203, 4) - 0.9).astype(np.float32))
    wide = np.round(1000 * (mixture(127, 7) - 0.3) * np.logspace(-3, 3, 20), 4)
    wide[:, 11] = 41.5
    save("doubles.npy", wide)
    save_table(os.path.join(folder, "table.csv"))


def load_rows(path, recipe):
    """All rows, flattened, in the file's type (a table's in double); label and unasked columns left out."""
    if path.endswith(".csv"):
        with open(path) as lines:
            names = lines.readline().strip().split(",")
            cells = [line.strip().split(",") for line in lines]
        wanted = recipe["columns"].split(",") if "columns" in recipe else names
        kept = [names.index(name) for name in wanted if name != recipe.get("label")]
        return np.array([[float(row[i]) for i in kept] for row in cells])
    rows = np.load(path)
    rows = rows.reshape(len(rows), -1)
    if "columns" in recipe:
        kept = []
        for part in recipe["columns"].split(","):
            first, _, last = part.partition("-")
            kept += range(int(first), int(last or first) + 1)
        rows = rows[:, kept]
    return rows


# ---- The runs ----------------------------------------------------------------------------------------------

BYTES = dict(train="bytes.npy", batch="37", epochs="6")   # 27 batches of 37 and one of 4
FLOATS = dict(train="floats.npy", batch="19", epochs="5")
DOUBLES = dict(train="doubles.npy", batch="16", epochs="7")
SHORTS = dict(train="shorts.npy", batch="40", epochs="8")
NARROW = dict(encoder="dense 8 tanh", decoder="dense 20 linear")
ACTIVATIONS = "linear relu leaky sigmoid tanh elu selu gelu silu softplus".split()

RUNS = {}


def run(name, what, *bases, **keys):
    recipe = {}
    for base in bases:
        recipe.update(base)
    recipe.update(keys)
    assert name not in RUNS
    RUNS[name] = what, recipe


for act in ACTIVATIONS:
    run(f"activation-{act}", f"{act} in hidden layers, code and output", BYTES, optimizer="adam lr=0.004",
        loss="mse", encoder=f"dense 12 {act} | dense 6 {act}",
        decoder=f"dense 12 {act} | dense 20 {act}")
for act in "leaky", "selu", "gelu":
    run(f"beside-{act}", f"{act} beside other activations", FLOATS, scale="standard", optimizer="sgd lr=0.2",
        encoder=f"dense 9 relu | dense 5 {act}", decoder=f"dense 9 {act} | dense 20")

run("loss-mae", "mae", BYTES, NARROW, loss="mae", optimizer="sgd lr=0.3")
run("loss-huber", "huber on both sides of its delta", DOUBLES, NARROW, scale="standard", loss="huber",
    optimizer="adam lr=0.01", epochs="9")
run("loss-bce", "bce from the logits of a sigmoid output", BYTES, loss="bce", optimizer="adam",
    encoder="dense 8 relu", decoder="dense 20 sigmoid")
run("loss-bce-far", "bce of bits, with logits far from 0", train="bits.npy", loss="bce",
    optimizer="sgd lr=0.2", encoder="dense 10 linear", decoder="dense 20 sigmoid", batch="20", epochs="8",
    spread="12")
run("loss-bce-deep", "bce, minmax, a decoder of two layers", SHORTS, scale="minmax", loss="bce",
    encoder="dense 10 elu | dense 4", decoder="dense 10 silu | dense 20 sigmoid", optimizer="rmsprop")

run("sgd-plain", "sgd's defaults", BYTES, NARROW, optimizer="sgd")
run("sgd-momentum", "momentum", BYTES, NARROW, optimizer="sgd lr=0.05 momentum=0.8")
run("sgd-nesterov", "Nesterov's momentum", BYTES, NARROW, optimizer="sgd lr=0.05 momentum=0.7 nesterov=true")
run("adadelta-plain", "adadelta's defaults, through relu and sigmoid", BYTES, optimizer="adadelta",
    encoder="dense 8 relu", decoder="dense 20 sigmoid", epochs="10")
run("adadelta-options", "adadelta, every option", BYTES, NARROW, optimizer="adadelta lr=0.7 rho=0.8 eps=1e-4")
run("adam-options", "adam, every option", BYTES, NARROW,
    optimizer="adam lr=0.01 beta1=0.7 beta2=0.95 eps=0.001")
run("rmsprop-plain", "rmsprop's defaults", BYTES, NARROW, optimizer="rmsprop")
run("rmsprop-options", "rmsprop, every option; eps outside the root", BYTES, NARROW,
    optimizer="rmsprop lr=0.01 rho=0.7 eps=0.01")

run("penalty-weight-l1", "weight_l1", BYTES, NARROW, penalty="weight_l1 0.0003", optimizer="sgd lr=0.2")
run("penalty-weight-l2", "weight_l2: no half, no biases", BYTES, NARROW, penalty="weight_l2 0.002",
    optimizer="sgd lr=0.2")
run("penalty-activity-l1", "activity_l1 on a code of both signs", BYTES, NARROW, penalty="activity_l1 0.003",
    optimizer="sgd lr=0.2")
run("penalty-activity-deep", "activity_l1 acts on the waist alone", BYTES, penalty="activity_l1 0.0005",
    encoder="dense 14 relu | dense 9 softplus", decoder="mirror sigmoid", optimizer="adam lr=0.003")
run("penalty-together", "three penalties, bce, and a validation share that they count in", BYTES, loss="bce",
    penalty="activity_l1 0.0004 | weight_l1 0.0001 | weight_l2 0.0005", validation="0.1", keep="last",
    encoder="dense 30 sigmoid", decoder="dense 20 sigmoid", optimizer="adam lr=0.003")

run("penalty-kl-sparsity", "kl_sparsity beside weight_l2: the batch's mean code, validation as one batch", BYTES,
    penalty="kl_sparsity 0.05 0.002 | weight_l2 0.0005", encoder="dense 30 sigmoid", decoder="dense 20 sigmoid",
    optimizer="adam lr=0.003", validation="0.1", keep="last")
run("penalty-contractive", "contractive through one layer that needs its input, and mae", BYTES, loss="mae",
    penalty="contractive 0.02", encoder="dense 9 gelu", decoder="dense 20 linear", optimizer="sgd lr=0.2")
run("penalty-contractive-deep", "contractive through two layers, bce, validation", BYTES, loss="bce",
    penalty="contractive 0.003", encoder="dense 17 tanh | dense 5 silu", decoder="mirror sigmoid",
    optimizer="adam lr=0.003", validation="0.2", keep="last", epochs="5")
run("penalties-of-code", "contractive, kl_sparsity and activity_l1 through two layers", FLOATS, scale="minmax",
    penalty="contractive 0.01 | kl_sparsity 0.3 0.01 | activity_l1 0.001", optimizer="rmsprop lr=0.003",
    encoder="dense 12 softplus | dense 6 sigmoid", decoder="dense 20")

run("tied-plain", "tied: one weight, two biases", BYTES, encoder="dense 6 sigmoid", decoder="tied",
    optimizer="sgd lr=0.1 momentum=0.9")
run("tied-deep", "two tied layers, weight_l2 of each weight once", BYTES, decoder="tied silu sigmoid",
    encoder="dense 18 tanh | dense 5 sigmoid", optimizer="adam lr=0.003", penalty="weight_l2 0.0005")
run("tied-contractive", "tied weights whose derivative is penalized", FLOATS, decoder="tied tanh linear",
    scale="minmax", encoder="dense 17 sigmoid | dense 4 sigmoid", optimizer="adadelta", loss="mae",
    penalty="contractive 0.02")

run("shape-wide", "a code wider than the input", BYTES, encoder="dense 50 relu", decoder="dense 20 sigmoid",
    optimizer="adam")
run("shape-one", "a code of one unit", BYTES, encoder="dense 1 tanh", decoder="dense 20 linear",
    optimizer="sgd lr=0.3 momentum=0.5")
run("shape-one-of-one", "one unit after one unit, one input column", BYTES, columns="7", batch="100",
    encoder="dense 1 linear", decoder="dense 1 sigmoid", optimizer="adam lr=0.02")
run("shape-deep", "six layers that grow and shrink", BYTES, optimizer="adam lr=0.002", epochs="8",
    encoder="dense 24 selu | dense 7 tanh | dense 3 linear",
    decoder="dense 11 gelu | dense 33 leaky | dense 20 linear")
run("mirror-deep", "mirror: sizes and activations from the encoder", BYTES, decoder="mirror sigmoid",
    encoder="dense 15 relu | dense 10 tanh | dense 5 softplus", optimizer="adam lr=0.003")
run("mirror-plain", "mirror is the decoder where none is given", FLOATS, encoder="dense 7 elu | dense 3",
    scale="none", optimizer="sgd lr=0.1 momentum=0.9")

run("scale-none", "scale none, batches of one row", FLOATS, NARROW, scale="none", limit="60", batch="1",
    epochs="4", optimizer="sgd lr=0.02")
run("scale-minmax", "minmax with a constant column; one batch of all rows", DOUBLES, NARROW, scale="minmax",
    batch="5000", epochs="12", optimizer="adadelta lr=1 rho=0.9 eps=1e-5")
run("scale-standard", "standard with a constant column, fitted on what validation leaves", DOUBLES, NARROW,
    scale="standard", validation="0.1", keep="last", optimizer="adam lr=0.005")
run("scale-shorts", "auto takes a 16-bit type's maximum", SHORTS, NARROW, optimizer="sgd lr=0.5 momentum=0.9")
run("table-label", "a table with header, its label left out; auto is standard", train="table.csv",
    label="kind", encoder="dense 10 tanh | dense 4", decoder="mirror", batch="10", epochs="8",
    optimizer="adam lr=0.005")
run("table-columns", "columns by name, a limit, drifted validation rows; patience ends it, the best is kept",
    train="table.csv", columns="width_1,width_2,width_4,height_0,height_3,height_9", limit="150",
    scale="standard", encoder="dense 5 tanh", decoder="dense 6 linear", batch="8", epochs="20",
    validation="0.25", patience="2", optimizer="adam lr=0.3 beta1=0.95", penalty="weight_l2 0.0002")
run("columns-limit", "columns by number and range, a limit", BYTES, columns="0-5,9,12-15", limit="333",
    encoder="dense 4 silu", decoder="dense 11 linear", optimizer="rmsprop lr=0.004")
run("images", "images of 4x5, which dense layers flatten", train="images.npy", batch="32", epochs="8",
    encoder="dense 12 relu | dense 4 sigmoid", decoder="mirror sigmoid", optimizer="adam lr=0.01")
run("images-flat", "images flattened by `input`, a validation share, a last batch of one row",
    train="images.npy", input="20", encoder="dense 9 gelu", decoder="dense 20 sigmoid", loss="bce",
    validation="0.1", keep="last", batch="181", epochs="9", optimizer="adadelta lr=1 rho=0.95 eps=1e-5")


# ---- What the recipes' words mean --------------------------------------------------------------------------

ACTIVATE = {
    "linear": lambda z: z, "relu": F.relu, "leaky": lambda z: F.leaky_relu(z, 0.01), "sigmoid": torch.sigmoid,
    "tanh": torch.tanh, "elu": F.elu, "selu": F.selu, "gelu": F.gelu, "silu": F.silu, "softplus": F.softplus,
}
LOSSES = {
    "mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss, "bce": F.binary_cross_entropy_with_logits,
}


def dense_layers(pipeline):
    layers = []
    for spec in pipeline.split("|"):
        words = spec.split()
        assert words[0] == "dense"
        layers.append((int(words[1]), words[2] if len(words) > 2 else "linear"))
    return layers


def build_tied(recipe, features):
    """A tied layer's name ends in the layer whose weight it shares: decoder.0<encoder.1."""
    encoder, acts = dense_layers(recipe["encoder"]), recipe["decoder"].split()[1:] or ["linear"]
    sizes = [features] + [size for size, _ in encoder]
    net = [(f"encoder.{i}", sizes[i], size, act) for i, (size, act) in enumerate(encoder)]
    for place, i in enumerate(reversed(range(len(encoder)))):
        act = acts[min(place, len(acts) - 1)]
        net.append((f"decoder.{place}<encoder.{i}", sizes[i + 1], sizes[i], act))
    return net


def parameters_of(layer, weights):
    """(weight, bias) of a layer by its name."""
    own, _, shared = layer.partition("<")
    return weights[shared + ".weight"].T if shared else weights[own + ".weight"], weights[own + ".bias"]


def build_net(recipe, features):
    """[(name, inputs, outputs, activation)] of both pipelines."""
    if recipe.get("decoder", "mirror").split()[0] == "tied":
        return build_tied(recipe, features)
    encoder = dense_layers(recipe["encoder"])
    words = recipe.get("decoder", "mirror").split()
    if words[0] == "mirror":
        sizes = [features] + [size for size, _ in encoder]
        acts = [words[1] if len(words) > 1 else "linear"] + [act for _, act in encoder]
        decoder = [(sizes[i], acts[i]) for i in reversed(range(len(encoder)))]
    else:
        decoder = dense_layers(recipe["decoder"])
    net, inputs = [], features
    for pipeline, layers in ("encoder", encoder), ("decoder", decoder):
        for i, (outputs, act) in enumerate(layers):
            net.append((f"{pipeline}.{i}", inputs, outputs, act))
            inputs = outputs
    assert inputs == features
    return net


def fit_scaler(kind, rows):
    """(offset, scale): scaled = (x - offset) * scale."""
    if kind == "auto":
        kind = "unit" if rows.dtype.itemsize <= 2 else "standard"
    if kind == "none":
        return 0.0, 1.0
    if kind == "unit":
        return 0.0, 1.0 / (1 if rows.dtype == bool else np.iinfo(rows.dtype).max)
    values = rows.astype(np.float64)
    if kind == "minmax":
        offset, spread = values.min(0), values.max(0) - values.min(0)
    else:
        offset, spread = values.mean(0), values.std(0)
    constant = values.min(0) == values.max(0)
    return np.where(constant, values[0], offset), np.where(constant, 0, 1 / np.where(constant, 1, spread))


def options(text):
    name, *pairs = text.split()
    return name, {key: value == "true" if value in ("true", "false") else float(value)
                  for key, value in (pair.split("=") for pair in pairs)}


def make_optimizer(text):
    """A function (parameter, gradient, its own state, step from 1) that updates the parameter in place."""
    name, given = options(text)

    def sgd(p, g, state, step, lr=0.01, momentum=0.0, nesterov=False):
        v = state["v"] = momentum * state.get("v", 0) - lr * g
        p += momentum * v - lr * g if nesterov else v

    def adadelta(p, g, state, step, lr=1.0, rho=0.95, eps=1e-6):
        before = state.get("d", torch.zeros_like(g))
        state["g"] = rho * state.get("g", 0) + (1 - rho) * g * g
        u = g * (before + eps).sqrt() / (state["g"] + eps).sqrt()
        p -= lr * u
        state["d"] = rho * before + (1 - rho) * u * u

    def adam(p, g, state, step, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
        state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
        p -= lr * (state["m"] / (1 - beta1 ** step)) / ((state["v"] / (1 - beta2 ** step)).sqrt() + eps)

    def rmsprop(p, g, state, step, lr=0.001, rho=0.9, eps=1e-7):
        state["v"] = rho * state.get("v", 0) + (1 - rho) * g * g
        p -= lr * g / (state["v"].sqrt() + eps)

    rule = dict(sgd=sgd, adadelta=adadelta, adam=adam, rmsprop=rmsprop)[name]
    return lambda p, g, state, step: rule(p, g, state, step, **given)


def torch_optimizer(text, parameters):
    """torch.optim's own, which agree with our definitions."""
    name, given = options(text)
    if name == "sgd":
        return torch.optim.SGD(parameters, **{"lr": 0.01, **given})
    if name == "adadelta":
        return torch.optim.Adadelta(parameters, **{"lr": 1.0, "rho": 0.95, "eps": 1e-6, **given})
    if name == "adam":
        betas = given.pop("beta1", 0.9), given.pop("beta2", 0.999)
        return torch.optim.Adam(parameters, betas=betas, **{"lr": 0.001, "eps": 1e-8, **given})
    alpha = given.pop("rho", 0.9)
    return torch.optim.RMSprop(parameters, alpha=alpha, **{"lr": 0.001, "eps": 1e-7, **given})


# ---- A run -------------------------------------------------------------------------------------------------


def starting_weights(name, net, spread):
    random = np.random.RandomState(zlib.crc32(name.encode()))
    weights = {}
    for layer, inputs, outputs, _ in net:
        limit = spread / np.sqrt(inputs + outputs)
        own, _, shared = layer.partition("<")
        if not shared:
            weights[own + ".weight"] = random.uniform(-limit, limit, (outputs, inputs)).astype(np.float32)
        weights[own + ".bias"] = random.uniform(-0.1, 0.1, outputs).astype(np.float32)
    return weights


def forward(net, weights, x):
    """(code, the output's pre-activation, the output)."""
    code = None
    for layer, _, _, act in net:
        if layer.startswith("decoder.0"):
            code = x
        z = F.linear(x, *parameters_of(layer, weights))
        x = ACTIVATE[act](z)
    return code, z, x


def objective(recipe, net, weights, x):
    """(loss with penalties, without) of a batch."""
    traced = x.clone().requires_grad_(True)
    code, logits, output = forward(net, weights, traced)
    loss = recipe.get("loss", "mse")
    reconstruction = LOSSES[loss](logits if loss == "bce" else output, x)
    total = reconstruction
    matrices = [tensor for name, tensor in weights.items() if name.endswith(".weight")]
    for penalty in filter(None, recipe.get("penalty", "").split("|")):
        name, *shares, weight = penalty.split()
        if name == "activity_l1":
            total = total + float(weight) * code.abs().sum(1).mean()
        elif name == "weight_l1":
            total = total + float(weight) * sum(w.abs().sum() for w in matrices)
        elif name == "weight_l2":
            total = total + float(weight) * sum((w * w).sum() for w in matrices)
        elif name == "kl_sparsity":
            rho, q = float(shares[0]), code.mean(0).clamp(1e-7, 1 - 1e-7)
            total = total + float(weight) * (rho * (rho / q).log() + (1 - rho) * ((1 - rho) / (1 - q)).log()).sum()
        elif name == "contractive":
            rows = [torch.autograd.grad(code[:, i].sum(), traced, create_graph=True)[0]
                    for i in range(code.shape[1])]
            total = total + float(weight) * sum((row * row).sum() for row in rows) / len(x)
    return total, reconstruction


def split_rows(recipe, folder):
    """(training rows, validation rows or None), scaled, in float64."""
    rows = load_rows(os.path.join(folder, recipe["train"]), recipe)
    rows = rows[:int(recipe.get("limit", len(rows)))]
    kept = int(np.floor(len(rows) * (1 - float(recipe.get("validation", 0)))))
    offset, scale = fit_scaler(recipe.get("scale", "auto"), rows[:kept])
    scaled = (rows.astype(np.float64) - offset) * scale
    return scaled[:kept], scaled[kept:] if kept < len(rows) else None


def train(recipe, net, start, rows, validation, dtype, by_torch=False):
    """(epochs: lists of numbers as in epochs.csv; the weights that `keep` asks for)."""
    weights = {name: torch.tensor(value, dtype=dtype, requires_grad=True) for name, value in start.items()}
    x = torch.tensor(rows, dtype=dtype)
    y = None if validation is None else torch.tensor(validation, dtype=dtype)
    update, states, step = make_optimizer(recipe["optimizer"]), {name: {} for name in weights}, 0
    reference = torch_optimizer(recipe["optimizer"], list(weights.values())) if by_torch else None
    keep_best = recipe.get("keep", "best" if y is not None else "last") == "best"
    best, best_epoch, kept, epochs, batch = np.inf, 0, None, [], int(recipe["batch"])
    for epoch in range(int(recipe["epochs"])):
        sums = np.zeros(2)
        for first in range(0, len(x), batch):
            part = x[first:first + batch]
            total, reconstruction = objective(recipe, net, weights, part)
            gradients = torch.autograd.grad(total, list(weights.values()))
            sums += len(part) * np.array([total.item(), reconstruction.item()])
            step += 1
            with torch.no_grad():
                for (name, p), g in zip(weights.items(), gradients):
                    if by_torch:
                        p.grad = g
                    else:
                        update(p, g, states[name], step)
            if by_torch:
                reference.step()
        figures = [epoch] + list(sums / len(x))
        if y is not None:
            figures.append(objective(recipe, net, weights, y)[0].item())
        epochs.append(figures)
        better = y is None or figures[-1] < best
        if better:
            best, best_epoch = figures[-1], epoch
        if better or not keep_best:
            kept = {name: p.detach().numpy().astype(np.float32) for name, p in weights.items()}
        if epoch - best_epoch == int(recipe.get("patience", 0)) > 0:
            break
    return epochs, kept


def differ(some, others):
    """Largest and median relative difference of two runs' losses."""
    a, b = np.array(some)[:, 1:], np.array(others)[:, 1:]
    relative = np.abs(a - b) / np.abs(b)
    return relative.max(), np.median(relative)


def write_recipe(path, recipe):
    keys = {**recipe, "train": "../data/" + recipe["train"], "init_from": "init.safetensors"}
    keys["shuffle"] = "false"
    keys.pop("spread", None)
    with open(path, "w") as out:
        for section, names in SECTIONS.items():
            out.write(("\n" if section != "data" else "") + f"[{section}]\n")
            out.writelines(f"{name} = {keys.pop(name)}\n" for name in names if name in keys)
    assert not keys, keys


def write_run(folder, name, recipe, start, epochs, kept):
    os.makedirs(folder, exist_ok=True)
    write_recipe(os.path.join(folder, "recipe.ini"), recipe)
    safetensors.numpy.save_file(start, os.path.join(folder, "init.safetensors"))
    safetensors.numpy.save_file(kept, os.path.join(folder, "final.safetensors"))
    with open(os.path.join(folder, "epochs.csv"), "w") as out:
        names = ["epoch", "train_loss", "train_reconstruction", "validation_loss"]
        out.write(",".join(names[:len(epochs[0])]) + "\n")
        for figures in epochs:
            out.write(",".join([str(figures[0])] + [f"{value:.12g}" for value in figures[1:]]) + "\n")


def make(folder, drift):
    torch.set_num_threads(1)
    if not drift:
        make_data(os.path.join(folder, "data"))
    for name, (_, recipe) in RUNS.items():
        rows, validation = split_rows(recipe, os.path.join(folder, "data"))
        net = build_net(recipe, rows.shape[1])
        start = starting_weights(name, net, float(recipe.get("spread", np.sqrt(6))))
        epochs, kept = train(recipe, net, start, rows, validation, torch.float64)
        assert np.isfinite(np.array(epochs)).all(), name
        other, _ = train(recipe, net, start, rows, validation, torch.float64, by_torch=True)
        largest, _ = differ(other, epochs)
        assert largest < 1e-9, f"{name}: torch.optim differs by {largest}"
        if drift:
            single, weights = train(recipe, net, start, rows, validation, torch.float32)
            largest, median = differ(single, epochs)
            apart = max(np.abs(weights[key] - kept[key]).max() / np.abs(kept[key]).max() for key in kept)
            print(f"{name:24} losses {largest:.1e} median {median:.1e} weights {apart:.1e}   "
                  f"{epochs[0][1]:.5f} to {epochs[-1][1]:.5f}")
        else:
            write_run(os.path.join(folder, name), name, recipe, start, epochs, kept)
    if not drift:
        with open(os.path.join(folder, "runs.csv"), "w") as out:
            out.write("run,what\n")
            out.writelines(f'{name},"{what}"\n' for name, (what, _) in RUNS.items())


if __name__ == "__main__":
    asked = sys.argv[1:]
    make(next((word for word in asked if word != "--drift"), HERE), "--drift" in asked)
