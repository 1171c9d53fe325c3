"""The nets of the sweep: 100 drawn by a fixed seed, then the 16 corners of what they are drawn from.

Dense nets: widths 8-4096, depths 1-6, batches 1-4096. Convolutions: channels 1-64, kernels 1-7, images 8-64,
depths 1-6, batches 1-4096. Sizes are drawn evenly in their logarithm. A net whose step is more than the most
work below, or whose rows and weights are more memory, is drawn again: the corners alone go to the end of all.
"""
import math
import random

SEED, DRAWN = 7, 100
MOST_WORK = {"dense": 100e9, "conv": 10e9}   # multiplications and additions of one step
MOST_VALUES, MOST_WEIGHTS = 100e6, 50e6

# ---- Layers ------------------------------------------------------------------------------------------------
# A layer is its spec, the values it gives for a row, its weights, and its multiplications for a row.


def dense(inputs, units, activation):
    return f"dense {units} {activation}", units, (inputs + 1) * units, inputs * units


def conv(size, inputs, channels, kernel, activation, stride=1):
    """`size`: height and width of what comes in."""
    out = -(-size // stride)
    weights = inputs * channels * kernel * kernel
    spec = f"conv {channels} {kernel}x{kernel} {activation}" + (f" stride={stride}" if stride > 1 else "")
    return spec, out * out * channels, weights + channels, weights * out * out


def deconv(size, inputs, channels, kernel, activation):
    weights = inputs * channels * kernel * kernel
    return (f"deconv {channels} {kernel}x{kernel} {activation}", 4 * size * size * channels,
            weights + channels, weights * size * size)


def plain(spec, values):
    return spec, values, 0, 0


# ---- Nets --------------------------------------------------------------------------------------------------


class Net:
    def __init__(self, kind, title, shape, encoder, decoder, batch, optimizer):
        layers = encoder + decoder
        products = [layer[3] for layer in layers]
        self.kind, self.shape, self.batch, self.optimizer = kind, shape, batch, optimizer
        self.title = f"{title}, {optimizer}, batch {batch}"
        self.encoder = " | ".join(layer[0] for layer in encoder)
        self.decoder = " | ".join(layer[0] for layer in decoder)
        self.values = batch * (math.prod(shape) + sum(layer[1] for layer in layers))
        self.weights = sum(layer[2] for layer in layers)
        # Forward, weights' gradient, and the data's but for the first layer.
        self.work = batch * (6 * sum(products) - 2 * products[0])

    def fits(self):
        return (self.work <= MOST_WORK[self.kind] and self.values <= MOST_VALUES
                and self.weights <= MOST_WEIGHTS)


def dense_net(widths, activation, last, batch, optimizer):
    """widths: of a row and of each of the encoder's layers; the decoder goes back over them."""
    there = [dense(a, b, activation) for a, b in zip(widths, widths[1:])]
    back = [dense(a, b, activation) for a, b in zip(widths[:0:-1], widths[-2:0:-1])]
    title = f"{'-'.join(map(str, widths))} {activation}, {last} out"
    return Net("dense", title, [widths[0]], there, back + [dense(widths[1], widths[0], last)], batch, optimizer)


def conv_net(size, channels, kernel, halvings, waist, activation, last, batch, optimizer):
    """channels: of the image and of each layer; halvings: of each layer None, a stride or a pool; waist: units
    of a dense code, or None."""
    image, encoder, back = size, [], []
    for i, (inputs, outputs, halving) in enumerate(zip(channels, channels[1:], halvings)):
        before = last if i == 0 else activation   # what the mirrored layer ends in
        if halving == "stride":
            encoder.append(conv(size, inputs, outputs, kernel, activation, stride=2))
            back.append([deconv(size // 2, outputs, inputs, kernel, before)])
        else:
            encoder.append(conv(size, inputs, outputs, kernel, activation))
            back.append([conv(size, outputs, inputs, kernel, before)])
        if halving in ("maxpool", "avgpool"):
            encoder.append(plain(f"{halving} 2", (size // 2) ** 2 * outputs))
            back[-1].insert(0, plain("upsample 2", size * size * outputs))
        size //= 2 if halving else 1
    decoder = [layer for layers in reversed(back) for layer in layers]
    if waist:
        flat = size * size * channels[-1]
        encoder.append(dense(flat, waist, activation))
        decoder[:0] = [dense(waist, flat, activation), plain(f"reshape {size}x{size}x{channels[-1]}", flat)]
    words = [str(count) + {None: "", "stride": "/2"}.get(halving, f" {halving}")
             for count, halving in zip(channels[1:], halvings)] + ([f"dense {waist}"] if waist else [])
    title = (f"{image}x{image}x{channels[0]}, {kernel}x{kernel} {activation}: {', '.join(words)}; {last} out")
    return Net("conv", title, [image, image, channels[0]], encoder, decoder, batch, optimizer)


# ---- Drawing them ------------------------------------------------------------------------------------------


def log_whole(draw, low, high):
    """A whole number from low to high, even in its logarithm."""
    return min(high, int(math.exp(draw.uniform(math.log(low), math.log(high + 1)))))


def one_of(draw, words):
    return words[int(draw.random() * len(words))]


def draw_dense(draw):
    depth = 1 + int(draw.random() * 6)
    widths = [log_whole(draw, 8, 4096) for _ in range(depth + 1)]
    return dense_net(widths, one_of(draw, ["relu", "sigmoid", "tanh"]), one_of(draw, ["linear", "sigmoid"]),
                     log_whole(draw, 1, 4096), one_of(draw, ["adam", "sgd"]))


def draw_conv(draw):
    depth = 1 + int(draw.random() * 6)
    channels = [one_of(draw, [1, 1, 3])] + [log_whole(draw, 1, 64) for _ in range(depth)]
    halvings = [one_of(draw, [None, None, "maxpool", "avgpool", "stride"]) for _ in range(depth)]
    size = log_whole(draw, 8, 64)
    for i in range(depth):   # three at most, down to 4 cells or more
        done = sum(halving is not None for halving in halvings[:i + 1])
        if done > 3 or size < 4 << done:
            halvings[i] = None
    multiple = 1 << sum(halving is not None for halving in halvings)
    waist = log_whole(draw, 8, 256) if draw.random() < 0.25 else None
    kernel = 1 + int(draw.random() * 7)
    if kernel == 1:   # a stride would never read most cells, and PyTorch 2.15 spoils its heap there
        halvings = ["maxpool" if halving == "stride" else halving for halving in halvings]
    return conv_net(size // multiple * multiple, channels, kernel, halvings, waist,
                    one_of(draw, ["relu", "sigmoid", "tanh"]), one_of(draw, ["linear", "sigmoid"]),
                    log_whole(draw, 1, 4096), one_of(draw, ["adam", "sgd"]))


def corners():
    for width in (8, 4096):
        for depth in (1, 6):
            for batch in (1, 4096):
                # Adam's means of the largest one would take gigabytes more.
                yield dense_net([width] * (depth + 1), "relu", "linear", batch,
                                "adam" if width == 8 else "sgd")
    for channels in (1, 64):
        for kernel in (1, 7):
            for size in (8, 64):
                yield conv_net(size, [1, channels, channels], kernel, [None, None], None, "relu", "linear", 16,
                               "adam")


def all_nets():
    draw, nets = random.Random(SEED), []
    while len(nets) < DRAWN:
        net = (draw_dense if len(nets) % 2 == 0 else draw_conv)(draw)
        if net.fits():
            nets.append(net)
    return nets + list(corners())
