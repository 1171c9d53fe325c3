"""Keras as its pages show it: model.fit, with the one setting that makes it faster, several steps in one call.
--mode names the library below it, tensorflow or jax."""
import os

import works

ARGUMENTS = works.arguments()
os.environ["KERAS_BACKEND"] = ARGUMENTS.mode
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
if ARGUMENTS.mode == "tensorflow":
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(ARGUMENTS.threads)

import keras  # noqa: E402  it reads the environment
from keras import layers  # noqa: E402

STEPS = 25


def constant(weight):
    return lambda shape, dtype=None: keras.ops.convert_to_tensor(weight, dtype)


def dense_net(work):
    inputs = outputs = keras.Input((work.widths[0],))
    for weight, activation in zip(work.weights(), work.activations()):
        outputs = layers.Dense(weight.shape[1], activation, kernel_initializer=constant(weight))(outputs)
    return keras.Model(inputs, outputs)


def conv_net():
    behind = {"pool": layers.MaxPooling2D, "upsample": layers.UpSampling2D}
    inputs = outputs = keras.Input((28, 28, 1))
    for (_, channels, activation, next_), weight in zip(works.CONVOLUTIONS, works.convolution_weights()):
        outputs = layers.Conv2D(channels, 3, padding="same", activation=activation,
                                kernel_initializer=constant(weight.transpose(2, 3, 1, 0)))(outputs)
        if next_:
            outputs = behind[next_](2)(outputs)
    return keras.Model(inputs, outputs)


def optimizer_of(name, settings):
    if name == "adadelta":
        return keras.optimizers.Adadelta(settings["lr"], settings["rho"], settings["eps"])
    if name == "adam":
        return keras.optimizers.Adam(settings["lr"])
    return keras.optimizers.SGD(settings["lr"])


def main():
    work = works.DENSE.get(ARGUMENTS.work)
    if work:
        net, rows, batch, shuffle = dense_net(work), works.pixels(ARGUMENTS), work.batch, work.shuffle
        optimizer = optimizer_of(work.optimizer, work.settings)
    elif ARGUMENTS.work == "mnist-conv":
        net, rows = conv_net(), works.pixels(ARGUMENTS).reshape(-1, 28, 28, 1)
        batch, shuffle = works.CONV_BATCH, True
        optimizer = optimizer_of("adadelta", works.CONV_OPTIMIZER)
    else:
        works.not_for_it()
    net.compile(optimizer, "mse", jit_compile="auto", steps_per_execution=STEPS)

    def epoch():
        history = net.fit(rows, rows, batch_size=batch, epochs=1, shuffle=shuffle, verbose=0)
        return history.history["loss"][0]

    below = {"tensorflow": "TensorFlow", "jax": "JAX"}[ARGUMENTS.mode]
    works.time_epochs(f"Keras {keras.__version__} on {below}", ARGUMENTS, epoch)


main()
