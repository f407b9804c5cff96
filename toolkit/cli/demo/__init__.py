"""`toolkit demo`: the loop on real flights, told step by step with the command a user would type for each.

`environment` makes it run after a plain `pip install` (what is missing goes into a virtual environment of the demo's
own), `flights` writes the project and its data, `traffic` replays months as live requests, `story` is the loop.
"""
