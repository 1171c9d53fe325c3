"""Makes the reference runs beside this file: what Cinch's training must follow, in float64, with PyTorch.

    python make.py [FOLDER]     writes data/, runs.csv and a folder a run; FOLDER is this one by default
    python make.py --drift      writes nothing; prints how far PyTorch in float32 strays from each run

Needs numpy, torch and safetensors. A run's folder holds

    recipe.ini          what to train; its data lies in ../data
    init.safetensors    the starting weights, float32
    epochs.csv          epoch,train_loss,train_reconstruction and validation_loss where there is validation
    final.safetensors   the weights that the recipe's `keep` asks for, rounded to float32

Everything between the starting weights and the files is float64. Activations, convolutions, losses and
gradients are PyTorch's. The optimizers are written out from their equations, and each is held to
torch.optim's, each deconv to the gradient of its conv; tests/judges/judge_keras.py holds padding to Keras's.
Nothing is drawn but the data and the starting weights, from numpy's frozen RandomState: the files are the
same anywhere.
"""
import collections
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


def pictures(rows, height, width, channels, seed):
    """rows x height x width x channels numbers in (0, 1): two bumps a picture, each with its own colour."""
    random = np.random.RandomState(seed)
    places, sizes = random.random_sample((2, 2, rows, 1, 1)), random.random_sample((2, rows, 1, 1))
    colours = random.random_sample((2, channels, rows, 1, 1))
    noise = random.random_sample((channels, rows, height, width))
    y = (np.arange(height) / (height - 1))[None, :, None]
    x = (np.arange(width) / (width - 1))[None, None, :]
    values = 0.1 * noise
    for place, size, colour in zip(places, 0.1 + 0.2 * sizes, colours):
        bump = 1 / (1 + ((y - place[0]) ** 2 + (x - place[1]) ** 2) / (size * size))
        values = values + 0.45 * colour * bump
    return np.round(np.moveaxis(values, 0, 3), 5)


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
    save("grays.npy", (255 * pictures(67, 7, 9, 1, 8)[..., 0]).astype(np.uint8))
    save("colours.npy", (255 * pictures(83, 6, 5, 3, 9)).astype(np.uint8))
    save("fields.npy", (3 * pictures(61, 9, 8, 2, 10) - 1).astype(np.float32))
    save("flats.npy", (255 * pictures(71, 8, 4, 2, 11)).astype(np.uint8).reshape(71, 64))
    wide = np.round(1000 * (mixture(127, 7) - 0.3) * np.logspace(-3, 3, 20), 4)
    wide[:, 11] = 41.5
    save("doubles.npy", wide)
    save_table(os.path.join(folder, "table.csv"))


def read_shape(text):
    return tuple(int(size) for size in text.split("x"))


def load_rows(path, recipe):
    """(all rows, flattened, in the file's type, a table's in double; a row's shape).

    Label and unasked columns are left out. Images, and flat rows that `input` makes images, count H, W, C.
    """
    if path.endswith(".csv"):
        with open(path) as lines:
            names = lines.readline().strip().split(",")
            cells = [line.strip().split(",") for line in lines]
        wanted = recipe["columns"].split(",") if "columns" in recipe else names
        kept = [names.index(name) for name in wanted if name != recipe.get("label")]
        return np.array([[float(row[i]) for i in kept] for row in cells]), (len(kept),)
    rows = np.load(path)
    shape = rows.shape[1:] + (1,) if rows.ndim == 3 else rows.shape[1:]
    rows = rows.reshape(len(rows), -1)
    if "columns" in recipe:
        kept = []
        for part in recipe["columns"].split(","):
            first, _, last = part.partition("-")
            kept += range(int(first), int(last or first) + 1)
        rows, shape = rows[:, kept], (len(kept),)
    return rows, read_shape(recipe["input"]) if "input" in recipe else shape


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

# Images: N x 7 x 9, N x 6 x 5 x 3, N x 9 x 8 x 2 and, flat in the file, 8 x 4 x 2. Mostly tanh and its like:
# where float32 falls on the other side of a kink, it strays without being wrong.
GRAYS = dict(train="grays.npy", batch="7", epochs="5", optimizer="adam lr=0.01")   # nine of 7 and one of 4
COLOURS = dict(train="colours.npy", batch="37", epochs="6", optimizer="adam lr=0.02")
FIELDS = dict(train="fields.npy", scale="none", batch="20", epochs="6", optimizer="adam lr=0.02")
FLATS = dict(train="flats.npy", input="8x4x2", batch="9", epochs="5", optimizer="adam lr=0.01")

run("conv-three", "3x3 kernels, same", GRAYS, encoder="conv 4 3x3 tanh", decoder="conv 1 3x3 sigmoid")
run("conv-five", "5x5 kernels, sgd with momentum", GRAYS, optimizer="sgd lr=0.1 momentum=0.8",
    encoder="conv 3 5x5 silu", decoder="conv 1 5x5")
run("conv-even", "even kernels: the odd cell of same's padding comes after", GRAYS,
    encoder="conv 3 2x2 elu | conv 2 4x3 tanh", decoder="conv 3 3x4 gelu | conv 1 2x2 sigmoid")
run("conv-channels", "3 -> 5 -> 2 channels and back, bytes of three channels by their maximum", COLOURS,
    encoder="conv 5 3x3 softplus | conv 2 3x3 tanh", decoder="conv 5 3x3 selu | conv 3 3x3 sigmoid")
run("conv-one-cell", "1x1, 1x3 and 2x1 kernels, one batch of all rows", COLOURS, batch="100", epochs="12",
    optimizer="adam lr=0.05", encoder="conv 4 1x1 softplus | conv 2 1x3",
    decoder="conv 4 2x1 tanh | conv 3 1x1")
run("conv-stride", "stride 2 and same, on odd and even sizes", GRAYS,
    encoder="conv 4 3x3 tanh stride=2 | conv 3 2x3 tanh stride=2",
    decoder="upsample 2 | conv 3 3x3 elu | upsample 2 | conv 1 2x4 sigmoid pad=valid")
run("conv-stride-even", "strides 3 and 2 with even kernels, one smaller than its stride", FIELDS,
    encoder="conv 5 2x2 tanh stride=3 | conv 4 4x2 tanh stride=2",
    decoder="upsample 2 | conv 4 2x3 silu | upsample 3 | conv 2 4x5 pad=valid")
run("conv-valid", "valid, a tall kernel among them", FIELDS,
    encoder="conv 4 3x3 silu pad=valid | conv 3 2x4 tanh pad=valid",
    decoder="upsample 3 | conv 2 10x2 pad=valid")
run("conv-valid-stride", "valid with stride 2 and 3: the last cells are left over", FIELDS,
    encoder="conv 4 3x3 tanh stride=2 pad=valid", decoder="upsample 3 | conv 3 2x2 tanh stride=3 pad=valid | "
    "upsample 3 | conv 2 4x2 pad=valid")
run("conv-wide-kernel", "kernels larger than the image", GRAYS,
    encoder="avgpool 3 | conv 2 5x5 tanh", decoder="conv 2 4x6 tanh | upsample 3 | conv 1 3x1 pad=valid")
run("conv-adadelta", "relu, maxpool, upsample and adadelta, at odd sizes", GRAYS, epochs="8",
    optimizer="adadelta eps=1e-4", encoder="conv 6 3x3 relu | maxpool 2 | conv 2 3x3 relu | maxpool 2",
    decoder="conv 2 3x3 relu | upsample 2 | conv 6 3x3 relu | upsample 2 | conv 1 2x4 pad=valid")
run("conv-bce", "bce of images", COLOURS, loss="bce", encoder="conv 4 3x3 elu stride=2",
    decoder="upsample 2 | conv 3 3x4 silu | conv 3 1x2 sigmoid pad=valid")
run("conv-mae", "mae of images", FIELDS, loss="mae", optimizer="sgd lr=0.05", encoder="conv 3 3x2 tanh",
    decoder="conv 2 2x3")
run("conv-activity", "activity_l1 on a code that is an image, weight_l1 and weight_l2 on kernels", COLOURS,
    penalty="activity_l1 0.0005 | weight_l1 0.0002 | weight_l2 0.001", encoder="conv 4 3x3 tanh | avgpool 2",
    decoder="upsample 2 | conv 3 3x4 sigmoid | conv 3 1x2 pad=valid")
run("conv-validation", "a validation share of images, standard fitted on what it leaves, a limit", FIELDS,
    scale="standard", validation="0.2", limit="59", keep="last", encoder="conv 4 3x3 tanh | avgpool 2",
    decoder="upsample 2 | conv 2 2x3 tanh | conv 2 2x1 pad=valid")
run("conv-flat-data", "flat rows that `input` makes images of, minmax by column", FLATS, scale="minmax",
    encoder="conv 3 3x2 gelu | maxpool 2", decoder="conv 4 2x3 tanh | upsample 2 | conv 2 3x3 sigmoid")
run("conv-sparse", "kl_sparsity of an image's every cell", GRAYS, penalty="kl_sparsity 0.2 0.002",
    encoder="conv 3 3x3 sigmoid stride=3",
    decoder="upsample 3 | conv 2 3x1 tanh pad=valid | conv 1 3x3 sigmoid")

run("maxpool-two", "maxpool 2 of 7x9", GRAYS, encoder="conv 4 3x3 tanh | maxpool 2",
    decoder="upsample 2 | conv 1 2x2 pad=valid")
run("maxpool-three", "maxpool 3 of 9x8 and of 3x3", FIELDS, encoder="conv 4 2x2 tanh | maxpool 3",
    decoder="conv 4 3x3 tanh | upsample 3 | conv 2 3x3 | conv 2 1x2 pad=valid")
run("maxpool-four", "maxpool 4 of 7x9: padding on both sides", GRAYS, encoder="conv 3 3x3 leaky | maxpool 4",
    decoder="upsample 4 | conv 2 1x3 tanh pad=valid | conv 1 2x2 pad=valid")
run("avgpool-two", "avgpool 2 of 7x9: no mean of padding", GRAYS, encoder="conv 4 3x3 tanh | avgpool 2",
    decoder="upsample 2 | conv 1 2x2 sigmoid pad=valid")
run("avgpool-three", "avgpool 3 of 7x9 and 8x9, pools within the decoder", GRAYS,
    encoder="conv 4 3x3 silu | avgpool 3", decoder="upsample 3 | conv 3 2x1 tanh pad=valid | avgpool 3 | "
    "upsample 3 | conv 1 3x1 pad=valid")
run("avgpool-first", "pools before the first weights; avgpool 2 of 6x5, then 3 of 3x3", COLOURS,
    encoder="avgpool 2 | conv 6 3x3 tanh | maxpool 2", decoder="conv 5 2x2 elu | upsample 2 | avgpool 2 | "
    "upsample 3 | conv 3 1x2 sigmoid pad=valid")
run("upsample-three", "upsample 3, and 2 after it", GRAYS, encoder="conv 4 3x3 tanh stride=3 | avgpool 3",
    decoder="upsample 3 | conv 3 2x2 softplus | upsample 2 | upsample 2 | conv 1 6x4 pad=valid")

run("deconv-three", "deconv 3x3, stride 2 by default", GRAYS, encoder="conv 4 3x3 tanh stride=2",
    decoder="deconv 3 3x3 elu | conv 1 2x2 sigmoid pad=valid")
run("deconv-two", "deconv 2x2 of stride 2, several channels", COLOURS, encoder="conv 5 3x3 silu | avgpool 2",
    decoder="deconv 4 2x2 tanh stride=2 | conv 3 1x2 pad=valid")
run("deconv-five", "deconv 5x5 and 4x3 of stride 3", FIELDS, encoder="conv 4 3x3 tanh stride=3",
    decoder="deconv 3 5x5 tanh stride=3 | conv 2 4x2 tanh stride=3 | deconv 2 4x3 stride=3 | "
    "conv 2 1x2 pad=valid")
run("deconv-one", "deconv of stride 1: 3x3, 2x2 and 4x3", COLOURS, encoder="conv 3 3x3 tanh",
    decoder="deconv 4 2x2 silu stride=1 | deconv 4 4x3 tanh stride=1 | deconv 3 3x3 sigmoid stride=1")
run("deconv-gaps", "deconv 1x2 of stride 2 and 2x2 of stride 3: cells that no kernel meets", FIELDS,
    encoder="avgpool 3 | conv 4 3x3 tanh", decoder="deconv 3 2x2 tanh stride=3 | conv 2 1x2 tanh pad=valid | "
    "deconv 2 1x2 gelu | conv 2 3x3 stride=2")
run("deconv-encoder", "deconv in the encoder, its image pooled again", GRAYS,
    encoder="deconv 3 3x3 tanh | avgpool 3", decoder="upsample 2 | deconv 2 3x2 tanh stride=1 | "
    "conv 1 4x4 pad=valid")

run("dense-conv", "conv, maxpool, a dense code and back by reshape", GRAYS, epochs="6",
    encoder="conv 4 3x3 tanh | maxpool 2 | dense 6",
    decoder="dense 80 tanh | reshape 4x5x4 | upsample 2 | conv 1 2x2 sigmoid pad=valid")
run("dense-image", "a dense layer takes an image as C, H, W, reshape makes one so", COLOURS,
    encoder="dense 8 tanh", decoder="dense 90 sigmoid | reshape 6x5x3")
run("dense-image-bce", "bce through a reshape, dense between convs, adadelta", COLOURS, loss="bce",
    optimizer="adadelta", encoder="conv 2 3x3 elu | dense 12 softplus | dense 7",
    decoder="dense 24 silu | reshape 3x4x2 | conv 3 2x2 tanh | dense 90 sigmoid | reshape 6x5x3")
run("dense-valid", "valid convs into dense, standard by column", FIELDS, scale="standard",
    encoder="conv 3 4x3 tanh stride=2 pad=valid | dense 5 tanh",
    decoder="dense 27 | reshape 3x3x3 | deconv 2 3x3 stride=3 | conv 2 1x2 pad=valid")

run("mirror-conv", "mirror of conv and maxpool, the code an image", FLATS, decoder="mirror sigmoid",
    encoder="conv 4 3x3 elu | maxpool 2 | conv 2 2x3 tanh")
run("mirror-relu", "mirror of a net of relu and pools, its code pooled", FLATS, decoder="mirror",
    encoder="conv 5 3x3 relu | maxpool 2 | conv 3 3x3 relu | avgpool 2")
run("mirror-stride", "mirror of strides: deconv, else conv", FLATS, decoder="mirror sigmoid",
    encoder="conv 4 3x3 silu stride=2 | conv 3 4x2 tanh | conv 2 2x2 softplus stride=2")
run("mirror-dense", "mirror of conv and dense: dense, reshape, conv", COLOURS, decoder="mirror sigmoid",
    encoder="conv 4 3x3 tanh | conv 2 2x2 gelu | dense 9 tanh | dense 5")
run("mirror-images", "mirror of dense layers over coloured images", COLOURS, decoder="mirror sigmoid",
    encoder="dense 12 silu | dense 5 tanh")

TIED = dict(BYTES, optimizer="adam lr=0.005")
run("tied-one", "tied: one matrix, used twice", BYTES, encoder="dense 6 sigmoid", decoder="tied linear",
    optimizer="sgd lr=0.3")
run("tied-wider", "tied over 13 rows a batch, momentum, a code wider than the input", FLOATS, batch="13",
    scale="standard", encoder="dense 23 tanh", decoder="tied linear", optimizer="sgd lr=0.05 momentum=0.9")
run("tied-adam", "tied, a sigmoid output, bce", TIED, encoder="dense 8 softplus", decoder="tied sigmoid",
    loss="bce")
run("tied-two", "tied: two layers, an activation each", TIED, encoder="dense 12 tanh | dense 5",
    decoder="tied elu sigmoid")
run("tied-repeats", "tied: the last activation repeats", TIED, decoder="tied tanh linear",
    encoder="dense 13 tanh | dense 9 silu | dense 4")
run("tied-weight-l2", "weight_l2 counts a tied matrix once", TIED, penalty="weight_l2 0.004",
    encoder="dense 10 tanh | dense 6 sigmoid", decoder="tied tanh linear",
    optimizer="sgd lr=0.1 momentum=0.8")
run("tied-together", "tied under weight_l1, activity_l1 and contractive, with validation", TIED,
    penalty="weight_l1 0.0003 | activity_l1 0.001 | contractive 0.002", encoder="dense 9 sigmoid",
    decoder="tied sigmoid", validation="0.15", keep="last", optimizer="sgd lr=0.7 momentum=0.7")

for act in "sigmoid", "tanh", "softplus", "gelu":
    run(f"contractive-{act}", f"contractive, a code of {act}", BYTES, encoder=f"dense 7 {act}",
        decoder="dense 20 sigmoid", penalty="contractive 0.01", optimizer="adam lr=0.01")
run("contractive-linear", "contractive of a linear code: the weights' squares", FLOATS, scale="standard",
    encoder="dense 6", decoder="dense 20", penalty="contractive 0.02", optimizer="sgd lr=0.1")
run("contractive-relu", "contractive of a relu code, rows of another scale", SHORTS, scale="standard",
    encoder="dense 6 relu", decoder="dense 20", penalty="contractive 0.01",
    optimizer="sgd lr=0.3 momentum=0.5")
run("contractive-two", "contractive at two layers", BYTES, encoder="dense 11 tanh | dense 5 sigmoid",
    decoder="dense 11 tanh | dense 20 sigmoid", penalty="contractive 0.02", optimizer="adam lr=0.01")
run("contractive-two-wide", "contractive at two layers, the second wider, weight_l2, validation", BYTES,
    encoder="dense 6 softplus | dense 14 gelu", decoder="mirror sigmoid", validation="0.1", keep="last",
    penalty="contractive 0.004 | weight_l2 0.0005", optimizer="adam lr=0.005")
run("contractive-three", "contractive at three layers, the last linear", FLOATS, scale="standard",
    encoder="dense 12 elu | dense 8 silu | dense 4", decoder="mirror", penalty="contractive 0.01",
    optimizer="sgd lr=0.05 momentum=0.5")
run("contractive-images", "contractive of images of three channels", COLOURS, encoder="dense 6 tanh",
    decoder="mirror sigmoid", penalty="contractive 0.003")

run("sparsity", "kl_sparsity", BYTES, encoder="dense 16 sigmoid", decoder="dense 20 sigmoid",
    penalty="kl_sparsity 0.1 0.005", optimizer="adam lr=0.01")
run("sparsity-weight-l2", "kl_sparsity with weight_l2, a last batch of its own mean activations", FLOATS,
    scale="standard", encoder="dense 24 sigmoid", decoder="dense 20", penalty="kl_sparsity 0.05 0.02 | "
    "weight_l2 0.001", optimizer="sgd lr=0.2 momentum=0.5")
run("sparsity-deep", "kl_sparsity acts on the waist alone, rho above the activations", BYTES, loss="bce",
    encoder="dense 14 tanh | dense 9 sigmoid", decoder="mirror sigmoid", penalty="kl_sparsity 0.8 0.01",
    optimizer="adam lr=0.005")
run("sparsity-tied", "kl_sparsity of a tied code", BYTES, encoder="dense 12 sigmoid", decoder="tied linear",
    penalty="kl_sparsity 0.2 0.01", optimizer="rmsprop lr=0.003")


# ---- What the recipes' words mean --------------------------------------------------------------------------

ACTIVATE = {
    "linear": lambda z: z, "relu": F.relu, "leaky": lambda z: F.leaky_relu(z, 0.01), "sigmoid": torch.sigmoid,
    "tanh": torch.tanh, "elu": F.elu, "selu": F.selu, "gelu": F.gelu, "silu": F.silu, "softplus": F.softplus,
}
LOSSES = {
    "mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss, "bce": F.binary_cross_entropy_with_logits,
}


# ---- The net: a row is (features,) or (H, W, C); inside, images are PyTorch's N x C x H x W ----------------

# inputs, outputs: a row's shape; act: None where it has none; tied: the encoder's layer whose weight it uses.
Layer = collections.namedtuple("Layer", "name kind inputs outputs act kernel stride same tied",
                               defaults=[None, None, 1, True, None])


def read_specs(pipeline):
    """[(kind, values, named options)]: `conv 4 3x3 relu stride=2` is (conv, [4, 3x3, relu], {stride: 2})."""
    specs = []
    for spec in pipeline.split("|"):
        kind, *words = spec.split()
        values = [word for word in words if "=" not in word]
        specs.append((kind, values, dict(word.split("=") for word in words if "=" in word)))
    return specs


def same_size(size, stride):
    return -(-size // stride)


def make_layer(name, spec, inputs):
    kind, values, named = spec
    if kind == "dense":
        return Layer(name, kind, inputs, (int(values[0]),), (values + ["linear"])[1])
    if kind == "reshape":
        shape = read_shape(values[0])
        assert np.prod(shape) == np.prod(inputs)
        return Layer(name, kind, inputs, shape)
    height, width, channels = inputs
    if kind == "upsample":
        times = int(values[0])
        return Layer(name, kind, inputs, (height * times, width * times, channels), None, None, times)
    if kind in ("maxpool", "avgpool"):
        kernel, stride, act = (int(values[0]),) * 2, int(values[0]), None
    else:
        channels, kernel, act = int(values[0]), read_shape(values[1]), (values + ["linear"])[2]
        stride = int(named.get("stride", 2 if kind == "deconv" else 1))
    same = named.get("pad", "same") == "same"
    if kind == "deconv":
        outputs = height * stride, width * stride, channels
    elif same:
        outputs = same_size(height, stride), same_size(width, stride), channels
    else:
        outputs = (height - kernel[0]) // stride + 1, (width - kernel[1]) // stride + 1, channels
    return Layer(name, kind, inputs, outputs, act, kernel, stride, same)


def mirror_specs(encoder, act):
    """The encoder's layers from last to first, each with the activation of the one before it that has one."""
    specs = []
    for i in reversed(range(len(encoder))):
        layer = encoder[i]
        before = next((other.act for other in reversed(encoder[:i]) if other.act), act)
        shape = "x".join(map(str, layer.inputs))
        if layer.kind == "dense":
            specs.append(("dense", [np.prod(layer.inputs), before], {}))
            if len(layer.inputs) == 3:
                specs.append(("reshape", [shape], {}))
        elif layer.kind == "conv":
            kernel = "x".join(map(str, layer.kernel))
            kind = "conv" if layer.stride == 1 else "deconv"
            specs.append((kind, [layer.inputs[2], kernel, before], {"stride": layer.stride}))
        else:
            assert layer.kind in ("maxpool", "avgpool")
            specs.append(("upsample", [layer.stride], {}))
    return specs


def build_net(recipe, shape):
    """Layers of both pipelines; the input's shape is what comes out, or as many features."""

    def chain(pipeline, specs, inputs):
        layers = []
        for i, spec in enumerate(specs):
            layers.append(make_layer(f"{pipeline}.{i}", spec, inputs))
            inputs = layers[-1].outputs
        return layers

    encoder = chain("encoder", read_specs(recipe["encoder"]), shape)
    words = recipe.get("decoder", "mirror").split()
    if words[0] == "mirror":
        specs = mirror_specs(encoder, words[1] if len(words) > 1 else "linear")
        decoder = chain("decoder", specs, encoder[-1].outputs)
    elif words[0] == "tied":
        acts = words[1:] + words[-1:] * len(encoder)
        decoder = [Layer(f"decoder.{i}", "dense", layer.outputs, layer.inputs, acts[i], tied=layer.name)
                   for i, layer in enumerate(reversed(encoder))]
    else:
        decoder = chain("decoder", read_specs(recipe["decoder"]), encoder[-1].outputs)
    outputs = decoder[-1].outputs
    assert outputs == shape or outputs == (np.prod(shape),) and (len(shape) == 1 or shape[2] == 1), outputs
    return encoder + decoder


def padding(layer):
    """[left, right, top, bottom] of `same`: total = max((out - 1) stride + k - in, 0), its half before.

    A deconv's are what its conv, from the larger image to the smaller, would add.
    """
    if not layer.same:
        return [0, 0, 0, 0]
    large, small = (layer.outputs, layer.inputs) if layer.kind == "deconv" else (layer.inputs, layer.outputs)
    pads = []
    for side in 1, 0:
        total = max((small[side] - 1) * layer.stride + layer.kernel[side] - large[side], 0)
        pads += [total // 2, total - total // 2]
    return pads


def convolve(layer, x, weight, bias):
    return F.conv2d(F.pad(x, padding(layer)), weight, bias, stride=layer.stride)


def convolve_back(layer, x, weight, bias):
    """The full transposed convolution less its conv's padding; cells that no kernel meets are bias."""
    height, width, _ = layer.outputs
    left, _, top, _ = padding(layer)
    full = F.conv_transpose2d(x, weight, stride=layer.stride)
    full = F.pad(full, [0, max(0, left + width - full.shape[3]), 0, max(0, top + height - full.shape[2])])
    return full[:, :, top:top + height, left:left + width] + bias[:, None, None]


def hold_deconv(layer, random):
    """A deconv is the gradient of the `same` conv with that stride."""

    def draw(height, width, channels):
        return torch.tensor(random.random_sample((3, channels, height, width)))

    conv = Layer("", "conv", layer.outputs, layer.inputs, None, layer.kernel, layer.stride)
    small, large = draw(*layer.inputs), draw(*layer.outputs).requires_grad_()
    weight = torch.tensor(random.random_sample((layer.inputs[2], layer.outputs[2]) + layer.kernel))
    expected, = torch.autograd.grad(convolve(conv, large, weight, None), large, small)
    found = convolve_back(layer, small, weight, torch.zeros(layer.outputs[2], dtype=torch.float64))
    assert (found - expected).abs().max() < 1e-12, layer


def pool(layer, x):
    """Cells of padding are never a maximum and count in no mean; a stride as long as the window."""
    if layer.kind == "maxpool":
        return F.max_pool2d(F.pad(x, padding(layer), value=-np.inf), layer.kernel, layer.stride)
    cells = F.avg_pool2d(F.pad(torch.ones_like(x), padding(layer)), layer.kernel, layer.stride)
    return F.avg_pool2d(F.pad(x, padding(layer)), layer.kernel, layer.stride) / cells


def apply(layer, weights, x):
    """A layer's pre-activation. A dense layer takes an image as C, H, W, and reshape makes one of C, H, W."""
    if layer.kind == "reshape":
        height, width, channels = layer.outputs
        return x.reshape(len(x), channels, height, width)
    if layer.kind == "upsample":
        return x.repeat_interleave(layer.stride, 2).repeat_interleave(layer.stride, 3)
    if layer.kind in ("maxpool", "avgpool"):
        return pool(layer, x)
    weight = weights[layer.tied + ".weight"].T if layer.tied else weights[layer.name + ".weight"]
    bias = weights[layer.name + ".bias"]
    if layer.kind == "dense":
        return F.linear(x.flatten(1), weight, bias)
    return (convolve if layer.kind == "conv" else convolve_back)(layer, x, weight, bias)


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
    """Uniform by fan_in and fan_out, which for a kernel of h x w count its cells."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    weights = {}
    for layer in net:
        if layer.act is None:
            continue
        if layer.kind == "dense":
            shape, fans, outputs = (layer.outputs[0], np.prod(layer.inputs)), 1, layer.outputs[0]
        else:
            shape = (layer.inputs[2], layer.outputs[2]) + layer.kernel
            shape = (shape[1], shape[0]) + layer.kernel if layer.kind == "conv" else shape
            fans, outputs = np.prod(layer.kernel), layer.outputs[2]
        limit = spread / np.sqrt(fans * (shape[0] + shape[1]))
        if not layer.tied:
            weights[layer.name + ".weight"] = random.uniform(-limit, limit, shape).astype(np.float32)
        weights[layer.name + ".bias"] = random.uniform(-0.1, 0.1, outputs).astype(np.float32)
    return weights


def as_rows(x):
    """Images as rows that count H, W, C."""
    return x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x


def forward(net, weights, x):
    """(code, the output's pre-activation, the output), all as rows; x are rows that count H, W, C."""
    if len(net[0].inputs) == 3:
        x = x.reshape((len(x),) + net[0].inputs).permute(0, 3, 1, 2)
    code = z = None
    for layer in net:
        if layer.name == "decoder.0":
            code = as_rows(x)
        if layer.act:
            z = apply(layer, weights, x)
            x = ACTIVATE[layer.act](z)
        else:
            x = apply(layer, weights, x)
            z = apply(layer, weights, z) if layer.kind == "reshape" else None
    return code, None if z is None else as_rows(z), as_rows(x)


def squared_jacobian(net, weights, x):
    """Mean over rows of the squared Frobenius norm of d code / d row, code unit by code unit."""
    rows = x.detach().requires_grad_()
    code, _, _ = forward(net, weights, rows)
    slopes = (torch.autograd.grad(unit.sum(), rows, create_graph=True)[0] for unit in code.unbind(1))
    return sum((slope * slope).sum(1).mean() for slope in slopes)


def divergence(code, rho):
    """Of each code unit's mean over the batch from rho, summed over the units."""
    q = code.mean(0).clamp(1e-7, 1 - 1e-7)
    return (rho * (rho / q).log() + (1 - rho) * ((1 - rho) / (1 - q)).log()).sum()


def objective(recipe, net, weights, x):
    """(loss with penalties, without) of a batch."""
    code, logits, output = forward(net, weights, x)
    loss = recipe.get("loss", "mse")
    reconstruction = LOSSES[loss](logits if loss == "bce" else output, x)
    total = reconstruction
    matrices = [tensor for name, tensor in weights.items() if name.endswith(".weight")]
    for penalty in filter(None, recipe.get("penalty", "").split("|")):
        name, *values, weight = penalty.split()
        if name == "activity_l1":
            value = code.abs().sum(1).mean()
        elif name == "weight_l1":
            value = sum(w.abs().sum() for w in matrices)
        elif name == "weight_l2":
            value = sum((w * w).sum() for w in matrices)
        elif name == "contractive":
            value = squared_jacobian(net, weights, x)
        else:
            assert name == "kl_sparsity"
            value = divergence(code, float(values[0]))
        total = total + float(weight) * value
    return total, reconstruction


def split_rows(recipe, folder):
    """(training rows, validation rows or None, a row's shape), scaled, in float64."""
    rows, shape = load_rows(os.path.join(folder, recipe["train"]), recipe)
    rows = rows[:int(recipe.get("limit", len(rows)))]
    kept = int(np.floor(len(rows) * (1 - float(recipe.get("validation", 0)))))
    offset, scale = fit_scaler(recipe.get("scale", "auto"), rows[:kept])
    scaled = (rows.astype(np.float64) - offset) * scale
    return scaled[:kept], scaled[kept:] if kept < len(rows) else None, shape


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
        rows, validation, shape = split_rows(recipe, os.path.join(folder, "data"))
        net = build_net(recipe, shape)
        start = starting_weights(name, net, float(recipe.get("spread", np.sqrt(6))))
        for layer in net:
            if layer.kind == "deconv":
                hold_deconv(layer, np.random.RandomState(1))
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
