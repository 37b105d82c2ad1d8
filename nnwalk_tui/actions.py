"""The screen's rows of the command table, and the one table that says which key means which command.

A key is never more than a command text: what `o` does, `:step op` does too, and the palette and `?` list the same rows.
A new screen command is a row of SCREEN_COMMANDS and a method `screen_NAME` of the app or of the part that does it; a
new key is a row of KEYS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from engine.errors import CommandError
from engine.protocol.command_table import check_length
from engine.protocol.command_table import find as find_row
from engine.protocol.commands import COMMANDS
from engine.protocol.grammar import Command, Spec, too_many
from engine.protocol.positions import Phase, Unit
from nnwalk_tui.catalogue import EVERY_PANE, EXAMPLE_KINDS, NUMBERED, way_to
from nnwalk_tui.colours.schemes import SCHEMES
from nnwalk_tui.places.layouts import NAMES as LAYOUTS
from nnwalk_tui.shots import shot

UNITS = tuple(Unit)
PIXELS = 28  # of a drawn digit, each way


class ScreenCommand(Command, frozen=True):
    """Something that the screen does without the engine."""

    name: str
    argument: str = ""


def _screen(name: str, choices: tuple[str, ...] = (), optional: bool = False) -> Callable[[str], Command]:
    def parse_screen(rest: str) -> Command:
        word = rest.strip()
        if optional and not word:
            return ScreenCommand(name)
        if not choices and word:
            raise too_many(word, name)
        if choices and word not in choices:
            problem = f"there is no {name} “{word}”" if word else f"{name} needs a name"
            raise CommandError(problem, f"use: {name} {' | '.join(choices)}")
        return ScreenCommand(name, word)

    return parse_screen


def _number(name: str) -> Callable[[str], Command]:
    def parse_number(rest: str) -> Command:
        word = rest.strip()
        if word and not (word.isdecimal() and 0 < int(word) < 1000):
            raise CommandError(f"“{word}” is no number of cells", f"use: {name} [CELLS], as in {name} 6")
        return ScreenCommand(name, word)

    return parse_number


def _free(name: str) -> Callable[[str], Command]:
    return lambda rest: ScreenCommand(name, rest)


def _screenshot(rest: str, over: bool = False) -> Command:
    shot.parse(rest)  # raises for what is wrong
    return ScreenCommand("screenshot", f"{rest.strip()}{' over' if over else ''}")


def _examples(rest: str) -> Command:
    kind = " ".join(rest.split()).casefold()
    if kind and kind not in EXAMPLE_KINDS:
        raise CommandError(f"“{kind:.40}” is nothing to see of examples", f"use one of: {', '.join(EXAMPLE_KINDS)}")
    return ScreenCommand("examples", kind)


def _draw(rest: str) -> Command:
    words = rest.split()
    for word in words if rest.strip() not in ("undo", "clear", "forward") else ():
        across, _, down = word.partition(",")
        if not all(each.isdecimal() and 1 <= int(each) <= PIXELS for each in (across, down)):
            cure = f"use: draw 14,4 14,24, each number 1 to {PIXELS}; draw undo; draw clear; or draw forward"
            raise CommandError(f"“{word:.40}” is no pixel", cure)
    return ScreenCommand("draw", " ".join(words))


FOCUSES = (*EVERY_PANE, *NUMBERED, "next", "previous")

SCREEN_COMMANDS: tuple[Spec, ...] = (
    Spec("toggle", "toggle", "run, or pause what runs", _screen("toggle")),
    Spec("unit", "unit op|time|layer|phase|batch|epoch|finer|coarser", "what ← and → step by",
         _screen("unit", (*UNITS, "finer", "coarser")), True),
    Spec("focus", f"focus PANE | {min(NUMBERED)}…{max(NUMBERED)} | next | previous", "go to a pane",
         _screen("focus", FOCUSES), True),
    Spec("enter", "enter", "give the arrow keys to the focused pane; Esc leaves it", _screen("enter")),
    Spec("zoom", "zoom", "the focused pane alone, and back", _screen("zoom")),
    Spec("layout", f"layout [{'|'.join(LAYOUTS)}|next|previous|reset]",
         "share the screen otherwise; reset: as it was at first, nothing hidden or resized",
         _screen("layout", (*LAYOUTS, "next", "previous", "reset"), optional=True)),
    Spec("hide", "hide [PANE]", "take a pane off the screen, the focused one without a name",
         _screen("hide", EVERY_PANE, optional=True)),
    Spec("unhide", "unhide [PANE]", "show a hidden pane again, or all that are", _screen("unhide", EVERY_PANE, True)),
    Spec("wider", "wider [CELLS]", "the focused pane, at its neighbours' cost", _number("wider")),
    Spec("narrower", "narrower [CELLS]", "the focused pane, to its neighbours' gain", _number("narrower")),
    Spec("taller", "taller [ROWS]", "the focused pane, at its neighbours' cost", _number("taller")),
    Spec("shorter", "shorter [ROWS]", "the focused pane, to its neighbours' gain", _number("shorter")),
    Spec("inspect", "inspect [EXPRESSION [vs EXPRESSION|POSITION]]",
         "any tensor, or one element of it: z₃[2](17); without one, the tensor pane and back", _free("inspect")),
    Spec("landscape", "landscape [PARAMETER]", "the loss around the parameters: along W[1][3,5], or where it was",
         _free("landscape")),
    Spec("examples", f"examples [{'|'.join(EXAMPLE_KINDS)}]",
         "the batch's examples; the gradient towards the input or the first layer's weights as pictures; averages "
         "of classes; which is taken for which; how often the network is right where it is how sure", _examples),
    Spec("draw", "draw [X,Y X,Y …|undo|clear|forward]",
         "a digit for the network to judge: a stroke through these pixels, 1,1 the first; undo one; clear all; "
         "follow it forward through the network, operation by operation", _draw),
    Spec("tape", "tape", "every event of the batch, or back to the last pane", _screen("tape")),
    Spec("log", "log", "what the engine and your code printed, or back to the last pane", _screen("log")),
    Spec("find", "find NAME", "search the graph for a name, an operation or a module; n: the next", _free("find")),
    Spec("escape", "escape", "back out: cancel, leave the pane, unzoom; never quits", _screen("escape")),
    Spec("command", "command [TEXT]", "type a command", _free("command")),
    Spec("palette", "palette", "search all commands", _screen("palette")),
    Spec("help", "help [COMMAND]", "all keys and commands, or how one is used", _free("help")),
    Spec("lesson", "lesson [NAME]", "the lessons, or one of them", _free("lesson")),
    Spec("terms", "terms [WORD]", "what a word of the course means: search, read, go where it is met", _free("terms")),
    Spec("word", "word", "look up the word under the mouse, or those where the focused pane stands", _screen("word")),
    Spec("page", "page next|previous|NUMBER", "turn the lesson's page", _free("page"), True),
    Spec("answer", "answer TEXT", "answer the lesson's question", _free("answer"), True),
    Spec("show", "show", "show the answer of the lesson's question", _screen("show")),
    Spec("try", "try", "do the next thing that the lesson suggests", _screen("try")),
    Spec("change", "change KEY=VALUE …", "compute the lesson's table with other values",
         _free("change"), True),
    Spec("leave", "leave", "leave the lesson; it goes on where it was", _screen("leave")),
    Spec("restart", "restart", "start the engine process again", _screen("restart")),
    Spec("theme", f"theme {'|'.join(SCHEMES)}", "other colours", _screen("theme", tuple(SCHEMES)), True),
    Spec("screenshot", shot.USAGE, "save what is on screen as a picture, or as text", _screenshot),
    Spec("screenshot!", shot.USAGE.replace("screenshot", "screenshot!"),
         "the same, and a file that is there is replaced", partial(_screenshot, over=True)),
    Spec("suspend", "suspend", "back to the shell; fg returns here", _screen("suspend")),
    Spec("interrupt", "interrupt", "stop what the engine does; quit when it does nothing", _screen("interrupt")),
    Spec("quit", "quit", "leave", _screen("quit")),
)  # fmt: skip

_WORD = re.compile(r"(?<![.\w])(?:[A-Z]{2,}|[a-z][a-z-]*)")  # of a usage

_SCREEN_NAMES = {spec.name for spec in SCREEN_COMMANDS}
SCREEN_ALONE = _SCREEN_NAMES - {spec.name for spec in COMMANDS}  # names that the engine does not know
ALL_COMMANDS: tuple[Spec, ...] = (*(spec for spec in COMMANDS if spec.name not in _SCREEN_NAMES), *SCREEN_COMMANDS)


class Key(NamedTuple):
    """A row of the key table. `{unit}` in the text is the unit that ← and → step by."""

    keys: str  # as Textual names them, comma between alternatives
    shown: str  # as people name them
    text: str  # the command
    summary: str
    group: str  # the heading in the help


def _steps() -> list[Key]:
    units = [unit for unit in UNITS if unit is not Unit.TIME]  # few programs have time steps: [ and ] reach it
    forward = [Key(unit[0], unit[0], f"step {unit}", f"step one {unit}", "step") for unit in units]
    back = [Key(u[0].upper(), u[0].upper(), f"back {u}", f"back one {u}", "step back") for u in units]
    return forward + back


KEYS: tuple[Key, ...] = (
    *_steps(),
    Key("right", "→", "step {unit}", "step one unit", "walk"),
    Key("left", "←", "back {unit}", "back one unit", "walk"),
    Key("left_square_bracket", "[", "unit finer", "a finer unit", "walk"),
    Key("right_square_bracket", "]", "unit coarser", "a coarser unit", "walk"),
    Key("space", "space", "toggle", "run, pause", "walk"),
    Key("u", "u", "command run until ", "run until it is true", "walk"),
    Key("U", "U", "command reverse-run until ", "back to where it was true", "walk"),
    Key("w", "w", "command watch ", "stop where it is true", "walk"),
    Key("g", "g", "command goto ", "go to a position", "walk"),
    Key("home", "home", "goto start", "before training", "walk"),
    Key("end", "end", "goto last", "the furthest reached", "walk"),
    *(Key(number, number, f"focus {name}", name, "panes") for number, name in NUMBERED.items()),
    Key("tab", "tab", "focus next", "the next pane", "panes"),
    Key("shift+tab", "shift+tab", "focus previous", "the pane before", "panes"),
    Key("enter", "enter", "enter", "arrows for the pane", "panes"),
    Key("z", "z", "zoom", "this pane alone", "panes"),
    Key("i", "i", "inspect", "any tensor", "panes"),
    Key("T", "T", "tape", "the tape", "panes"),
    Key("k", "k", "focus codes", "codes", "panes"),
    Key("x", "x", "log", "the log", "panes"),
    Key("slash", "/", "command find ", "search the graph", "panes"),
    Key("Z", "Z", "layout next", "the next layout", "layouts"),
    *(Key(f"f{at}", f"F{at}", f"layout {name}", name, "layouts") for at, name in enumerate(LAYOUTS, 2)),
    Key("H", "H", "hide", "hide this pane", "layouts"),
    Key("A", "A", "unhide", "show all hidden panes", "layouts"),
    Key("right_curly_bracket", "}", "wider", "this pane wider", "layouts"),
    Key("left_curly_bracket", "{", "narrower", "narrower", "layouts"),
    Key("right_parenthesis", ")", "taller", "taller", "layouts"),
    Key("left_parenthesis", "(", "shorter", "shorter", "layouts"),
    Key("t", "t", "lesson", "the lessons", "lesson"),
    Key("K", "K", "word", "look up the word here", "lesson"),
    Key("full_stop", ".", "page next", "the next page", "lesson"),
    Key("comma", ",", "page previous", "the page before", "lesson"),
    Key("a", "a", "command answer ", "answer a question", "lesson"),
    Key("d", "d", "try", "do what is suggested", "lesson"),
    Key("escape", "esc", "escape", "back out", "program"),
    Key("colon", ":", "command", "type a command", "program"),
    Key("ctrl+p", "ctrl+p", "palette", "search commands", "program"),
    Key("question_mark", "?", "help", "this help", "program"),
    Key("S", "S", "screenshot", "save a picture", "program"),
    Key("r", "r", "restart", "restart an ended engine", "program"),
    Key("ctrl+z", "ctrl+z", "suspend", "back to the shell", "program"),
    Key("ctrl+c", "ctrl+c", "interrupt", "stop the engine, or quit", "program"),
    Key("q", "q", "quit", "leave", "program"),
)


_table = KEYS


def use_keys(keys: tuple[Key, ...] = KEYS) -> None:
    """Show these keys everywhere from now on: the user's."""
    global _table
    _table = keys


def key_table() -> tuple[Key, ...]:
    """The keys in use: the table, with the user's changes."""
    return _table


def means(text: str, names: Sequence[str]) -> bool:
    """Whether one of these keys carries out this text."""
    return any(key.keys in names for key in _table if key.text == text)


def parse(text: str) -> Command:
    """The command that a line of text means: a ScreenCommand, or one of the engine's.

    Raises CommandError, naming the word that is wrong and what it could have been.
    """
    check_length(text)
    name, _, rest = text.lstrip().partition(" ")
    return find(name).parse(rest)


def insisting(text: str) -> str:
    """The command that replaces a file that is there, `save! run.json`, where there is such a one."""
    name, _, rest = text.strip().partition(" ")
    return f"{name}! {rest}" if any(spec.name == f"{name}!" for spec in ALL_COMMANDS) else text


def keys_of(name: str) -> str:
    """The keys whose command begins with this name, as people name them."""
    return " ".join(key.shown for key in _table if key.text.split()[0] == name)


def key_to_pane(name: str) -> str:
    """The key that goes to a pane, as people name it; "" where none does."""
    return next((key.shown for key in _table if key.text == way_to(name)), "")


def find(name: str) -> Spec:
    """A command's row. Raises CommandError for an unknown name."""
    return find_row(name, ALL_COMMANDS, "? lists the commands, Tab completes")


def palette() -> list[tuple[str, str]]:
    """Every command text that can be chosen from a list, and what it does."""
    rows = [(spec.name, _about(spec)) for spec in ALL_COMMANDS]
    with_arguments = [key for key in _table if " " in key.text and "{" not in key.text and not key.text.endswith(" ")]
    rows += [(key.text, f"{key.summary} (key {key.shown})") for key in with_arguments]
    return rows + [(f"theme {scheme.name}", scheme.about) for scheme in SCHEMES.values()]


def _about(spec: Spec) -> str:
    keys = " ".join(key.shown for key in _table if key.text == spec.name)
    return f"{spec.summary} (key {keys})" if keys else spec.summary


def complete(text: str, names: list[str]) -> str | None:
    """The whole line that `text` most likely begins; `names` are those that `print` knows now.

    None when nothing fits, or when the text is complete.
    """
    if not text.strip():
        return None
    head, space, tail = text.rpartition(" ")
    candidates = _candidates(head.split()[0].lower(), names) if space else [spec.name for spec in ALL_COMMANDS]
    for candidate in candidates:
        if tail and candidate.startswith(tail) and candidate != tail:
            return f"{head}{space}{candidate}"
    return None


def _candidates(command: str, names: list[str]) -> list[str]:
    """The words that a command's usage has, and those that its words in capitals stand for."""
    usage = next((spec.usage for spec in ALL_COMMANDS if spec.name == command), "")
    return [one for word in _WORD.findall(usage.partition(" ")[2]) for one in _stands_for(word, names)]


def _stands_for(word: str, names: list[str]) -> Sequence[str]:
    match word:
        case "PANE":
            return EVERY_PANE
        case "PHASE":
            return tuple(Phase)
        case "UNITS":
            return ("batches", "epochs")
        case "COMMAND":
            return [spec.name for spec in ALL_COMMANDS]
        case "NAME" | "EXPRESSION" | "PARAMETER":
            return names
    return () if word.isupper() else (word,)
