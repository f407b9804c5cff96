"""Every command: name -> (module here, one line of help).

Help is printed from this table, so `toolkit --help` imports no command.
"""

from __future__ import annotations

import click

TABLE: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a new project, from any CSV or Parquet file if you have one."),
    "demo": ("demo", "Run the whole loop on the real 2013 New York flights."),
    "doctor": ("doctor", "Check this machine and the target; say what to type for each failure."),
    "bootstrap": ("bootstrap", "Make what a target needs first: bucket, roles, queue. An operator's command."),
    "dev": ("dev", "Run the local target in the foreground: endpoints, schedules, logs."),
    "data": ("data", "Ingest the source; list and show dataset versions."),
    "train": ("train", "Train a model as a batch job and register it."),
    "runs": ("runs", "List, show and compare runs."),
    "models": ("models", "List, show and verify model versions."),
    "promote": ("promote", "Move an alias to a model version, once its gates pass."),
    "rollback": ("rollback", "Put the previous champion back, in a second and without a rebuild."),
    "plan": ("plan", "Show what a deployment would change, and why."),
    "deploy": ("deploy", "Deploy the champion as a function with a URL."),
    "rollout": ("rollout", "Show how the challenger's rollout goes, and why it went back."),
    "hold": ("hold", "Keep a rollout's traffic where it is."),
    "resume": ("resume", "Go on with a rollout that was held."),
    "invoke": ("invoke", "Call the endpoint with rows of yours or of the test split."),
    "status": ("status", "One page: endpoints, models, drift, incidents, retrains."),
    "logs": ("logs", "Show what functions or a run printed."),
    "drift": ("drift", "Check live traffic against what the model was trained on."),
    "retrain": ("retrain", "Train on what is new; promote and deploy it if it passes the gates."),
    "audit": ("audit", "Verify the journals; save and compare their heads."),
    "lineage": ("lineage", "Trace a dataset, run, model or prediction to what it came from."),
    "image": ("image", "Build and push container images, without Docker."),
    "secrets": ("secrets", "Set, list and remove secrets of the target."),
    "keys": ("keys", "Make, rotate and revoke the keys that models are signed with; sign a version."),
    "token": ("token", "Print or renew the token that endpoints of the target ask for."),
    "config": ("config", "Show the configuration and where each value came from."),
    "schema": ("schema", "Print the JSON Schema of toolkit.toml, for editors."),
    "export": ("export", "Write policies and templates for those who grant and make things."),
    "gc": ("gc", "Housekeeping: expired captures, old versions, the index of runs."),
    "destroy": ("destroy", "Remove everything that was deployed; the journal and the models stay."),
    "completion": ("completion", "Print the shell completion script."),
    "version": ("version", "Print the version."),
}


class Lazy(click.Group):
    """A group whose commands are modules, imported when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(TABLE)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in TABLE:
            return None
        from importlib import import_module

        command: click.Command = import_module(f"toolkit.cli.commands.{TABLE[name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in TABLE and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], TABLE, 1)
            ctx.fail(f"no such command {args[0]!r}" + (f": did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in TABLE.items()])
