"""Models whose weights tell which rates were used: the gradient of every weight is 1 in every update."""

import keras
import numpy as np

X, Y = np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")


def mean_of_predictions(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


def line(optimizer, **compile_arguments):
    """One weight w, the loss w."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer, loss=mean_of_predictions, **compile_arguments)
    return model


def weight(model):
    return float(keras.ops.convert_to_numpy(model.trainable_variables[0])[0, 0])


def data(batches):
    return np.ones((batches, 1), "float32"), np.zeros((batches, 1), "float32")


def moves(model, updates, step=None):
    """How far each of some calls of ``train_on_batch`` moves the weight, downwards."""
    places = [weight(model)]
    for i in range(updates):
        if step is not None:
            step(i)
        model.train_on_batch(X, Y)
        places.append(weight(model))
    return -np.diff(places)


class Watch(keras.callbacks.Callback):
    """Keeps what a run logs for every batch and every epoch."""

    def __init__(self, name="learning_rate"):
        super().__init__()
        self.name, self.batches, self.epochs = name, [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(logs[self.name])

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(logs[self.name])
