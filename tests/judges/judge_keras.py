"""Keras judges what images are made of: shapes, counts of parameters, padding.

`cinch info --json` of a trained model must show what Keras's model.summary() prints of the same net, layer by
layer: output shape and count of parameters; among them the nets of recipes. And the layers of
tests/reference/make.py, which the reference runs stand on, must be Keras's to 1e-10 on odd and even sizes.
"""
import itertools
import json
import os
import re
import sys

from judging import REFERENCE, ROOT, attempt, cinch, finish, read_recipe, temporary_folder

os.environ["KERAS_BACKEND"] = "torch"
os.environ["KERAS_HOME"] = os.path.join(ROOT, "build", "keras")   # else it writes into the user's home
os.environ["COLUMNS"] = "100"   # which the summary's table is cut to
sys.dont_write_bytecode = True
sys.path.insert(0, REFERENCE)

import keras   # noqa: E402
import make   # noqa: E402
import numpy as np   # noqa: E402
import torch   # noqa: E402

# ---- cinch info beside model.summary() ---------------------------------------------------------------------

RECIPES = ["mnist-dense", "mnist-deep", "mnist-dense-deep", "mnist-conv"]
NETS = {   # name: (a row's shape, encoder, decoder)
    "article": ((28, 28, 1), "conv 16 3x3 relu | maxpool 2 | conv 1 3x3 relu | maxpool 2",
                "conv 1 3x3 relu | upsample 2 | conv 16 3x3 relu | upsample 2 | conv 1 3x3"),
    "dense": ((20,), "dense 11 relu | dropout 0.2 | dense 5", "dense 20 sigmoid"),
    "even kernels": ((7, 9, 2), "conv 5 2x2 relu | conv 3 4x3 tanh", "conv 2 3x4 sigmoid"),
    "strides and odd sizes": (
        (7, 9, 1), "conv 4 3x3 stride=2 | conv 3 2x3 stride=2 | upsample 2",
        "upsample 2 | conv 1 2x4 pad=valid"),
    "valid with stride": (
        (9, 8, 2), "conv 4 3x3 stride=2 pad=valid | upsample 3",
        "conv 3 2x2 stride=3 pad=valid | upsample 3 | conv 2 4x2 pad=valid"),
    "pools of odd sizes": (
        (7, 10, 3), "conv 4 3x3 | maxpool 2 | avgpool 3 | maxpool 2",
        "upsample 7 | conv 3 1x5 stride=1 pad=valid | avgpool 2 | dense 210 | reshape 7x10x3"),
    "deconv": ((6, 9, 2), "conv 4 3x3 stride=3", "deconv 5 5x5 stride=3 | deconv 2 2x2 stride=1"),
    "convolution into dense and back": (
        (9, 7, 2), "conv 4 3x3 relu | maxpool 2 | dense 6",
        "dense 80 relu | reshape 5x4x4 | deconv 3 3x3 | conv 2 2x2 pad=valid"),
}


def keras_layer(kind, values, named):
    act = {"linear": None, "leaky": "leaky_relu"}
    if kind == "dense":
        word = (values + ["linear"])[1]
        return keras.layers.Dense(int(values[0]), activation=act.get(word, word))
    if kind in ("conv", "deconv"):
        word = (values + ["linear"])[2]
        make_layer = keras.layers.Conv2D if kind == "conv" else keras.layers.Conv2DTranspose
        return make_layer(int(values[0]), make.read_shape(values[1]), padding=named.get("pad", "same"),
                          strides=int(named.get("stride", 1 if kind == "conv" else 2)),
                          activation=act.get(word, word))
    if kind == "reshape":
        return keras.layers.Reshape(make.read_shape(values[0]))
    if kind == "dropout":
        return keras.layers.Dropout(float(values[0]))
    if kind == "upsample":
        return keras.layers.UpSampling2D(int(values[0]))
    pool = keras.layers.MaxPooling2D if kind == "maxpool" else keras.layers.AveragePooling2D
    return pool(int(values[0]), padding="same")


def keras_model(shape, specs):
    x = inputs = keras.Input(shape)
    for spec in specs:
        if spec[0] == "dense" and len(x.shape) == 4:
            x = keras.layers.Flatten()(x)   # implied in a pipeline
        x = keras_layer(*spec)(x)
    return keras.Model(inputs, x)


def read_summary(model):
    """[(output shape, parameters)] of the printed table's layers, input and Flatten left out; the total."""
    lines = []
    model.summary(print_fn=lambda text, **_: lines.extend(text.splitlines()))
    cells = [re.split("[│|┃]", line.strip("│|┃ ")) for line in lines]
    rows = [row for row in cells if len(row) == 3 and "(None" in row[1]]
    layers = [([int(size) for size in re.findall(r"\d+", shape)], int(count.replace(",", "")))
              for name, shape, count in rows if "(InputLayer)" not in name and "(Flatten)" not in name]
    total = next(line for line in lines if "Total params" in line)
    return layers, int(re.search(r"Total params: ([\d,]+)", total).group(1).replace(",", ""))


def info_differs(run, shape, specs):
    told = json.loads(cinch("info", os.path.join(run, "model.safetensors"), "--json"))
    ours = [(layer["output"], layer["params"]) for layer in told["layers"]]
    model = keras_model(shape, specs)
    theirs, total = read_summary(model)
    if len(theirs) != len(specs):
        return f"{len(theirs)} layers read from the summary, not {len(specs)}"
    for place, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return f"layer {place} ({told['layers'][place]['spec']}): {a}, not {b}"
    if len(ours) != len(theirs):
        return f"{len(ours)} layers, not {len(theirs)}"
    return None if told["params"] == total else f"params {told['params']}, not {total}"


def save_rows(folder, shape):
    path = os.path.join(folder, "rows.npy")
    np.save(path, np.random.RandomState(1).randint(0, 256, (32,) + shape).astype(np.uint8))
    return path


def judge_net(shape, encoder, decoder):
    with temporary_folder() as folder:
        run = os.path.join(folder, "run")
        cinch("train", "--train", save_rows(folder, shape), "--encoder", encoder, "--decoder", decoder,
              "--epochs", 1, "--quiet", "-o", run)
        return info_differs(run, shape, make.read_specs(encoder) + make.read_specs(decoder))


def judge_recipe(name):
    """The recipe on 32 rows instead of MNIST, for an epoch."""
    path = os.path.join(ROOT, "recipes", name + ".ini")
    with open(path) as file:
        recipe = read_recipe(file.read())
    with temporary_folder() as folder:
        run, rows = os.path.join(folder, "run"), save_rows(folder, (28, 28))
        cinch("train", path, "--train", rows, "--test", rows, "--epochs", 1, "--figures", "none", "--quiet",
              "-o", run)
        specs = make.read_specs(recipe["encoder"]) + make.read_specs(recipe["decoder"])
        return info_differs(run, make.read_shape(recipe.get("input", "28x28x1")), specs)


# ---- The reference's layers beside Keras's -----------------------------------------------------------------

SIZES = [(7, 9), (8, 8), (6, 5), (3, 10)]


def apart(ours, theirs):
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, not {theirs.shape}"
    difference = np.abs(ours - theirs).max()
    return None if difference < 1e-10 else f"{difference:.2g} apart"


def reference_layer(spec, inputs, weight, x):
    """make.py's layer on rows of H, W, C."""
    layer = make.make_layer("x", spec, inputs)
    weights = {"x.weight": weight, "x.bias": torch.zeros(layer.outputs[2], dtype=torch.float64)}
    return make.apply(layer, weights, torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()


def judge_convolution(kind, kernel, stride, pad):
    random = np.random.RandomState(2)
    for height, width in SIZES:
        x, weight = random.standard_normal((2, height, width, 3)), random.standard_normal((4, 3) + kernel)
        spec = kind, ["4", "x".join(map(str, kernel))], {"stride": stride, "pad": pad}
        if kind == "conv":
            ours = reference_layer(spec, (height, width, 3), torch.tensor(weight), x)
            theirs = keras.ops.conv(x, weight.transpose(2, 3, 1, 0), stride, pad)
        else:   # Keras keeps (h, w, out, in)
            ours = reference_layer(spec, (height, width, 3), torch.tensor(weight.transpose(1, 0, 2, 3)), x)
            theirs = keras.ops.conv_transpose(x, weight.transpose(2, 3, 0, 1), stride, pad)
        why = apart(ours, keras.ops.convert_to_numpy(theirs))
        if why:
            return f"{height}x{width}: {why}"
    return None


def keras_mean(x, size):
    """A convolution with ones, divided by how many cells it met.

    Keras's own average_pool repeats the border on PyTorch where the padding is uneven, other than TensorFlow.
    """
    ones = np.eye(x.shape[3])[None, None].repeat(size, 0).repeat(size, 1)
    sums, cells = (keras.ops.conv(values, ones, size, "same") for values in (x, np.ones_like(x)))
    return sums / cells


def judge_pool(kind, size):
    random = np.random.RandomState(3)
    for height, width in SIZES:
        x = random.standard_normal((2, height, width, 3))
        pooled = keras.ops.max_pool(x, size, size, "same") if kind == "maxpool" else keras_mean(x, size)
        theirs = keras.ops.convert_to_numpy(pooled)
        why = apart(reference_layer((kind, [str(size)], {}), (height, width, 3), None, x), theirs)
        if why:
            return f"{height}x{width}: {why}"
    return None


for name in RECIPES:
    attempt(f"info of {name}", judge_recipe, name)
for name, net in NETS.items():
    attempt(f"info: {name}", judge_net, *net)
for kernel, stride in itertools.product([(1, 1), (3, 3), (5, 5), (2, 2), (4, 3), (1, 2)], (1, 2, 3)):
    for kind, pad in ("conv", "same"), ("conv", "valid"), ("deconv", "same"):
        if not (pad == "valid" and kernel[0] > 3):
            words = f"reference: {kind} {kernel[0]}x{kernel[1]} stride={stride} pad={pad}"
            attempt(words, judge_convolution, kind, kernel, stride, pad)
for kind, size in itertools.product(("maxpool", "avgpool"), (2, 3, 4)):
    attempt(f"reference: {kind} {size}", judge_pool, kind, size)
sys.exit(finish())
