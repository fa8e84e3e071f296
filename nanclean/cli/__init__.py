"""The command line: commands imported when they are called, and the one place where outcomes become exit codes.

Nothing but click is imported here, so that `--help` and a slip of the finger are answered at once.
"""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from nanclean import registry
from nanclean.errors import NancleanError, UsageError
from nanclean.escaping import escaped, shortened

COMMANDS = ("scan", "check", "compare", "fix", "fit", "apply", "init", "explain", "profile", "merge")
"""In the order of `--help`. The module of each has its name and holds a `command`."""
INTERRUPTED, CLOSED, TERMINATED, BUG = 130, 141, 143, 70


class Commands(click.Group):
    """The group. It imports a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"nanclean.cli.{cmd_name}").command
        if not ctx.resilient_parsing:
            return command
        from nanclean.cli._completion import completing  # a shell asks what could stand here

        return completing(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in COMMANDS or ctx.resilient_parsing or (name.startswith("-") and name != "-"):
            return super().resolve_command(ctx, args)
        raise UsageError(f"there is no command {name!r}", hint=_meant(name, args))

    # A closed pipe is told apart here: further out click makes it 1, which is our word for findings.

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        with _unless_closed():
            return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _unless_closed():
            return super().invoke(ctx)


def _meant(name: str, args: Sequence[str]) -> str:
    if os.path.exists(name) or os.sep in name or "." in name or name == "-":
        return f"did you mean: nanclean scan {shlex.join(args)}"
    nearest = registry.nearest(name, COMMANDS)
    if nearest is None:
        return f"there are: {', '.join(COMMANDS)}"
    return f"did you mean: {shlex.join(['nanclean', nearest, *args[1:]])}"


@contextmanager
def _unless_closed() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _discard_output()
        raise click.exceptions.Exit(CLOSED) from None


def _show_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from nanclean.version import version

    click.echo(f"nanclean {version() or '(not installed)'}")
    ctx.exit()


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Which one.")
@click.pass_context
def group(ctx: click.Context) -> int | None:
    """Find what will turn your loss into NaN, in the file, before training. Fix it by written rules, and prove it.

    \b
    nanclean scan train.csv           look, and report
    nanclean check data/*.parquet     a line for each finding; exit 1 on errors
    nanclean compare old.csv new.csv  how far apart they are, column by column
    nanclean init train.csv           a commented policy, drawn from the file
    nanclean fix train.csv -o OUT     repair as the policy says, and prove it
    nanclean apply R.json FILE -o OUT the numbers of the training data, again
    nanclean explain isolated         what a rule finds, why, and its weakness

    \b
    Exit codes: 0 good, 1 findings, 2 your command or policy, 3 cannot read or
    write, 4 not verified, 70 our bug, 130/143/141 interrupted, terminated,
    output closed.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return 2
    return None


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and end the program. The exit code says how it went, a line or two what went wrong."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line. The exit code."""
    _prepare_streams()
    if not sys.warnoptions:  # warnings of libraries are for their programmers
        warnings.simplefilter("ignore")
    with _terminable():
        try:
            code = _ended(arguments)
            _flush()
        except BrokenPipeError:
            _discard_output()
            return CLOSED
        except OSError as error:
            tell("error", f"cannot write to standard output: {error.strerror}")
            _discard_output()
            return 3
        except KeyboardInterrupt:
            _discard_output()
            return INTERRUPTED
        except SystemExit as stopped:  # terminated
            return stopped.code if isinstance(stopped.code, int) else BUG
        return code


def _ended(arguments: Sequence[str] | None) -> int:
    try:
        code = group.main(args=arguments, prog_name="nanclean", standalone_mode=False)
    except NancleanError as error:
        return told(error)
    except click.exceptions.NoSuchOption as error:
        nearest = registry.nearest(error.option_name, error.possibilities or _options_of(error.ctx))
        return told(UsageError(f"there is no option {error.option_name}", hint=_hint(error, nearest)))
    except click.ClickException as error:
        message = error.format_message().rstrip(".")
        return told(UsageError(message[:1].lower() + message[1:], hint=_hint(error, None)))
    except (click.Abort, KeyboardInterrupt):
        _discard_output()
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError):
            if error.errno == errno.EPIPE:
                raise
            _discard_output()
        return unexpected(error)[1]
    return code if isinstance(code, int) else 0


def told(error: NancleanError) -> int:
    """An expected failure, told on standard error. Its exit code."""
    _flush_quietly()
    tell("error", error.message)
    if error.hint:
        tell("hint", error.hint)
    return error.exit_code


def tell(kind: str, text: str) -> None:
    """A line on standard error for each line of the text, `error: …` or `hint: …`."""
    with suppress(OSError, ValueError):  # nobody can be told that nobody can be told
        sys.stderr.writelines(f"{kind}: {escaped(line)}\n" for line in text.split("\n"))
        sys.stderr.flush()


def _options_of(ctx: click.Context | None) -> list[str]:
    return [] if ctx is None else [name for parameter in ctx.command.params for name in parameter.opts]


def _hint(error: click.ClickException, nearest: str | None) -> str:
    if nearest is not None:
        return f"did you mean {nearest}?"
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return f"{'nanclean' if ctx is None else ctx.command_path} --help shows what there is"


def unexpected(error: Exception) -> tuple[str, int]:
    """A failure that nobody has foreseen, told on standard error: what was told, and the exit code."""
    _flush_quietly()
    if isinstance(error, MemoryError):
        message, code = "not enough memory", 3
        tell("error", message)
        tell("hint", "a smaller cap may help: --memory 500MB")
    elif isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        message, code = f"{where}{error.strerror or type(error).__name__}", 3
        tell("error", message)
    else:
        message, code = _crashed(error), BUG
        tell("error", message)
    return message, code


def _crashed(error: Exception) -> str:
    """Put the traceback where it can be found. What it says may hold data, so only its kind is told."""
    import tempfile
    import traceback

    where = "that could not be written anywhere"
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", prefix="nanclean-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file,
    ):
        file.write("".join(traceback.format_exception(error)))
        where = f"in {file.name}"
    kind = shortened(type(error).__name__)
    return f"a bug in nanclean ({kind}), not in your file; please report it with the traceback {where}"


def _prepare_streams() -> None:
    """Streams that exist and never fail over a character.

    A closed descriptor is filled with the null device, or the next file to be opened would get its number, and with
    it whatever is written to "standard output".
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    sys.stdout.flush()


def _flush_quietly() -> None:
    with suppress(OSError, ValueError):
        sys.stdout.flush()


def _discard_output() -> None:
    """Send what is still to be written to the null device, or Python fails over it once more when it ends."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP unwind the program, so that it takes its drafts away; a second one changes nothing."""

    def stop(number: int, frame: FrameType | None) -> None:
        for handled in before:
            signal.signal(handled, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        _discard_output()
        raise SystemExit(TERMINATED)

    before: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        with suppress(ValueError):  # not in the main thread
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)
