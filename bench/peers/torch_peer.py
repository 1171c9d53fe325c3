"""PyTorch: the rows in memory, optimizers in one kernel where there is one. --mode compile: by torch.compile."""
import torch
import torch.nn as nn
import torch.nn.functional as functional

import works

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def dense_net(work):
    layers = []
    for weight, activation in zip(work.weights(), work.activations()):
        layer = nn.Linear(*weight.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.zero_()
        layers += [layer, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


def conv_net():
    behind = {"pool": lambda: nn.MaxPool2d(2), "upsample": lambda: nn.Upsample(scale_factor=2)}
    layers = []
    for (inputs, outputs, activation, next_), weight in zip(works.CONVOLUTIONS, works.convolution_weights()):
        layer = nn.Conv2d(inputs, outputs, 3, padding=1)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.zero_()
        layers.append(layer)
        if activation:
            layers.append(ACTIVATIONS[activation]())
        if next_:
            layers.append(behind[next_]())
    return nn.Sequential(*layers)


class TiedNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(works.tied_weight()))
        self.hidden = nn.Parameter(torch.zeros(2))
        self.visible = nn.Parameter(torch.zeros(4))

    def forward(self, rows):
        codes = torch.sigmoid(torch.addmm(self.hidden, rows, self.weight))
        return torch.addmm(self.visible, codes, self.weight.T)


def optimizer_of(name, settings, parameters):
    if name == "adadelta":
        return torch.optim.Adadelta(parameters, foreach=True, **settings)
    if name == "adam":
        return torch.optim.Adam(parameters, fused=True, **settings)
    return torch.optim.SGD(parameters, fused=True, **settings)


def trained(arguments):
    """The net, its optimizer, its rows, rows in a batch, whether they are shuffled, batches in an epoch."""
    work = works.DENSE.get(arguments.work)
    if work:
        net, rows, batch, shuffle = dense_net(work), works.pixels(arguments), work.batch, work.shuffle
        optimizer = optimizer_of(work.optimizer, work.settings, net.parameters())
    elif arguments.work == "mnist-conv":
        net, rows = conv_net(), works.pixels(arguments).reshape(-1, 1, 28, 28)
        batch, shuffle = works.CONV_BATCH, True
        optimizer = optimizer_of("adadelta", works.CONV_OPTIMIZER, net.parameters())
    elif arguments.work == "donut-tied":
        net, rows = TiedNet(), works.donut(arguments)
        batch, shuffle = len(rows), False
        optimizer = optimizer_of("sgd", dict(lr=works.TIED_RATE, momentum=works.TIED_MOMENTUM), net.parameters())
    else:
        works.not_for_it()
    return net, optimizer, torch.from_numpy(rows), batch, shuffle


def train(peer, arguments):
    net, optimizer, rows, batch, shuffle = trained(arguments)
    forward = torch.compile(net) if arguments.mode == "compile" else net
    tied = arguments.work == "donut-tied"
    steps = works.TIED_ITERATIONS if tied else -(-len(rows) // batch)

    def step(some):
        optimizer.zero_grad(set_to_none=True)
        loss = functional.mse_loss(forward(some), some)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def epoch():
        total = torch.zeros(())
        order = torch.randperm(len(rows)) if shuffle else None
        for first in range(0, steps * batch, batch):
            if shuffle:
                some = rows[order[first : first + batch]]
            else:
                some = rows if tied else rows[first : first + batch]
            total += step(some)
        return total.item() / steps

    works.time_epochs(peer, arguments, epoch, steps if tied else 1)


def answer(peer, arguments):
    net = conv_net() if arguments.work == "rows-conv" else dense_net(works.DENSE["mnist-dense"])
    forward = torch.compile(net, dynamic=False) if arguments.mode == "compile" else net
    with torch.inference_mode():
        works.time_answers(peer, arguments, lambda rows: forward(torch.from_numpy(rows)).numpy())


def main():
    arguments = works.arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    peer = f"PyTorch {torch.__version__.split('+')[0]}" + (" compiled" if arguments.mode == "compile" else "")
    (answer if arguments.work.startswith("row") else train)(peer, arguments)


main()
