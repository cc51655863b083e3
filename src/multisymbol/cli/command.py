"""Starting a command: the user's mistakes in one form, no traceback unless asked for, nothing left behind."""

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from multisymbol.cli.compose import forwarded
from multisymbol.cli.help import help_page
from multisymbol.cli.schema import SCHEMA, config_problems
from multisymbol.config.build import plain
from multisymbol.config.check import Problem, report
from multisymbol.config.command_line import key_without_text
from multisymbol.config.installation import conf_folder, group_files
from multisymbol.config.origins import Origins
from multisymbol.config.trust import trust_problems, trusting
from multisymbol.errors import ConfigError, MultisymbolError, OutputError, nearest
from multisymbol.progress import Terminal, complain

_MANY = {"-m", "--multirun"}
_HELP = {"-h", "--help"}
_PAGE_OPTIONS = {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"}
_VALUE_OPTIONS = _PAGE_OPTIONS | {"--cfg", "-c", "--package", "-p", "--experimental-rerun"}
_MAYBE_VALUE_OPTIONS = {"--info", "-i"}


@dataclass(kw_only=True, slots=True)
class _CommandLine:
    """What the command line said that Hydra never gets to see."""

    verbose: bool = False  # whether tracebacks are shown
    wrong_options: list[Problem] = field(default_factory=list)  # group options that do not exist
    arguments: list[str] = field(default_factory=list)  # what Hydra is given
    # words between the program and its arguments, `train` of `multisymbol train`
    subcommand: list[str] = field(default_factory=list)
    folders: tuple[Path, ...] = ()  # configuration folders besides the shipped one
    # a sweep's jobs that came to nothing, by what sets them apart
    failed: dict[str, Exception] = field(default_factory=dict)


class _StoppedError(SystemExit):
    """Carries a user's mistake out through Hydra, which would announce an Exception in words of its own."""


_TOLD = (_StoppedError, MultisymbolError, HydraException, OmegaConfBaseException, OSError)
"""What a user can cause; anything else is an error of the program and keeps its traceback."""
_line = _CommandLine()


def start(
    main: Callable[[], object],
    *,
    page: str,
    arguments: Sequence[str],
    usage: str | None = None,
    folders: Sequence[Path] = (),
) -> int:
    """Run a `@hydra.main` function as a command.

    Args:
        main: The decorated function.
        page: Its configuration file, without `.yaml`.
        arguments: Words after the command.
        usage: How the command is written, None: `multisymbol PAGE`.
        folders: Configuration folders besides the shipped one.

    Returns:
        Exit status: 2, with a plain message, for whatever a user can cause; 1 where a sweep's job broke otherwise.
    """
    given = list(sys.argv)
    _line.verbose = _line.verbose or os.environ.get("HYDRA_FULL_ERROR") == "1"
    _line.subcommand = _words_before(arguments)
    _line.folders = tuple(folders)
    _line.failed.clear()
    try:
        for_hydra = _arguments(arguments)
        if _HELP & set(for_hydra):
            usage = usage or f"multisymbol {page.replace('_', '-')}"
            Terminal().say(help_page(page, usage=usage, folders=_config_folders(for_hydra)))
            return 0
        sys.argv[1:] = for_hydra
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then hands its errors on, and we say them in our own form
        main()
    except BrokenPipeError:
        raise
    except (_StoppedError, Exception) as error:
        if _line.failed:
            return _tell_failed()
        if not isinstance(error, _TOLD):
            raise
        if _line.verbose:
            traceback.print_exc()
        complain(_message(error))
        return 2
    finally:
        sys.argv[:] = given
    return 0


def execute(
    work: Callable[[dict[str, Any], Path], float], config: DictConfig, *, schema: str = SCHEMA, leaves: bool = True
) -> float:
    """Check a composed configuration, then do the work in the run's folder; a mistake leaves no folder behind.

    Args:
        work: Gets the plain, resolved configuration and the run's folder; returns what a sweep optimises.
        config: From Hydra.
        schema: Dotted name of the dataclass that lists the keys of the top level.
        leaves: Whether the work leaves something; if not, the folder Hydra made is removed.

    Raises:
        SystemExit: Caused by the ConfigError that lists every problem, or another mistake with a cure.
    """
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    try:
        with _trusting_as(config):
            found = [*_line.wrong_options, *config_problems(config, schema=schema), *_sweep_problems(config)]
            if found:
                raise report(found, origin=origins())
            _tell_job()
            with _restartable():
                score = work(plain(config), run_dir)
    except Exception as error:  # a sweep goes on after any; outside of one it is raised again
        refused = isinstance(error, MultisymbolError)
        if refused:
            _forget(run_dir)
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # Hydra continues with the next job after any Exception
            _note_failed(error)
        elif refused:
            raise _StoppedError from error
        raise
    if not leaves:
        _forget(run_dir)
    return score


def _trusting_as(config: DictConfig) -> AbstractContextManager[None]:
    """Trust the packages that the user's configuration names; they may lie beside the user's configuration folder."""
    given = OmegaConf.select(config, "trust")
    packages: Any = OmegaConf.to_container(given) if OmegaConf.is_config(given) else []  # the check says what is wrong
    own = [folder for folder in origins().folders if folder != conf_folder()]
    folders = [place for folder in own for place in (folder.parent, folder)]
    return trusting([] if trust_problems(packages) else packages, folders=folders)


def _words_before(arguments: Sequence[str]) -> list[str]:
    """Return the words between the program's name and a command's arguments."""
    words = sys.argv[1:]
    start = len(words) - len(arguments)
    return words[:start] if start >= 0 and words[start:] == list(arguments) else []


@contextmanager
def _restartable() -> Iterator[None]:
    """Put the subcommand, which Hydra does not take, back into `sys.argv`: Lightning starts more processes with it."""
    sys.argv[1:1] = _line.subcommand
    try:
        yield
    finally:
        del sys.argv[1 : 1 + len(_line.subcommand)]


def _message(error: BaseException) -> str:
    """Prefer our own message, wherever in the chain of causes it is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MultisymbolError):
            return str(cause)
        cause = cause.__cause__
    if isinstance(error, OSError) and not isinstance(error, HydraException):
        folder = error.filename or "a folder"
        return str(
            OutputError(f"{folder} cannot be written: {error.strerror}. Choose another folder: paths.outputs=DIR")
        )
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if cure := key_without_text(error):
        return cure
    return f"{error}\nSee the whole configuration: --cfg job      its pages: --info defaults-tree"


def _unreadable(error: OverrideParseException) -> str:
    """Say which argument Hydra's grammar cannot read, and what it wants."""
    lines = [line for line in str(error).splitlines() if not line.startswith(("See https", "Error parsing"))]
    return (
        f"command line: '{error.override.lstrip('+')}' cannot be read: {' '.join(lines)}\n"
        "  Write key=value. Text with , : = or brackets in it goes in quotes within quotes: 'source.root=\"a, b\"'"
    )


def _tell_job() -> None:
    """Name a sweep's job by what differs from job to job."""
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        Terminal().fact(*_job())


def _job() -> tuple[str, str]:
    """Return a sweep's job's number and what differs from job to job."""
    hydra = HydraConfig.get()
    of_all = {text.lower() for text in _line.arguments}  # Hydra writes `True` where one wrote `true`
    own = [text.lstrip("+") for text in hydra.overrides.task if text.lower() not in of_all]
    return f"job {hydra.job.num + 1}", " ".join(own)


def _note_failed(error: Exception) -> None:
    """Say at once why a job came to nothing, once where several have the same reason."""
    told = {_message(earlier) for earlier in _line.failed.values()}
    _line.failed["  ".join(_job())] = error
    if not isinstance(error, _TOLD) or _line.verbose:
        traceback.print_exc()
    elif _message(error) not in told:
        complain(_message(error))


def _tell_failed() -> int:
    """List the jobs that came to nothing, after all others have run; return the exit status."""
    lines = [f"  {job}: {(str(error) or type(error).__name__).splitlines()[0]}" for job, error in _line.failed.items()]
    count = f"{len(lines)} job{'s' * (len(lines) > 1)}"
    complain("\n".join([f"{count} of the sweep failed, the others are done:", *lines]))
    return 2 if all(isinstance(error, _TOLD) for error in _line.failed.values()) else 1


def _arguments(arguments: Sequence[str]) -> list[str]:
    """Let Hydra accept every `key=value`, so that our check can name all wrong ones at once."""
    _line.verbose = _line.verbose or bool({"-v", "--verbose"} & set(arguments))
    _line.wrong_options.clear()
    kept = [argument for argument in arguments if argument not in {"-v", "--verbose"}]
    folders = _config_folders(kept)
    result = _options_last(list(_accepted(kept, folders)))
    _line.arguments = list(result)
    if _line.wrong_options and _MANY & set(result):
        raise report(_line.wrong_options, origin=lambda _: "command line")
    if {"--cfg", "-c"} & set(result) and "job" in result and "--resolve" not in result:
        result.append("--resolve")  # symbol configurations are shown as they are used
    return result


def _options_last(arguments: Sequence[str]) -> list[str]:
    """Let options stand anywhere: the parser refuses every `key=value` that comes after one in their midst."""
    options: list[str] = []
    overrides: list[str] = []
    for place, argument in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        is_value = before in _VALUE_OPTIONS or (before in _MAYBE_VALUE_OPTIONS and "=" not in argument)
        (options if argument.startswith("-") or is_value else overrides).append(argument)
    return [*overrides, *options]


def _accepted(arguments: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    for place, argument in enumerate(arguments):
        key, _, value = argument.partition("=")
        if argument[0] == "-" or (place and arguments[place - 1] in _PAGE_OPTIONS):
            yield argument
            continue
        options = [] if key.startswith("hydra") else group_files(key.partition("@")[0], folders)
        wrong = [name for name in _names(value) if options and name not in options]
        if wrong:
            text = " ".join(f"there is no '{name}'{nearest(name, options) or '.'}" for name in wrong)
            _line.wrong_options.append(Problem(path=f"{key}={value}", text=f"{text} Options: {', '.join(options)}"))
        else:
            yield forwarded(argument, folders)


def _names(value: str) -> list[str]:
    """Return the options a group override chooses; none for a glob, null or quoted text."""
    names = [name.strip() for name in value.strip("[]").split(",")]
    return [name for name in names if name not in {"null", ""} and not set(name) & set("*()'\"$ ")]


def _config_folders(arguments: Sequence[str]) -> list[Path]:
    """Return the user's configuration folders, those of the command, then the shipped one."""
    own = [Path(after) for flag, after in pairwise(arguments) if flag in {"--config-dir", "-cd"}]
    own += [Path(argument.partition("=")[2]) for argument in arguments if argument.startswith("--config-dir=")]
    missing = [str(folder) for folder in own if not folder.is_dir()]
    if missing:
        raise ConfigError(f"--config-dir {missing[0]} is not a folder")
    return [*own, *_line.folders, conf_folder()]


def _sweep_problems(config: DictConfig) -> list[Problem]:
    """Refuse a sweep whose jobs start processes of their own: each would run the whole sweep again."""
    many = OmegaConf.select(config, "trainer.devices") not in {1, "auto", "1"}
    if HydraConfig.get().mode == RunMode.MULTIRUN and many:
        return [
            Problem(path="trainer.devices", text="a sweep runs its jobs on one device each; use trainer=cpu or gpu")
        ]
    return []


def origins() -> Origins:
    """Return what names the file each key of the running command's configuration comes from."""
    hydra = HydraConfig.get()
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file" and source.path]
    own_first = sorted(folders, key=lambda folder: folder == conf_folder())
    return Origins(
        overrides=list(hydra.overrides.task),
        choices={
            key.split("@")[0]: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for key, value in hydra.runtime.choices.items()
        },
        folders=own_first,
        primary=str(hydra.job.config_name),
    )


def _forget(run_dir: Path) -> None:
    """Remove a run's folder that holds nothing but Hydra's own pages."""
    if run_dir.is_dir() and all(path.name == ".hydra" or path.suffix == ".log" for path in run_dir.iterdir()):
        shutil.rmtree(run_dir)
        for parent in list(run_dir.parents)[:3]:
            if any(parent.iterdir()):
                break
            parent.rmdir()
