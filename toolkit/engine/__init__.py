"""Observe what is, plan what to do about it, do it: three rooms, and only the middle one thinks.

`observe` asks the ports and changes nothing. `planner` is a pure function of desired and observed to a Plan of frozen
actions, each with its reason; what a provider cannot do is refused there. `executor` is dull: an intent in the release
journal before each action, the result after it, so that a run that died anywhere is finished by the same command.
`toolkit plan` is the same pipeline without the last room.

`rollout` is how a challenger gets the traffic: one pure function over events, model-checked; `rollouts` is its journal.
"""
