"""From files to what a cloud takes: code packages, locked environments, function bundles, and what is inside them.

    shipped    where functions/ and examples/ lie, in a checkout and in an installed wheel
    code       the user's project -> a small zip named by its digest -> a job's folder
    lock       requirements.txt or pyproject.toml -> fully pinned text, by uv
    bundle     function + packages + our own floors + model -> one zip:
               contents (which packages) -> wheels (uv, for the target's platform) -> trim -> bytecode -> archive
    budget     what takes the space, and a refusal that says so
    measure    what a start costs against its floor (the runtime with the same model and nothing else), per package
    sbom scan  what is inside (CycloneDX), and what must not be (keys, pickles)

Decisions, each measured:

- **Bytes are a function of the inputs.** Zip records are written by hand: sorted names, one date, one mode. Bytecode is
  unchecked-hash (in a zip with fixed dates a timestamp .pyc is worth as much as none) and compiled in processes whose
  history is fixed (`_compile`). Two machines agree where their zlib does.
- **A bundle is a merge of layers.** Wheels and our own source change seldom, models often. Each layer is kept as a zip
  of its own under the user's cache, and its members are copied without being compressed again: a new model in the
  bundle costs 0.2 s where the first build costs three.
- **Nothing is listed twice.** Which of our modules a function needs follows from its imports (`ours`), and the versions
  in it are those of the environment that trained.
- Level 4: within 4 % of level 6 in size at half its time.

A change here that alters the bytes of a layer raises `layers.FORMAT`, or old layers are served from people's caches.
"""
