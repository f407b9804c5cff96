"""`toolkit image build|push|dockerfile`: container images without Docker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.common import Session, options, short, table
from toolkit.domain.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.lifecycle.image import ImageInfo
    from toolkit.packaging.oci.transfer import Pushed

KINDS = click.Choice(["serve", "job"])


@click.group()
def command() -> None:
    """Build, push and export container images."""


def _what(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is built."""
    for option in (
        click.option("--kind", type=KINDS, default="serve", show_default=True, help="Answer requests, or run jobs."),
        click.option("--base", default="", metavar="REF", help="Reference, or oci:PATH; default: python:X.Y-slim."),
        click.option("--arch", type=click.Choice(["x86_64", "arm64"]), help="Default: architecture under [serve]."),
        click.option("--version", type=int, help="Model version; default: the champion."),
        click.option("--extra", "extras", multiple=True, help="An extra of the toolkit for jobs, as boost."),
    ):
        function = option(function)
    return function


@command.command()
@_what
@click.option("--output", type=click.Path(path_type=Path), help="Folder, or one file with .tar at its end.")
@options
def build(session: Session, output: Path | None, **what: Any) -> None:
    """Write an image as an OCI layout. The same inputs give the same digest."""
    from toolkit.bootstrap.registries import logins
    from toolkit.lifecycle import image

    ctx = session.context
    made = image.build(ctx, _wanted(**what), _from(session, output), logins=logins(ctx))
    for warning in made.warnings:
        session.report.warn(warning)
    session.emit("image.build.v1", made, lambda: _built(made))


@command.command()
@click.argument("reference", default="")
@click.option("--kind", type=KINDS, default="serve", show_default=True, help="Which of the images built here.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="Another layout folder or archive.")
@click.option("--plain-http", is_flag=True, help="The registry speaks HTTP (on this machine it may anyway).")
@options
def push(session: Session, reference: str, kind: str, source: Path | None, plain_http: bool) -> None:
    """Push the image to REFERENCE (registry/team/name:tag), only what it lacks. Jobs: where the target looks for it."""
    from toolkit.bootstrap.registries import job_image, logins
    from toolkit.lifecycle import image

    ctx = session.context
    reference = reference or (job_image(ctx) if kind == "job" else "")
    if not reference:
        raise ConfigError("where to?", hint=f"toolkit image push registry.example/team/name:tag --kind {kind}")
    given = _from(session, source)
    done = image.push(ctx, reference, kind, given, logins=logins(ctx), plain_http=plain_http)
    session.emit("image.push.v1", {"reference": reference, **_counts(done)}, lambda: _pushed(reference, done))


@command.command()
@_what
@click.option("--output", type=click.Path(path_type=Path), default="image", show_default=True, help="Folder to write.")
@options
def dockerfile(session: Session, output: Path, **what: Any) -> None:
    """Write a folder with a Dockerfile and the same files, for `docker build`."""
    from toolkit.bootstrap.registries import logins
    from toolkit.lifecycle import image

    ctx, folder = session.context, session.directory / output
    names, warnings = image.export(ctx, _wanted(**what), folder, logins=logins(ctx))
    for warning in warnings:
        session.report.warn(warning)
    found = {"path": str(folder), "files": names}
    session.emit("image.dockerfile.v1", found, f"{folder}: {', '.join(names)}\nnext: docker build {folder}")


def _wanted(kind: Any, base: str, arch: Any, version: int | None, extras: tuple[str, ...]) -> Any:
    from toolkit.lifecycle.image import Wanted

    return Wanted(kind=kind, base=base, architecture=arch or "", version=version, extras=extras)


def _from(session: Session, path: Path | None) -> Path | None:
    return session.directory / path if path else None


def _built(made: ImageInfo) -> str:
    rows = [("base", short(made.base_digest.partition(":")[2]), made.base)]
    rows += [(layer.name, short(layer.digest.partition(":")[2]), _megabytes(layer.size)) for layer in made.layers]
    return "\n".join(
        [
            table(("layer", "digest", ""), rows),
            f"{made.name}  {made.digest}",
            f"{made.path}  {_megabytes(made.size)}, Python {made.python}, {made.architecture}",
            f"next: toolkit image push {'--kind job' if made.kind == 'job' else f'REGISTRY/{made.name}'}",
        ]
    )


def _counts(done: Pushed) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(done)


def _pushed(reference: str, done: Pushed) -> str:
    counts = f"{done.uploaded} uploaded ({_megabytes(done.sent)}), {done.mounted} mounted, {done.there} were there"
    return f"{reference}@{done.digest}\n{counts}{'' if done.named else '; the tag names it already'}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
