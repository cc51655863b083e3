"""`multisymbol models`: manage stored models (list, show, compare, promote, retire, ...: --help)."""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text

from multisymbol.cli import models
from multisymbol.cli.commands import Parser
from multisymbol.cli.models import CommandOutput
from multisymbol.errors import MultisymbolError, StoreError
from multisymbol.progress import Terminal, complain, ended
from multisymbol.reports.tables.table import Table, show

Options = argparse.Namespace


def run(arguments: Sequence[str]) -> int:
    """Run one verb; return the exit status: 0, 1 where cleanup leaves something behind, 2 for a mistake."""
    options = parser().parse_args(arguments)
    try:
        output: CommandOutput = options.run(options)
        _print(output, as_json=options.json)
    except MultisymbolError as error:
        if options.verbose:
            traceback.print_exc()
        complain(str(error))
        return 2
    return output.status


def _print(output: CommandOutput, *, as_json: bool) -> None:
    terminal = Terminal()
    if as_json:
        terminal.show(Text(json.dumps(output.data, indent=2, ensure_ascii=False)))
        return
    for part in output.parts:
        terminal.show(show(part)) if isinstance(part, Table) else terminal.say(part)


def _list(options: Options) -> CommandOutput:
    which = models.Filter(
        strategy=options.strategy,
        timeframe=options.timeframe,
        scope=options.scope,
        symbol=options.symbol,
        asset_class=options.asset_class,
        alias=options.alias,
        retired=options.retired,
    )
    return models.list_models(_place(options).store, which, now=time.time_ns())


def _show(options: Options) -> CommandOutput:
    return models.show_model(_place(options).store, options.model, now=time.time_ns())


def _compare(options: Options) -> CommandOutput:
    return models.compare_models(_place(options).store, options.first, options.second)


def _promote(options: Options) -> CommandOutput:
    return models.promote_model(_place(options).store, options.model, alias=options.alias)


def _retire(options: Options) -> CommandOutput:
    return models.retire_model(_place(options).store, options.model, undo=options.undo)


def _export(options: Options) -> CommandOutput:
    return models.export_stored(_place(options).store, options.model, options.target)


def _import(options: Options) -> CommandOutput:
    return models.import_stored(_place(options, create=True).store, options.source, rename=options.name)


def _delete(options: Options) -> CommandOutput:
    store = _place(options).store
    _, question = models.deletion(store, options.model)
    if not options.yes and not _agreed(question):
        return CommandOutput(parts=("nothing was deleted",), data={"deleted": []})
    return models.delete_models(store, options.model)


def _cleanup(options: Options) -> CommandOutput:
    return models.find_orphans(_place(options), remove=options.remove)


def _place(options: Options, *, create: bool = False) -> models.Place:
    return models.place(options.store, create=create)


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise StoreError(f"this would {question}; confirm with --yes")
    ended()
    return input(f"{question}? [y/N] ").strip().lower() in {"y", "yes"}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = Parser(
        prog="multisymbol models",
        description="Manages stored models. MODEL is NAME/3, NAME@champion, or NAME (its champion, else newest).",
    )
    verbs = whole.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Callable[[Options], CommandOutput], text: str) -> argparse.ArgumentParser:
        own = verbs.add_parser(name, help=text, description=text)
        own.add_argument(
            "--store", metavar="PLACE", help="database file, its folder, or a server (default: registry.uri)"
        )
        own.add_argument("--json", action="store_true", help="print for a program")
        own.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an error")
        own.set_defaults(run=run)
        return own

    _add_list(verb("list", _list, "list registered versions"))
    _add_model(verb("show", _show, "print all that is known of one version"))
    compare = verb("compare", _compare, "compare two versions side by side")
    compare.add_argument("first", metavar="MODEL")
    compare.add_argument("second", metavar="MODEL")
    promote = _add_model(verb("promote", _promote, "give a version an alias; the champion serves"))
    promote.add_argument("alias", nargs="?", default="champion", help="champion (default) or challenger, or your own")
    retire = _add_model(verb("retire", _retire, "stop serving a version; it is kept"))
    retire.add_argument("--undo", action="store_true", help="serve it again")
    export = _add_model(verb("export", _export, "write a version to a folder or zip"))
    export.add_argument("target", type=Path, metavar="FILE.zip|FOLDER")
    taking = verb("import", _import, "register a model from a folder or zip; code that is not trusted is refused")
    taking.add_argument("source", type=Path, metavar="FILE.zip|FOLDER")
    taking.add_argument("--as", dest="name", metavar="NAME", help="another strategy than the model's own")
    delete = _add_model(verb("delete", _delete, "delete NAME/3, or NAME with all versions, and the files"))
    delete.add_argument("--yes", action="store_true", help="do not ask")
    cleanup = verb("cleanup", _cleanup, "list files and runs that killed processes left; exit status 1 if any remain")
    cleanup.add_argument("--remove", action="store_true", help="remove them")
    return whole


def _add_model(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="NAME/3, NAME@champion, or NAME")
    return parser


def _add_list(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--strategy", help="first part of the name")
    add("--timeframe", help="length of the bars, such as 1h")
    add("--scope", choices=("universal", "single"))
    add("--symbol", help="trained on this symbol")
    add("--asset-class", help="trained on a symbol of this class")
    add("--alias", help="has this role, such as champion")
    add("--retired", action="store_true", help="list retired versions too")
