"""PyTorch as a peer of the sweep: makes a net from Cinch's own pipelines and times epochs of it.

One request a line on standard input, one answer a line on standard output, both JSON:

  {"do": "net", "shape": [28, 28, 1], "encoder": "dense 32 relu", "decoder": "dense 784 sigmoid",
   "optimizer": "adam", "batch": 200}          -> {"step": seconds of a step, "parameters": count}
  {"do": "data", "path": "rows.npy"}           -> {"rows": count}
  {"do": "epochs", "count": 5}                 -> {"seconds": [one an epoch]}

Eager, two threads (or the first argument's number), fused optimizers, rows in memory and in order. A net of
convolutions runs in the memory format, channels first or last, in which its steps are faster.
"""
import json
import math
import os
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = {"linear": None, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}

# ---- A pipeline as modules ---------------------------------------------------------------------------------


def with_activation(module, word):
    return [module] + ([ACTIVATIONS[word]()] if ACTIVATIONS[word] else [])


def dense(shape, values, _named):
    units = int(values[0])
    flat = [nn.Flatten()] if len(shape) == 3 else []
    return flat + with_activation(nn.Linear(math.prod(shape), units), (values + ["linear"])[1]), (units,)


def conv(shape, values, named):
    """Pads as many cells as TensorFlow's `same`. "same" only where they are uneven on the two sides."""
    channels, kernel, stride = int(values[0]), int(values[1].split("x")[0]), int(named.get("stride", 1))
    padding = "same" if stride == 1 and kernel % 2 == 0 else (kernel - 1) // 2
    module = nn.Conv2d(shape[0], channels, kernel, stride=stride, padding=padding)
    return (with_activation(module, (values + ["linear"] * 2)[2]),
            (channels, -(-shape[1] // stride), -(-shape[2] // stride)))


def deconv(shape, values, named):
    channels, kernel, stride = int(values[0]), int(values[1].split("x")[0]), int(named.get("stride", 2))
    padding = max(kernel - stride + 1, 0) // 2
    module = nn.ConvTranspose2d(shape[0], channels, kernel, stride=stride, padding=padding,
                                output_padding=2 * padding + stride - kernel)
    return (with_activation(module, (values + ["linear"] * 2)[2]),
            (channels, shape[1] * stride, shape[2] * stride))


def pool(module):
    def make(shape, values, _named):
        size = int(values[0])
        return [module(size)], (shape[0], shape[1] // size, shape[2] // size)
    return make


def upsample(shape, values, _named):
    times = int(values[0])
    return [nn.Upsample(scale_factor=times)], (shape[0], shape[1] * times, shape[2] * times)


def reshape(_shape, values, _named):
    height, width, channels = map(int, values[0].split("x"))
    return [nn.Unflatten(1, (channels, height, width))], (channels, height, width)


LAYERS = {"dense": dense, "conv": conv, "deconv": deconv, "maxpool": pool(nn.MaxPool2d),
          "avgpool": pool(nn.AvgPool2d), "upsample": upsample, "reshape": reshape}


def make_net(shape, pipeline):
    """shape: of a row, (width,) or (channels, height, width)."""
    modules = []
    for spec in pipeline.split("|"):
        name, *words = spec.split()
        values = [word for word in words if "=" not in word]
        named = dict(word.split("=") for word in words if "=" in word)
        more, shape = LAYERS[name](shape, values, named)
        modules += more
    return nn.Sequential(*modules)


OPTIMIZERS = {"adam": lambda parameters: torch.optim.Adam(parameters, lr=0.001, fused=True),
              "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.001, fused=True)}

# ---- What is asked -----------------------------------------------------------------------------------------


class Peer:
    def step(self, rows):
        self.optimizer.zero_grad(set_to_none=True)
        loss = functional.mse_loss(self.net(rows), rows)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def arrange(self, memory_format):
        """The net anew, its images in this format (None: rows are no images)."""
        torch.manual_seed(0)
        self.format = memory_format
        self.net = make_net(self.shape, self.pipeline)
        if memory_format:
            self.net = self.net.to(memory_format=memory_format)
        self.optimizer = OPTIMIZERS[self.name](self.net.parameters())

    def place(self, rows):
        return rows.contiguous(memory_format=self.format) if self.format else rows

    def time_step(self):
        """The best of some steps, the first one left out unless it is long."""
        rows = self.place(torch.rand(self.batch, *self.shape))
        best, spent = math.inf, 0.0
        for i in range(6):
            begin = time.perf_counter()
            self.step(rows)
            seconds = time.perf_counter() - begin
            best, spent = min(best, seconds), spent + seconds
            if spent > 0.5 and (i > 0 or spent > 3):
                break
        return best

    def do_net(self, ask):
        self.rows = self.net = self.optimizer = None
        height_width_channels = ask["shape"]
        image = len(height_width_channels) == 3
        self.shape = tuple(height_width_channels[2:] + height_width_channels[:2] if image
                           else height_width_channels)
        self.pipeline = ask["encoder"] + " | " + ask["decoder"]
        self.batch, self.name = ask["batch"], ask["optimizer"]
        formats = [torch.contiguous_format, torch.channels_last] if image else [None]
        steps = []
        for memory_format in formats:
            self.arrange(memory_format)
            steps.append(self.time_step())
        if len(formats) > 1 and steps[0] < steps[1]:
            self.arrange(formats[0])
        return {"step": min(steps), "parameters": sum(p.numel() for p in self.net.parameters())}

    def do_data(self, ask):
        rows = torch.from_numpy(np.load(ask["path"]))
        self.rows = self.place(rows.permute(0, 3, 1, 2) if rows.dim() == 4 else rows)
        return {"rows": len(self.rows)}

    def do_epochs(self, ask):
        seconds = []
        for _ in range(ask["count"]):
            begin, total = time.perf_counter(), torch.zeros(())
            for i in range(0, len(self.rows), self.batch):
                total += self.step(self.rows[i:i + self.batch])
            total.item()
            seconds.append(time.perf_counter() - begin)
        return {"seconds": seconds}


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)   # what a library prints goes elsewhere
    warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    peer = Peer()
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps(getattr(peer, "do_" + ask["do"])(ask)), file=answers)


main()
