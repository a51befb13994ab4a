"""Say what reports/scale found; its figures are those of the tables they stand above."""

TEXT = """# Scale

How long workers wait for the brain, with workers that only pretend to train: asking, reporting,
pruning, telling and files are real, scores are invented from the parameters so that TPE has
something to learn, and nothing is trained. The tracker is `jsonl`; ten thousand W&B runs cannot
be made for this.

    python -m tests.benchmarks.scale --workers 10 100 1000 --trials 10000 --storage sqlite postgres
    python -m tests.benchmarks.scale_proposals
    python -m tests.benchmarks.scale_spread --trials 200 --seeds 2

Each case adds to `results.json` as it goes, so one that is interrupted shows how far it came, and
its last row says where. Two cores, on which several cases ran at a time and tests and trainings
beside them: what a wait took by the clock shows who else computed, most of all its 95th
percentile. Processor time says what the brain itself needs, though it too grows by half on a
crowded core.

## Waits

Median and, in brackets, 95th percentile in milliseconds by the clock, by how many trials had
begun; then the medians of processor time. A worker's wait is timed from when it has spoken to
when it is answered, while nobody else waits. Trials an hour: what one core of brain would
sustain at that point. `before` is the code before this report, ended after five minutes each;
`earlier` had only the first two changes below. No case of `now` has had the time to reach 10,000
trials; that with 100 workers on SQLite and that with 10 on PostgreSQL were not begun again.

{waits}

![Waits of a thousand workers](waits.png)

The first thousand proposals come from a quasi-random sequence, as no trial has ended yet.

## What bent first, and what became of it

- **Reading all running trials at each look.** Optuna reads every unfinished trial from the
  database whenever anything looks at the study, a dozen times for a proposal and twice for a
  report. With 250 running, asking took 2,025 ms and reporting 275 ms; with a thousand, after the
  change, 69 ms and 7 ms (the processor was busier before, but not thirty times). `TrialCache`
  keeps in memory what it writes, and reads what others may have changed.
- **TPE over all trials, for each group of parameters.** One look a trial, one trial of each kind
  to find the groups, and beyond 525 ended trials a part of them: the 25 best, which are all
  that TPE ever takes for good, every running one, and five hundred others spread evenly over the
  study. Smaller studies propose bit for bit as before; larger ones as well as before (below).
- **What was proposed for running trials**, which TPE parsed from JSON for each of them and for
  each group of parameters, is parsed once a proposal.
- **Going over all trials, many times for each.** Optuna sorts them at each look; the best were
  found by ranking all that had ended, by constraints first; whether a rung had enough trials was
  counted to the end. At 5,000 trials an ask took 166 ms of processor time and grew with every
  trial; now trials are not sorted again, only complete ones are ranked, and counting stops where
  it may.
- **A transaction for each parameter and attribute**, two dozen a trial. What a proposal suggests
  is written in one, and so is what an ending says; a shared study is looked up once a proposal,
  and a trial whose lease this sweep holds is not read again. 100 trials of 10 workers, loading
  included, took 13.6 s of processor time on PostgreSQL and take 10.9 s, 7.1 and 6.8 s on SQLite:
  one run each on a busy machine, so the gain on SQLite is within its noise.
- **Work at each message.** The share of failures was counted over all ended trials, posts were
  searched for in a list, and the live display built a row for each running training. Failures
  are counted as they happen, and the display is drawn four times a second with as many rows as
  fit.
- **YAML.** Resuming, ranking and the study's W&B run read each trial's `config.yaml`: 5.4 ms,
  now 1.6 ms; it is written by libyaml as well. Publishing to W&B waits until it takes a twentieth
  of the sweep's time at most.

The first of these together: 160 trials of 40 workers took 163 s of the brain's time before and
48 s after, one after the other on the same busy machine, and left the same database, bit for bit.

What is left: a dozen looks at all trials for each, which is why an ask grows from 45 ms of
processor time to 105 in 6,000 trials though TPE is shown no more of them; Optuna's own SQL; TPE's
own arithmetic, and, with a thousand workers, what it makes of each running trial. Memory grows by
2 MiB a hundred trials.

What a proposal costs TPE, without a database (processor time, median; trials drawn at random):

{proposals}

How good proposals are when TPE is shown more or fewer of the weaker trials (mean ± standard error
of 150 proposals; trials drawn at random):

{learning}

## Parallel proposals do not meet

While a trial runs, TPE counts it among the bad ones, so that it proposes something else for the
next worker (Optuna's constant liar, on by default). Gower's distance of each proposal to the
nearest one that runs, 0 to 1, over the default space; beside it TPE that is told nothing of what
runs, and draws at random.

{spread}

No proposal was ever the same as one that ran. With 64 workers the lie keeps the nearest one
almost three times as far away (0.035 against 0.013), and at 8 one and a half times. More workers
do not make proposals cluster: among any 64 in a row they lie no nearer to each other with 64
workers than with one.
"""
