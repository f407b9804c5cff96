"""Base, layers and configuration become an image.

Every image of ours runs as a user that is not root (65532, given as a number so that Kubernetes can tell), writes
nothing but /tmp and /work, and carries the base's environment with ours over it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import toolkit
from toolkit.domain import oci
from toolkit.domain.oci import Descriptor, Image, Process, RootFs, Step
from toolkit.packaging.oci import layer as layers
from toolkit.packaging.oci import layout
from toolkit.packaging.oci.base import Base
from toolkit.packaging.oci.contents import APP, WORK, Content
from toolkit.packaging.oci.layer import Folder, Layer
from toolkit.packaging.oci.layout import Built

USER = "65532:65532"
PORT = 8080
Kind = Literal["serve", "job"]
_TITLE = {"serve": "inference", "job": "jobs"}
_OPEN = 0o1777  # as /tmp: some platforms choose the user


@dataclass(frozen=True)
class ImageSpec:
    """`base` is read and inspected; `base_name` how it was asked for, "" for a folder of this machine (its path would
    be in the digest). `environment` is what the image is told by default; who starts it may say otherwise.
    """

    kind: Kind
    project: str
    base: Built
    offers: Base
    content: Content
    base_name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def build(spec: ImageSpec, advance: Callable[[int], None] = lambda n: None) -> Built:
    """The image. `advance` counts layers. The same inputs give the same digest. Raises Corrupt, StorageFull."""
    when = layers.epoch()
    made: list[tuple[str, Layer]] = []
    for number, group in enumerate(spec.content.groups):
        folders = [Folder(WORK, _OPEN), Folder("/tmp", _OPEN)] if number == 0 else []  # noqa: S108
        made.append((group.name, layers.make(group.members, group.under, when, folders)))
        advance(1)
    base = oci.with_twins(spec.base.manifest)
    own = [Descriptor(oci.LAYER_GZIP, found.digest, found.size) for _, found in made]
    files = {**spec.base.files, **{found.digest: found.path for _, found in made}}
    labels = _labels(spec, when)
    image = _image(spec, made, labels, when)
    notes = {name: text for name, text in labels.items() if name.startswith("org.opencontainers.")}
    return layout.assemble(image, [*base.layers, *own], files, notes)


def _image(spec: ImageSpec, made: list[tuple[str, Layer]], labels: dict[str, str], when: int) -> Image:
    under = spec.base.image
    steps = [
        Step(created=_time(when), created_by=f"toolkit image build: {name}", comment=DISTRIBUTION_NOTE)
        for name, _ in made
    ]
    return Image(
        created=_time(when),
        architecture=under.architecture,
        os=under.os,
        variant=under.variant,
        config=_process(spec, labels),
        rootfs=RootFs([*under.rootfs.diff_ids, *(found.diff_id for _, found in made)]),
        history=[*under.history, *steps],
    )


DISTRIBUTION_NOTE = f"driftloop {toolkit.__version__}"


def _process(spec: ImageSpec, labels: dict[str, str]) -> Process:
    python = spec.offers.python
    variables = {**spec.base.image.config.variables(), **_variables(spec)}
    shared = {"user": USER, "env": [f"{name}={value}" for name, value in variables.items()], "labels": labels}
    if spec.kind == "serve":
        return Process(
            **shared,  # type: ignore[arg-type]
            entrypoint=[python, f"{APP}/serve.py"],
            working_dir=APP,
            exposed_ports={f"{PORT}/tcp": {}},
            stop_signal="SIGTERM",
        )
    return Process(
        **shared,  # type: ignore[arg-type]
        entrypoint=[python, "-m"],  # what follows is a job's module and its arguments
        cmd=["toolkit.entry.job"],
        working_dir=WORK,
        stop_signal="SIGTERM",
    )


def planned(spec: ImageSpec) -> Process:
    """How a container of this image will be started, without building its layers."""
    return _process(spec, _labels(spec, layers.epoch()))


def _variables(spec: ImageSpec) -> dict[str, str]:
    """Sorted, so that the order they were given in is not in the digest."""
    ours = {
        "HOME": WORK,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": APP,
        "PYTHONUNBUFFERED": "1",
        **spec.environment,
    }
    return dict(sorted(ours.items()))


def _labels(spec: ImageSpec, when: int) -> dict[str, str]:
    base = {"org.opencontainers.image.base.digest": spec.base.digest}
    if spec.base_name:
        base["org.opencontainers.image.base.name"] = spec.base_name
    return dict(
        sorted(
            {
                "org.opencontainers.image.created": _time(when),
                "org.opencontainers.image.title": f"{spec.project}-{_TITLE[spec.kind]}",
                "org.opencontainers.image.description": f"{_TITLE[spec.kind]} of {spec.project}, by the toolkit",
                "driftloop.kind": spec.kind,
                "driftloop.version": toolkit.__version__,
                "driftloop.project": spec.project,
                **base,
                **spec.labels,
            }.items()
        )
    )


def _time(when: int) -> str:
    return datetime.datetime.fromtimestamp(when, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
