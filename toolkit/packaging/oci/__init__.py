"""Container images without Docker: made as OCI layouts, pushed and fetched by the distribution API.

    reference   registry.example/team/name:tag, as people write it
    layer       files -> one tar.gz whose bytes follow from its content, kept in the user's cache
    layout      an image as a folder or a tar file: read, write, find the image of a platform
    base        what an image stands on: a reference or a layout; where its Python is, and which C library it has
    contents    what goes in: the function bundle's files for `serve`, the whole toolkit and its packages for `job`
    build       base + layers + configuration -> manifest
    registry    the distribution API over HTTP; `auth` its tokens, `logins` where user names come from
    transfer    an image to a registry, or from one, blob by blob
    dockerfile  the same image as a Dockerfile, for people who want one

Decisions:

- **An image is a function of its inputs**, like a bundle: names sorted, one owner, one mode, one date
  (SOURCE_DATE_EPOCH or 1980-01-01). Its digest is therefore the same wherever it is built, on the same zlib; a base is
  named by digest once it is resolved.
- **Layers by how often they change**: base, dependencies, ours, model. A new model is a few kilobytes to push.
- **The content is the bundle's**, member by member from the same caches, so that a container runs what Lambda runs.
- **Uploads are monolithic** (Google's registry takes no chunks), in chunks only where a proxy refuses the size. A lost
  reply is no question: the blob's name is its content, so we look whether it is there.
- **No daemon, no root, no shell of the base**: a base is never run, only read. What we need to know of it (its Python,
  glibc or musl) is in its layers' names.
"""
