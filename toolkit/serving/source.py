"""A model from the bucket: which one the endpoint's journal names, and its bytes, if a trusted key vouches for them.

    the journal      says which version is served: one request to see that nothing has changed
    the signature    by a key pinned in the function's configuration, over the digest of every file
    the bytes        by those digests; walked and loaded as a baked model's are

They lie under models/, where a release puts them: the function's identity may read these and the journal, and nothing
that a model was trained on.

The order is the point. Who can write to the bucket can write the journal too, so nothing it says is more than a wish:
without a signature for exactly this model, version and content, no file is fetched and onnxruntime never starts. What
such a person can still do is name another version that was signed; where the policy forbids to go back, none below the
one pinned in the configuration, or the highest that this process has served.
"""

from __future__ import annotations

from collections.abc import Callable

from toolkit.domain import codec, times, trust
from toolkit.domain.errors import Corrupt, NotFound, Untrusted
from toolkit.domain.records import ModelManifest, Release
from toolkit.domain.trust import MODEL, Expected, TrustRoot
from toolkit.ports.store import Store
from toolkit.serving import engine
from toolkit.serving.model import MANIFEST, Model, load
from toolkit.state import keys
from toolkit.state.blobs import Blobs
from toolkit.state.releases import Releases
from toolkit.state.signatures import Signatures

NOT_SERVED = frozenset({"card", "sample"})  # for people and for tests
MAX_BYTES = 1 << 30  # of all files of a model


class Source:
    """Of one endpoint. Not for several threads at once."""

    def __init__(
        self,
        store: Store,
        *,
        model: str,
        target: str,
        endpoint: str,
        root: TrustRoot | None,
        clock: Callable[[], str] = times.now,
    ) -> None:
        """`root` None: nothing is signed, digests alone are checked (`trust.require = false`)."""
        self._store, self._model, self._root, self._clock = store, model, root, clock
        self._releases = Releases(store, target, endpoint)
        self._highest = 0

    def current(self) -> Release | None:
        """What the journal says is served, None while nothing is. One request where nothing is new."""
        return self._releases.current()

    def load(self, release: Release) -> Model:
        """The model of `release`, ready to answer.

        Raises Untrusted (no valid signature, another model, an older version), Corrupt (other bytes), NotFound (gone
        from the bucket), and what the store raises.
        """
        if release.model != self._model:
            raise Untrusted(f"not trusted: the journal names model {release.model!r}; this serves {self._model!r}")
        if self._root is not None:
            trust.allowed(self._root, release.model, release.model_version, least=self._highest)
        manifest_bytes = Blobs(self._store, keys.model_file).get(release.model_digest)
        manifest = codec.decode(manifest_bytes, ModelManifest, where=MANIFEST)
        if self._root is not None:
            self._vouched(self._root, release, manifest)
        if manifest.model != release.model:
            raise Untrusted(f"not trusted: the manifest is of model {manifest.model!r}, not {release.model!r}")
        model = load({MANIFEST: manifest_bytes, **self._files(manifest)}, release.model_digest)
        self._highest = max(self._highest, release.model_version)
        return model

    def _vouched(self, root: TrustRoot, release: Release, manifest: ModelManifest) -> None:
        expected = Expected(
            kind=MODEL,
            model=release.model,
            version=release.model_version,
            digests={MANIFEST: release.model_digest, **manifest.files},
        )
        Signatures(self._store, release.model_digest).verified(root, expected, now=self._clock())

    def _files(self, manifest: ModelManifest) -> dict[str, bytes]:
        served = loaded(manifest)
        unused = {engine.GRAPH, engine.PROGRAM} - {engine.form(served)}
        wanted = {role: name for role, name in served.items() if role not in unused}
        if sum(manifest.sizes.get(role, 0) for role in wanted) > MAX_BYTES:
            raise Corrupt(f"the files of the model are over {MAX_BYTES >> 20} MiB")
        blobs = Blobs(self._store, keys.model_file)
        return {role: blobs.get(name) for role, name in wanted.items()}


def loaded(manifest: ModelManifest) -> dict[str, str]:
    """Role -> digest of the files that a function may load, whichever form of the model it computes with."""
    return {role: name for role, name in manifest.files.items() if role not in NOT_SERVED}


def first(source: Source) -> Release:
    """What to start with. NotFound: nothing was released yet."""
    release = source.current()
    if release is None:
        raise NotFound("nothing was released to this endpoint yet", hint="toolkit deploy")
    return release


def same(a: Release, b: Release) -> bool:
    """Whether the two name one model version."""
    return (a.model, a.model_version, a.model_digest) == (b.model, b.model_version, b.model_digest)
