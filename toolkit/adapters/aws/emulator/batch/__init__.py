"""AWS Batch, executing: what moto's Batch would need Docker for.

    executor   the operations on jobs; queues, compute environments and job definitions stay moto's
    rules      what the real one refuses while registering and submitting, with its words
    records    jobs as they are described
    running    a job from SUBMITTED to its end: its processes, attempts, limits, log

A job's command really runs, as a subprocess tree in an empty folder, with the container's variables and nothing of the
caller's. Every image is played as ours: its entry point is `python -m`, its packages are those of the emulator's own
interpreter. Memory past the container's is exit code 137 with ECS's words; a time limit, a retry strategy, children of
an array, a queue that is full or disabled, an image that is not in moto's ECR, a role that is missing or does not trust
ECS, a log group that is not there: as on the service. Output goes to moto's CloudWatch Logs while the job runs.

Jobs die with the emulator: told to end, it stops them and says so on standard error; killed, a reaper ends them.

Softer than the real one: an image outside ECR is taken to exist, and nobody looks what is in an image; starting takes
no time; what a role allows is not asked; CPU is not limited.
"""
