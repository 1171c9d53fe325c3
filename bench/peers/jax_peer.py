"""JAX: the rows on the device, a whole epoch one compiled scan over its batches."""
import jax
import jax.numpy as jnp
import optax

import works

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, None: lambda x: x}
LAYOUT = ("NHWC", "HWIO", "NHWC")


def dense_net(work):
    activations = [ACTIVATIONS[name] for name in work.activations()]

    def net(parameters, rows):
        for (weight, bias), activation in zip(parameters, activations):
            rows = activation(rows @ weight + bias)
        return rows

    return net, [(jnp.asarray(weight), jnp.zeros(weight.shape[1])) for weight in work.weights()]


def conv_net():
    def pool(images):
        return jax.lax.reduce_window(images, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def upsample(images):
        return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)

    behind = {"pool": pool, "upsample": upsample, None: lambda images: images}

    def net(parameters, images):
        for (weight, bias), (_, _, activation, next_) in zip(parameters, works.CONVOLUTIONS):
            images = jax.lax.conv_general_dilated(images, weight, (1, 1), "SAME", dimension_numbers=LAYOUT)
            images = behind[next_](ACTIVATIONS[activation](images + bias))
        return images

    weights = [weight.transpose(2, 3, 1, 0) for weight in works.convolution_weights()]
    return net, [(jnp.asarray(weight), jnp.zeros(weight.shape[3])) for weight in weights]


def tied_net():
    def net(parameters, rows):
        weight, hidden, visible = parameters
        return jax.nn.sigmoid(rows @ weight + hidden) @ weight.T + visible

    return net, (jnp.asarray(works.tied_weight()), jnp.zeros(2), jnp.zeros(4))


def optimizer_of(name, settings):
    if name == "adadelta":
        return optax.adadelta(settings["lr"], settings["rho"], settings["eps"])
    if name == "adam":
        return optax.adam(settings["lr"])
    return optax.sgd(settings["lr"], settings.get("momentum"))


def trained(arguments):
    """The net, its parameters, its optimizer, its rows, rows in a batch, whether they are shuffled."""
    work = works.DENSE.get(arguments.work)
    if work:
        net, parameters = dense_net(work)
        optimizer = optimizer_of(work.optimizer, work.settings)
        return net, parameters, optimizer, works.pixels(arguments), work.batch, work.shuffle
    if arguments.work == "mnist-conv":
        net, parameters = conv_net()
        rows = works.pixels(arguments).reshape(-1, 28, 28, 1)
        return net, parameters, optimizer_of("adadelta", works.CONV_OPTIMIZER), rows, works.CONV_BATCH, True
    if arguments.work == "donut-tied":
        net, parameters = tied_net()
        rows = works.donut(arguments)
        optimizer = optimizer_of("sgd", dict(lr=works.TIED_RATE, momentum=works.TIED_MOMENTUM))
        return net, parameters, optimizer, rows, len(rows), False
    works.not_for_it()


def train(peer, arguments):
    net, parameters, optimizer, rows, batch, shuffle = trained(arguments)
    rows = jnp.asarray(rows)
    tied = arguments.work == "donut-tied"
    steps = len(rows) // batch  # a smaller last batch, which would have to be compiled too, is left out

    def loss_of(parameters, some):
        return jnp.mean((net(parameters, some) - some) ** 2)

    def step(carried, some):
        parameters, state = carried
        loss, gradients = jax.value_and_grad(loss_of)(parameters, some)
        updates, state = optimizer.update(gradients, state, parameters)
        return (optax.apply_updates(parameters, updates), state), loss

    @jax.jit
    def whole(parameters, state, rows, key):
        if tied:
            carried, losses = jax.lax.scan(lambda carried, _: step(carried, rows), (parameters, state), None,
                                           length=works.TIED_ITERATIONS)
        else:
            if shuffle:
                rows = rows[jax.random.permutation(key, len(rows))]
            batches = rows[: steps * batch].reshape((steps, batch) + rows.shape[1:])
            carried, losses = jax.lax.scan(step, (parameters, state), batches)
        return carried, losses.mean()

    carried = parameters, optimizer.init(parameters)
    key = jax.random.PRNGKey(1)

    def epoch():
        nonlocal carried, key
        key, draw = jax.random.split(key)
        carried, loss = whole(*carried, rows, draw)
        return float(loss.block_until_ready())

    works.time_epochs(peer, arguments, epoch, works.TIED_ITERATIONS if tied else 1)


def answer(peer, arguments):
    if arguments.work == "rows-conv":
        net, parameters = conv_net()
        compiled = jax.jit(lambda rows: net(parameters, rows.reshape(-1, 28, 28, 1)))
    else:
        net, parameters = dense_net(works.DENSE["mnist-dense"])
        compiled = jax.jit(lambda rows: net(parameters, rows))
    works.time_answers(peer, arguments, lambda rows: compiled(rows).__array__())


def main():
    arguments = works.arguments()
    peer = f"JAX {jax.__version__}"
    (answer if arguments.work.startswith("row") else train)(peer, arguments)


main()
