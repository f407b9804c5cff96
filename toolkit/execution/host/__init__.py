"""The one background process of the local target: it answers the function URLs of a folder, fires its schedules
and tells of new data.

    python -m toolkit.execution.host --root FOLDER [--port PORT]

The folder is the whole state, so that the host can be killed at any time and started again, and whoever changes the
folder (the adapter, from another process) needs no word with the host: it looks at a function's small files on each
call (a stat), so a new route holds at once.

    functions/<name>/function.json       tags, interpreter
                    /versions/<n>.json   one published version, never changed
                    /route.json          weights; replaced atomically
                    /events/<id>.json    events that nobody waits for, deleted when delivered
                    /log.jsonl           what was printed
    bundles/<digest>/                    unpacked once, read-only, for all versions that use it
    workers/, runtime/                   see `aws_lambda`
    server/lock                          held (flock) as long as the host lives: who holds it is the host
          /host.json                     its pid, port and start, written when it is ready
          /port /token /control          remembered: the URL and the tokens outlive the host

Files: `folder` (the layout), `bundles`, `running` (live functions), `events` (the queue), `front` (HTTP), `serve` (the
process), `process` (starting, finding and stopping it). Two tokens: `token` calls functions, `control` also picks
versions and drops functions. No CORS header is ever added: a web page of another origin can read nothing.
"""
