"""Run things for real on this machine: below the adapters, for `local` and for every provider that is played here.

What runs is what was submitted and nothing of the caller: its own session, a clean environment, an empty folder or an
unpacked bundle, no checkout on its path; time and memory are limited, output is kept, and nothing outlives its end.

    process         one command to its end; `tree` knows its processes, `output` keeps what it prints
    jobs            one job: its packages (`environments`), its attempts; `here` is the same inside a unit test
    job_supervisor  the detached process that answers for a job; `job_folder` is the job, on disk
    limited         a module with a time limit, inside a container; `reaper` ends what its starter left behind
    scheduler       fires the schedules of a folder
    delivery        one alert to several channels, webhooks among them
    emulator        the process of a provider that is played here, from its address to its end
    files           small files that are never half there
    large_files     files of any size on their way to a store and back

Decisions. A job is a folder and a lock, no daemon: the lock is held by the job's own supervisor from before the job can
be seen, so whoever looks can tell a running job from a lost one, after a kill -9 or a reboot too, without trusting a
process number. Output goes straight into a file, not through a pipe of ours, so that no death of ours loses a line.
Memory is watched, not limited by the kernel: address-space limits kill healthy numerical programs. Every time that is
due follows from files and the clock, so restarting is always safe.
"""
