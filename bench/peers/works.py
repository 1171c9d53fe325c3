"""The works that every peer does: nets, optimizers and rows, said once; and how an epoch is timed.

A peer script is called as

    NAME_peer.py WORK [--mode MODE] [--threads 2] [--epochs 10] [--seconds 60] [--rows N] [--data FILE]

and prints one line of JSON: the best epoch's seconds, how many epochs there were, the first and the last one's
loss. It ends with status 77 where WORK is not for it. FILE is what `bench_works` hands to Cinch too: IDX or NPY.
"""
import argparse
import gzip
import json
import math
import sys
import time
from dataclasses import dataclass

import numpy as np

NOT_FOR_IT = 77


@dataclass
class Dense:
    """Dense layers: widths from the input to the output, an activation behind each but the input."""

    widths: tuple
    hidden: str
    output: str
    batch: int
    shuffle: bool
    optimizer: str  # and its settings
    settings: dict
    start: object  # (random, inputs, outputs) -> weights (inputs, outputs)

    def weights(self):
        random = np.random.default_rng(1)
        pairs = zip(self.widths, self.widths[1:])
        return [self.start(random, inputs, outputs).astype(np.float32) for inputs, outputs in pairs]

    def activations(self):
        return [self.hidden] * (len(self.widths) - 2) + [self.output]


def normal(deviation):
    return lambda random, inputs, outputs: random.normal(0, deviation, (inputs, outputs))


def uniform(limit):
    return lambda random, inputs, outputs: random.uniform(-limit, limit, (inputs, outputs))


def glorot(random, inputs, outputs):
    return uniform(math.sqrt(6 / (inputs + outputs)))(random, inputs, outputs)


DENSE = {
    "mnist-dense": Dense((784, 32, 784), "relu", "sigmoid", 200, False,
                         "adadelta", dict(lr=1.0, rho=0.95, eps=1e-6), normal(0.01)),
    "mnist-deep": Dense((784, 100, 50, 50, 100, 784), "sigmoid", "sigmoid", 100, True,
                        "adam", dict(lr=0.002), uniform(1)),
    "dense-sgd": Dense((784, 128, 64, 32, 64, 128, 784), "relu", "relu", 32, True,
                       "sgd", dict(lr=0.001), glorot),
}

# The convolutions of mnist-conv, each 3 x 3 with padding: channels in and out, and what comes behind.
CONVOLUTIONS = [(1, 16, "relu", "pool"), (16, 1, "relu", "pool"), (1, 1, "relu", "upsample"),
                (1, 16, "relu", "upsample"), (16, 1, None, None)]
CONV_BATCH = 64
CONV_OPTIMIZER = dict(lr=1.0, rho=0.95, eps=1e-7)

TIED_RATE, TIED_MOMENTUM = 0.1, 0.9
TIED_ITERATIONS = 1000  # of an "epoch", so that no peer is held up by the clock


def convolution_weights():
    """(out, in, 3, 3) each, as PyTorch and ONNX have them."""
    random = np.random.default_rng(1)
    shapes = [(outputs, inputs, 3, 3) for inputs, outputs, _, _ in CONVOLUTIONS]
    limits = [math.sqrt(6 / (9 * (shape[0] + shape[1]))) for shape in shapes]
    return [random.uniform(-limit, limit, shape).astype(np.float32) for limit, shape in zip(limits, shapes)]


def tied_weight():
    return (np.random.default_rng(1).normal(0, 1, (4, 2)) / math.sqrt(6)).astype(np.float32)


def load(path):
    """The file's array as it is: IDX of bytes, gzipped or not, or NPY."""
    with open(path, "rb") as file:
        head = file.read(6)
    if head == b"\x93NUMPY":
        return np.load(path)
    with (gzip.open if head[:2] == b"\x1f\x8b" else open)(path, "rb") as file:
        bytes_ = file.read()
    rank = bytes_[3]
    shape = np.frombuffer(bytes_, ">u4", rank, offset=4)
    return np.frombuffer(bytes_, np.uint8, offset=4 + 4 * rank).reshape(shape)


def pixels(arguments):
    """Rows of 784 floats between 0 and 1."""
    rows = load(arguments.data)[: arguments.rows]
    return rows.reshape(len(rows), -1).astype(np.float32) / 255


def donut(arguments):
    """The four columns of the donut, each between 0 and 1."""
    rows = load(arguments.data)[: arguments.rows, :4].astype(np.float64)
    low, high = rows.min(axis=0), rows.max(axis=0)
    return ((rows - low) / (high - low)).astype(np.float32)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--mode", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--data", required=True)
    return parser.parse_args()


def not_for_it():
    sys.exit(NOT_FOR_IT)


def print_result(peer, work, best, count, losses=()):
    losses = [float(loss) for loss in losses]
    print(json.dumps(dict(peer=peer, work=work, seconds=best, epochs=count, first_loss=losses[0] if losses else None,
                          last_loss=losses[-1] if losses else None)), flush=True)


def time_epochs(peer, arguments, epoch, parts=1):
    """Calls epoch() -> loss once to warm up and then as often as asked, two times at least; one epoch's best
    time, divided by its parts."""
    losses, best, count = [epoch()], math.inf, 0
    began = time.perf_counter()
    while count < arguments.epochs and (count < 2 or time.perf_counter() - began < arguments.seconds):
        start = time.perf_counter()
        losses.append(float(epoch()))
        best = min(best, time.perf_counter() - start)
        count += 1
    print_result(peer, arguments.work, best / parts, count, losses)


def time_answers(peer, arguments, answer):
    """The same for a net's answers: answer(rows) -> rows, from numpy to numpy, all rows at once or, in row-dense,
    the first again and again."""
    rows = pixels(arguments)
    repeats = 1
    if arguments.work == "row-dense":
        rows, repeats = rows[:1], 1000
    if arguments.work == "rows-conv":
        rows = rows.reshape(-1, 1, 28, 28)
    best, count = math.inf, 0
    began = time.perf_counter()
    answer(rows)
    while count < 2 * arguments.epochs and (count < 2 or time.perf_counter() - began < arguments.seconds):
        start = time.perf_counter()
        for _ in range(repeats):
            answer(rows)
        best = min(best, (time.perf_counter() - start) / repeats)
        count += 1
    print_result(peer, arguments.work, best, count)
