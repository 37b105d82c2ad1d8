"""The table of what lessons can have computed. A new computation is a row here and a function in its module.

Importing this loads no torch, so that a lesson file can be checked without the engine.
"""

from __future__ import annotations

import msgspec

from engine.experiments.experiment import ACTIVATIONS, INITS

Value = str | int | float

_HIDDEN = tuple(name for name in ACTIVATIONS if name != "linear")
_DISTANCES = ("absolute", "squared")
_LOSSES = ("mean-difference", "mae", "half-mse", "bce")
_SURFACES = ("ravine", "bumps")
_OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "amsgrad")


class Computation(msgspec.Struct, frozen=True):
    """A name in a lesson, the function behind it ("module:function"), and its arguments' defaults, choices, limits."""

    name: str
    function: str
    summary: str
    defaults: dict[str, Value] = {}
    choices: dict[str, tuple[str, ...]] = {}
    limits: dict[str, tuple[float, float]] = {}


_SEED = {"seed": (0.0, 2.0**31)}
_SOURCE: dict[str, Value] = {"source": "subset"}
_KERNELS = ("vertical", "horizontal", "blur", "outline")
_CELLS = ("rnn", "lstm", "gru")
_BIASES = ("default", "0", "1", "2", "5")  # of an LSTM's forget gate
_LABELS = ("given", "random", "noisy")
_FEW: dict[str, Value] = {"size": 200, "labels": "given", "epochs": 30, "seed": 0}
_FEW_LIMITS = {"size": (20.0, 5000.0), "epochs": (1.0, 100.0), **_SEED}

_ROWS = (
    Computation("data.shapes", "dataset:shapes", "shapes of the partitions, of X and of Y", _SOURCE),
    Computation("data.normalised", "dataset:normalised", "pixels before and after normalisation", _SOURCE),
    Computation("data.one-hot", "dataset:one_hot", "labels and their rows of Y", {"count": 5},
                limits={"count": (1, 20)}),
    Computation("data.samples", "dataset:samples", "training images", {"count": 6, "first": 1},
                limits={"count": (1, 20), "first": (1, 4000)}),
    Computation("data.counts", "dataset:counts", "examples of each digit", _SOURCE),
    Computation("data.missing", "dataset:missing", "what happens to a digit that is rare", {"digit": 9, "keep": 10},
                limits={"digit": (0, 9), "keep": (0, 500)}),
    Computation("data.broadcast", "dataset:broadcast", "(N,1) − (N) is (N,N)", {"n": 5}, limits={"n": (2, 1000)}),
    Computation("similarity.averages", "similarity:averages", "the mean image of each digit", _SOURCE),
    Computation("similarity.accuracy", "similarity:accuracy", "accuracy of the nearest average",
                {**_SOURCE, "distance": "absolute"}, {"distance": _DISTANCES}),
    Computation("similarity.random", "similarity:random_guess", "accuracy of a random guess", {"seed": 0},
                limits=_SEED),
    Computation("similarity.mistakes", "similarity:mistakes", "what each digit is taken for",
                {**_SOURCE, "distance": "absolute"}, {"distance": _DISTANCES}),
    Computation("similarity.distances", "similarity:distances", "one image against each average",
                {"example": 1, "distance": "absolute"}, {"distance": _DISTANCES}, {"example": (1, 2000)}),
    Computation("similarity.ink", "similarity:ink", "how much ink each digit has", _SOURCE),
    Computation("neuron.three-ways", "neuron:three_ways", "z by loop, dot product and matrix product",
                {"n": 1000, "nx": 4}, limits={"n": (1, 5000), "nx": (1, 784)}),
    Computation("neuron.train", "neuron:train", "1 against 7 by hand-written gradients",
                {**_SOURCE, "seed": 0, "epochs": 4, "rate": 0.01, "start": "drawn"},
                {"start": ("drawn", "flipped")}, {**_SEED, "epochs": (1, 200), "rate": (0, 100)}),
    Computation("neuron.bands", "neuron:bands", "the same over many seeds", {**_SOURCE, "seeds": 200},
                limits={"seeds": (2, 2000)}),
    Computation("neuron.rates", "neuron:rates", "learning rates raced", {"seed": 0}, limits=_SEED),
    Computation("activation.curve", "curves:activation", "g and its slope, plotted", {"name": "sigmoid"},
                {"name": _HIDDEN}),
    Computation("activation.at", "curves:activation_at", "g and its slope at z", {"name": "sigmoid", "z": 0.0},
                {"name": _HIDDEN}, {"z": (-50, 50)}),
    Computation("activation.slopes", "curves:slopes", "slopes of all activations"),
    Computation("activation.softmax", "curves:softmax", "scores as probabilities", {"shift": 10.0},
                limits={"shift": (-100, 100)}),
    Computation("losses.table", "curves:losses", "four losses compared"),
    Computation("losses.of", "curves:loss_of", "one loss of one example", {"name": "bce", "yhat": 0.1, "y": 0.0},
                {"name": _LOSSES}, {"yhat": (1e-9, 1 - 1e-9), "y": (0, 1)}),
    Computation("losses.log-of-zero", "curves:log_of_zero", "where BCE written out becomes NaN"),
    Computation("landscape.wavy", "curves:landscape", "a point, its tangent and its step",
                {"rate": 0.5, "steps": 1}, limits={"rate": (0, 1000), "steps": (0, 200)}),
    Computation("landscape.neuron", "curves:slice_of_neuron", "the real loss along one weight", {"k": 407, "rate": 1.0},
                limits={"k": (1, 784), "rate": (0, 1000)}),
    Computation("regression.exact", "regression:exact", "normal equation beside descent",
                {"n": 100, "features": 3, "noise": 0.3, "seed": 0},
                limits={"n": (10, 2000), "features": (1, 6), "noise": (0, 100), **_SEED}),
    Computation("network.shapes", "backprop:shapes", "shapes of every layer", {"layers": "3-2-3", "n": 7},
                limits={"n": (1, 60000)}),
    Computation("network.ones", "backprop:ones", "1·bᵀ", {"n": 4, "width": 3}, limits={"n": (1, 12), "width": (1, 8)}),
    Computation("backprop.factors", "backprop:factors", "derivation beside autograd",
                {"layers": "3-2-3", "n": 7, "activation": "sigmoid", "output": "sigmoid", "loss": "bce", "layer": 0,
                 "criterion": "course"},
                {"activation": ACTIVATIONS, "output": ("sigmoid", "softmax", "linear"),
                 "loss": ("bce", "cross-entropy", "mse", "half-mse"), "criterion": ("course", "torch")},
                {"n": (1, 500), "layer": (0, 20)}),
    Computation("backprop.mean", "backprop:mean_of_batch", "dW with and without 1/N", {"n": 10},
                limits={"n": (2, 100)}),
    Computation("two-layer.train", "twolayer:train", "784-2-1 on 1 against 7",
                {**_SOURCE, "init": "normal", "rate": 0.01, "epochs": 4, "seed": 0},
                {"init": ("normal", "scaled-normal")}, {"rate": (0, 100), "epochs": (1, 200), **_SEED}),
    Computation("two-layer.seeds", "twolayer:seeds", "the same over seeds",
                {**_SOURCE, "init": "normal", "rate": 0.01, "epochs": 4, "count": 21},
                {"init": ("normal", "scaled-normal")}, {"rate": (0, 100), "epochs": (1, 100), "count": (1, 101)}),
    Computation("autodiff.graph", "autodiff:graph", "the 20-10-7-13 program, op by op", {"order": "forward"},
                {"order": ("forward", "reverse")}),
    Computation("autodiff.ways", "autodiff:ways", "four ways to differentiate", {"h": 1e-5},
                limits={"h": (1e-14, 1.0)}),
    Computation("autodiff.step-sizes", "autodiff:step_sizes", "numeric error by step size"),
    Computation("autodiff.check", "autodiff:check", "a gradient check", {"broken": "no"}, {"broken": ("no", "yes")}),
    Computation("autodiff.rules", "autodiff:rules", "a table of symbolic rules"),
    Computation("deep.collapse", "deep:collapse", "linear layers are one layer", {"layers": "4-16-16-2"}),
    Computation("deep.xor", "deep:xor", "XOR with or without a hidden layer",
                {"hidden": 0, "activation": "tanh", "seed": 0}, {"activation": ACTIVATIONS},
                {"hidden": (0, 64), **_SEED}),
    Computation("deep.outputs", "deep:outputs", "output activations on the same scores"),
    Computation("depth.gradients", "deep:gradients", "gradient norm by layer",
                {"activation": "sigmoid", "init": "xavier", "layers": 10, "batch_norm": "off"},
                {"activation": ACTIVATIONS, "init": tuple(INITS), "batch_norm": ("off", "on")}, {"layers": (1, 40)}),
    Computation("depth.table", "deep:table", "the first layer's gradient, by init", {"layers": 10},
                limits={"layers": (1, 40)}),
    Computation("depth.norm-modes", "deep:norm_modes", "batch normalisation, used and left in training mode",
                {"seed": 0}, limits=_SEED),
    Computation("depth.inputs", "deep:input_scale", "inputs of unlike scale"),
    Computation("descent.count", "races:count", "updates in an epoch", {"n": 60000, "size": 64},
                limits={"n": (1, 1e7), "size": (1, 1e7)}),
    Computation("descent.race", "races:batches", "batch, mini-batch, stochastic",
                {"epochs": 3, "rate": 0.01, "seed": 0},
                limits={"epochs": (1, 20), "rate": (0, 10), **_SEED}),
    Computation("optimizers.race", "races:optimizers", "all on one surface", {"surface": "ravine", "steps": 60},
                {"surface": _SURFACES}, {"steps": (1, 500)}),
    Computation("optimizers.path", "races:path", "one optimizer's path",
                {"optimizer": "momentum", "surface": "ravine", "steps": 60, "rate": 0.0, "momentum": 0.0},
                {"optimizer": _OPTIMIZERS, "surface": _SURFACES},
                {"steps": (1, 500), "rate": (0, 100), "momentum": (0, 0.999)}),
    Computation("optimizers.digits", "races:digits", "all on the digits", {"epochs": 1, "seed": 0},
                limits={"epochs": (1, 5), **_SEED}),
    Computation("optimizers.agree", "races:agree", "update rules against torch.optim", {"steps": 20},
                limits={"steps": (1, 200)}),
    Computation("overfit.train", "overfit:train", "training and validation, epoch by epoch", _FEW,
                {"labels": _LABELS}, _FEW_LIMITS),
    Computation("overfit.loss", "overfit:loss", "both losses by epoch, plotted", _FEW, {"labels": _LABELS},
                _FEW_LIMITS),
    Computation("overfit.labels", "overfit:labels", "right labels, and labels drawn by lot", {"seed": 0},
                limits=_SEED),
    Computation("overfit.cures", "overfit:cures", "what closes the gap", {"seed": 0}, limits=_SEED),
    Computation("regularize.run", "regularize:run", "switches against overfitting",
                {"decay": 0.0, "dropout": 0.0, "shift": 0, "epochs": 40, "seed": 0},
                limits={"decay": (0, 1), "dropout": (0, 0.9), "shift": (0, 8), "epochs": (1, 120), **_SEED}),
    Computation("regularize.table", "regularize:table", "each switch alone, and all", {"seed": 0}, limits=_SEED),
    Computation("capacity.features", "capacity:features", "a number of random features, solved exactly",
                {"p": 200, "noise": 0.0, "ridge": 0.0, "seed": 0},
                limits={"p": (1, 2000), "noise": (0, 0.9), "ridge": (0, 1000), **_SEED}),
    Computation("capacity.table", "capacity:table", "ever more features",
                {"least": 1, "most": 2000, "noise": 0.0, "ridge": 0.0, "seed": 0},
                limits={"noise": (0, 0.9), "ridge": (0, 1000), **_SEED}),
    Computation("capacity.curve", "capacity:curve", "error by the number of features",
                {"noise": 0.0, "ridge": 0.0, "seed": 0}, limits={"noise": (0, 0.9), "ridge": (0, 1000), **_SEED}),
    Computation("conv.cell", "convolution:cell", "patch × kernel = one cell of the map",
                {"row": 8, "column": 12, "kernel": "vertical", "example": 1}, {"kernel": _KERNELS},
                {"row": (1, 26), "column": (1, 26), "example": (1, 10000)}),
    Computation("conv.map", "convolution:feature_map", "what a kernel makes of a digit",
                {"kernel": "vertical", "stride": 1, "padding": 0, "dilation": 1, "example": 1}, {"kernel": _KERNELS},
                {"stride": (1, 9), "padding": (0, 9), "dilation": (1, 13), "example": (1, 10000)}),
    Computation("conv.size", "convolution:size", "how many places a kernel has",
                {"n": 28, "kernel": 3, "stride": 1, "padding": 0, "dilation": 1},
                limits={"n": (1, 1000), "kernel": (1, 100), "stride": (1, 100), "padding": (0, 100),
                        "dilation": (1, 100)}),
    Computation("conv.seen", "convolution:seen", "in how many windows a pixel lies",
                {"n": 9, "kernel": 3, "stride": 1, "padding": 0},
                limits={"n": (5, 12), "kernel": (1, 5), "stride": (1, 5), "padding": (0, 5)}),
    Computation("conv.backward", "convolution:backward", "what one cell passes back",
                {"row": 8, "column": 12, "kernel": "vertical", "example": 1, "gradient": 0.5}, {"kernel": _KERNELS},
                {"row": (1, 26), "column": (1, 26), "example": (1, 10000), "gradient": (-10, 10)}),
    Computation("conv.field", "convolution:field", "how much a deep unit sees", {"seed": 0}, limits=_SEED),
    Computation("convnet.scrambled", "convnet:scrambled", "digits whose pixels stand in another order", {"seed": 0},
                limits=_SEED),
    Computation("convnet.shifted", "convnet:shifted", "validation digits that are moved", {"seed": 0}, limits=_SEED),
    Computation("recurrence.flow", "recurrence:flow", "the gradient by time step, on a run's first batch",
                {"model": "rnn", "bias": "default", "trained": "no", "seed": 0},
                {"model": _CELLS, "bias": _BIASES, "trained": ("no", "yes")}, _SEED),
    Computation("recurrence.compared", "recurrence:compared", "what an epoch makes of it, by cell", {"seed": 0},
                limits=_SEED),
    Computation("recurrence.radius", "recurrence:radius", "27 steps through ρ times a rotation",
                {"rho": 0.9, "seed": 0}, limits={"rho": (0, 3), **_SEED}),
    Computation("recurrence.radii", "recurrence:radii", "the same for several ρ", {"seed": 0}, limits=_SEED),
    Computation("memory.recall", "recurrence:recall", "who names the first of four symbols, after noise",
                {"model": "lstm", "bias": "default", "steps": 20, "seed": 0},
                {"model": _CELLS, "bias": _BIASES}, {"steps": (2, 60), **_SEED}),
    Computation("memory.table", "recurrence:memories", "LSTMs with forget gates more or less open",
                {"steps": 20, "seed": 0}, limits={"steps": (2, 60), **_SEED}),
    Computation("attention.by-hand", "attention:by_hand", "a query, three keys and their values, number by number"),
    Computation("attention.marker", "attention:marker", "what a query learns of a mark, by updates", {"seed": 0},
                limits=_SEED),
    Computation("attention.who", "attention:who", "the weights of one sequence, token by token",
                {"updates": 100, "example": 1, "seed": 0},
                limits={"updates": (0, 100), "example": (1, 9), **_SEED}),
    Computation("attention.reverse", "attention:reverse", "who looks where, to say a sequence backwards", {"seed": 0},
                limits=_SEED),
    Computation("attention.shuffle", "attention:shuffle", "the answers to tokens in another order",
                {"positions": "no", "seed": 0}, {"positions": ("no", "yes")}, _SEED),
    Computation("attention.scale", "attention:scale", "softmax with √d and without", {"seed": 0}, limits=_SEED),
    Computation("transformer.cut", "transformer:cut", "a digit in patches",
                {"example": 1, "shuffled": "no", "seed": 0}, {"shuffled": ("no", "yes")},
                {"example": (1, 2000), **_SEED}),
    Computation("transformer.train", "transformer:train", "digits by their patches, whole and shuffled",
                {"kind": "positions", "seed": 0}, {"kind": ("positions", "bag", "mean")}, _SEED),
    Computation("transformer.table", "transformer:table", "what positions and attention add", {"seed": 0},
                limits=_SEED),
)  # fmt: skip
CATALOGUE: dict[str, Computation] = {row.name: row for row in _ROWS}
