"""A run written out as a plain PyTorch loop, which needs torch and numpy alone and ends in the same digest."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, indent

from engine.debugger import Debugger
from engine.errors import CommandError
from engine.experiments import attention, points, tokens
from engine.experiments.data import MEAN, STD, folder_of
from engine.experiments.data_options import RANDOM, widest_shift, wrong_share
from engine.experiments.experiment import Experiment, answers_each, n_classes, shape
from engine.experiments.kinds import POINTS, TOKENS, kind_of
from engine.experiments.losses import LOSSES
from engine.experiments.networks import MODELS, SIDE, WHOLE_SET
from engine.experiments.sequences import SEQUENCES
from engine.program.program import Supervised, needs_closure
from engine.protocol.recipe import Script
from engine.recordings import plain_parts as parts
from engine.recordings.plain_edits import plain_edit, plain_optimizer


def plain_script(session: Debugger) -> str:
    """The run up to the end of the last whole batch before the cursor, as a Python program.

    Raises CommandError for a run that a plain loop cannot repeat: one without a recipe, an audit, or an odd edit.
    """
    recipe = session.recipe
    if recipe is None or session.timeline.audit:
        why = "applies no update" if session.timeline.audit else "was made of objects"
        raise CommandError(f"this run {why}, which no script can repeat", "export a run of an experiment or a script")
    whole = _of_script(session, recipe) if isinstance(recipe, Script) else _of_experiment(recipe)
    head = parts.HEAD.format(
        title=session.description.name,
        batches=session.finished,
        threads=recipe.threads,
        determinism=parts.DETERMINISM if session.trainer.accelerators else "",
    )
    return f"{head}{whole}\n{_loop(session)}".lstrip()


def _of_script(session: Debugger, script: Script) -> str:
    path = Path(script.path).expanduser().resolve()
    program, batches = session.trainer.program, session.calendar.batches(1)
    if isinstance(program, Supervised):
        whole = parts.FOUR_THINGS.format(batches=batches, spread=program.spreads)
    else:
        whole = parts.OWN_STEP.format(batches=batches)
    return parts.SCRIPT.format(
        folder=str(path.parent),
        seed=script.seed,
        numpy_seed=script.seed % 2**32,
        module=path.stem,
        function=script.function,
        arguments=list(script.arguments),
        parts=whole.strip(),
    )


def _of_experiment(experiment: Experiment) -> str:
    return _data(experiment) + "\n" + _network(experiment) + "\n" + _model(experiment)


def _data(experiment: Experiment) -> str:
    there, kind = _there(experiment), kind_of(experiment.data)
    made = {POINTS: _points, TOKENS: _sequences}.get(kind, _digits)(experiment)
    flatten = {"pixels": ".flatten(1)", "rows": ".squeeze(1)"}.get(MODELS[experiment.model].takes, "")
    flatten = "" if kind == TOKENS else flatten
    return made + parts.EXAMPLES.format(
        altered=_altered(experiment), flatten=flatten, targets=_targets(experiment), there=there
    )


def _targets(experiment: Experiment) -> str:
    if MODELS[experiment.model].rebuilds:
        return "X"
    if LOSSES[str(experiment.loss)].class_indices:
        return "labels"
    if experiment.layers and experiment.layers[-1] == 1:
        return "labels.unsqueeze(1).float()"
    return f"nn.functional.one_hot(labels, {n_classes(experiment)}).float()"


def _points(experiment: Experiment) -> str:
    return parts.POINTS.format(
        drawn=inspect.getsource(points.SETS[experiment.data]).strip(),
        name=experiment.data,
        seed=experiment.seed,
        points=experiment.points,
        noise=experiment.noise,
    )


def _sequences(experiment: Experiment) -> str:
    function = tokens.SETS[experiment.data]
    return parts.SEQUENCES.format(
        drawn=inspect.getsource(function).strip(),
        name=function.__name__,
        seed=experiment.seed,
        count=experiment.points,
        length=experiment.length,
    )


def _digits(experiment: Experiment) -> str:
    kept = experiment.classes
    classes = f"""
        kept = np.isin(labels, {kept})
        images, labels = images[kept], labels[kept]
        labels = np.array([{kept}.index(label) for label in labels])
        """
    return parts.DIGITS.format(
        folder=str(folder_of(experiment.data).resolve()),
        classes=dedent(classes).strip() if kept else "",
        mean=MEAN,
        std=STD,
    )


def _altered(experiment: Experiment) -> str:
    """What `alterations.altered` does to the training pictures; "" where it does nothing."""
    share, classes = wrong_share(experiment.labels), n_classes(experiment)
    drawn = [
        parts.SAMPLE.format(size=experiment.train_size) if experiment.train_size is not None else "",
        parts.RANDOM_LABELS.format(classes=classes) if experiment.labels == RANDOM else "",
        parts.NOISY_LABELS.format(classes=classes, share=share) if share else "",
    ]
    order = experiment.scramble
    return "".join(
        (
            parts.DRAWS.format(seed=experiment.seed) if any(drawn) else "",
            *(part.lstrip("\n") for part in drawn),
            "" if order is None else parts.SCRAMBLED.format(seed=order).lstrip("\n"),
        )
    )


def _batches(experiment: Experiment) -> str:
    most = widest_shift(experiment.augment)
    if not most:
        return parts.BATCHES.format(there=_there(experiment))
    return parts.SHIFTED_BATCHES.format(most=most, mean=MEAN, std=STD, there=_there(experiment))


def _there(experiment: Experiment) -> str:
    """What brings a tensor to the run's device; "" for the CPU."""
    return "" if experiment.device == "cpu" else f".to({experiment.device!r})"


def _network(experiment: Experiment) -> str:
    """By the class of `models.py` that it is."""
    return NETWORKS.get(MODELS[experiment.model].made_by, _stack)(experiment)


def _recurrent(experiment: Experiment) -> str:
    sequences = SEQUENCES.get(experiment.data)
    embedding, layers = parts.EMBEDDING, experiment.layers or ()
    return parts.NETWORKS[experiment.model].format(
        classes=n_classes(experiment),
        function=experiment.activation,
        layers=layers,
        embedding="" if sequences is None else embedding.format(tokens=len(sequences.tokens), width=layers[0]),
        embedded="" if sequences is None else parts.EMBEDDED,
    )


def _stack(experiment: Experiment) -> str:
    return parts.LAYERS.format(network=parts.STACK.format(rows=_rows(experiment, (len(experiment.layers or ()) - 1,))))


def _autoencoder(experiment: Experiment) -> str:
    """Code and output are without activation."""
    last = len(experiment.layers or ()) - 1
    rows = _rows(experiment, (last // 2 + last % 2, last)).splitlines()
    middle = len(rows) // 2
    halves = ["\n".join(half) for half in (rows[:middle], rows[middle:])]
    return parts.LAYERS.format(network=parts.AUTOENCODER.format(encoder=halves[0], decoder=halves[1]))


def _rows(experiment: Experiment, plain: tuple[int, ...]) -> str:
    """The layers, of which the last has the output's activation and those of the numbers `plain` nothing but it."""
    more = f"norm={experiment.batch_norm}, dropout={experiment.dropout}"
    usual, last = (parts.ACTIVATIONS[str(name)] for name in (experiment.activation, experiment.output))
    rows = [
        f"Layer({n_in}, {n_out}, {f'{last}' if at in plain else f'{usual}, {more}'}),"
        for at, (n_in, n_out) in enumerate(pairwise(experiment.layers or ()), 1)
    ]
    return indent("\n".join(rows), " " * 12)


def _attentive(experiment: Experiment) -> str:
    options, sequences = shape(experiment), SEQUENCES.get(experiment.data)
    width, heads = options.width, options.heads
    if sequences is None:
        embedding, count = f"Patches({options.patch}, {width})", (SIDE // options.patch) ** 2
    else:
        embedding, count = f"nn.Embedding({len(sequences.tokens)}, {width})", experiment.length or 0
    activation = parts.ACTIVATIONS[str(experiment.activation)]
    blocks = [f"Block({width}, {heads}, {activation})"] * getattr(options, "blocks", 0)
    known = count if options.positions == "learnt" else 0
    needed = (attention.Patches, attention.Positions, attention.Scores, attention.Attention, attention.Block)
    return parts.ATTENTIVE.format(
        classes="\n\n".join(inspect.getsource(each) for each in (*needed, attention.Attentive)).strip(),
        embedding=embedding,
        count=known,
        blocks=", ".join(blocks or [f"Attention({width}, {heads})"]),
        width=width,
        n_classes=n_classes(experiment),
        each=answers_each(experiment),
    )


def _convnet(experiment: Experiment) -> str:
    found = shape(experiment)
    return parts.CONVNET.format(
        shape=found,
        features=found.features(SIDE),
        classes=n_classes(experiment),
        activation=parts.ACTIVATIONS[str(experiment.activation)],
        pool=parts.POOLS[found.pool],
        last=parts.LAST[found.global_pool],
    )


NETWORKS: dict[str, Callable[[Experiment], str]] = {  # of models that are no mere stack of layers
    "ConvNet": _convnet,
    "Recurrent": _recurrent,
    "Autoencoder": _autoencoder,
    "Attending": _attentive,
}


def _codes(experiment: Experiment) -> str:
    """How codes of tokens and places are drawn; "" where there are none."""
    kinds = [
        "nn.Embedding" if kind_of(experiment.data) == TOKENS else "",
        "Positions" if experiment.positions == "learnt" else "",
    ]
    if not any(kinds):
        return ""
    named = str(experiment.init)
    drawn = parts.TORCHS_CODES if named == "pytorch" else dedent(parts.INITS[named])
    return parts.CODE_INIT.format(kinds=", ".join(filter(None, kinds)), drawn=indent(drawn.strip(), " " * 12))


def _cells(experiment: Experiment) -> str:
    """How the parameters of a recurrent network are drawn; "" where there are none."""
    if not MODELS[experiment.model].recurrent:
        return ""
    if experiment.init == "pytorch":
        drawn = parts.TORCHS_CELL_INIT
    else:
        drawn = parts.CELL_PAIRS.format(init=indent(dedent(parts.INITS[str(experiment.init)]).strip(), " " * 16))
    units, bias = (experiment.layers or ())[1], experiment.forget_bias
    forget = "" if bias is None else parts.FORGET_BIAS.format(units=units, bias=bias)
    return parts.CELL_INIT.format(drawn=drawn.strip("\n")).lstrip("\n") + forget.lstrip("\n")


def _model(experiment: Experiment) -> str:
    return parts.MODEL.format(
        seed=experiment.seed,
        placed=f"model{_there(experiment)}\n" if _there(experiment) else "",
        batches=_batches(experiment),
        init=indent(dedent(parts.INITS[str(experiment.init)]).strip(), " " * 12),
        codes=_codes(experiment),
        cell=_cells(experiment),
        loss=parts.LOSSES[str(experiment.loss)],
        optimizer=plain_optimizer(
            str(experiment.optimizer), experiment.learning_rate or 0.0, experiment.momentum, experiment.weight_decay
        ),
        batch_size="len(X)" if experiment.batch_size == WHOLE_SET else f"min({experiment.batch_size}, len(X))",
    )


def _loop(session: Debugger) -> str:
    recipe, program = session.recipe, session.trainer.program
    supervised = program if isinstance(program, Supervised) else None
    return parts.LOOP.format(
        named=_named(session, supervised) if supervised else "",
        edits=indent("\n".join(_edits(session)) or "pass", " " * 4),
        factor=_factor(session, recipe),
        batch=(_batch(session, supervised) if supervised else parts.OWN).strip("\n"),
        epoch=parts.EPOCH_SCHEDULERS.lstrip("\n") if program.steps_epochs else "",
        said='print(f"loss of batch {done}: {loss.item()!r}")' if supervised else 'print(f"batch {done}")',
        optimizers='{"": optimizer}' if supervised else "optimizers",
        batches=session.finished,
    )


def _named(session: Debugger, program: Supervised) -> str:
    """Modules and rate; and when epochs end, with the validation loss that schedulers were stepped with."""
    loss = ', "loss": loss_function' if "loss" in program.modules else ""
    named = f'modules = {{"": model{loss}}}\nrate = optimizer.param_groups[0]["lr"]\n'
    if not program.steps_epochs:
        return named
    ends = {session.calendar.iteration(epoch + 1, 0): loss for epoch, loss in session.timeline.fed.items()}
    return f"{named}ends = {ends!r}\n"


def _batch(session: Debugger, program: Supervised) -> str:
    if needs_closure(program.optimizer):
        body = parts.CLOSURE
    else:
        scheduled = (
            "            for group in optimizer.param_groups:\n                group['lr'] = rate * factor(done + 1)\n"
        )
        star = "*" if isinstance(session.recipe, Script) else ""
        body = parts.USUAL.format(set_rate=scheduled if session.trainer.schedule is not None else "", star=star)
    return body.rstrip("\n") + (parts.BATCH_SCHEDULERS.rstrip() if program.schedulers else "")


def _factor(session: Debugger, recipe: Experiment | Script | None) -> str:
    """The function by which the learning rate is multiplied; "" where it stays."""
    if not isinstance(recipe, Experiment) or recipe.schedule == "constant":
        return ""
    total, per_epoch = session.plan
    epochs = math.ceil(total / per_epoch)
    factor = parts.SCHEDULES[recipe.schedule].format(per_epoch=per_epoch, total=total, epochs=epochs)
    return f"def factor(i):\n    return {factor}\n\n\n"


def _edits(session: Debugger) -> Iterable[str]:
    for edit in session.timeline.edits:
        if edit.iteration <= session.finished:
            lines = "\n".join(plain_edit(session, edit))
            yield f"if done == {edit.iteration}:\n{indent(lines, ' ' * 4)}"
