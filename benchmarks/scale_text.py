"""Say what reports/scale found; its figures are those of the tables they stand above."""

TEXT = """# Scale

How long workers wait for the runner, with workers that only pretend to train: asking, reporting,
pruning, telling and files are real, scores are invented from the parameters so that TPE has
something to learn, and nothing is trained. The tracker is `jsonl`; ten thousand W&B runs cannot
be made for this.

    python -m benchmarks.scale --workers 10 100 1000 --trials 10000
    python -m benchmarks.scale_proposals
    python -m benchmarks.scale_spread --trials 200 --seeds 2

Each case adds to `results.json` as it goes. Two cores, on which two cases ran at a time and tests
beside them: what a wait took by the clock shows who else computed, most of all its 95th
percentile. Processor time says what the runner itself needs, though it too grows on a crowded
core. Cases on PostgreSQL were measured by a version that could keep a study there.

## Waits

Median and, in brackets, 95th percentile in milliseconds by the clock, by how many trials had
begun; then the medians of processor time. A worker's wait is timed from when it has spoken to
when it is answered, while nobody else waits. Trials an hour: what one core of runner would
sustain at that point. `before` is the code before this report, ended after five minutes each;
`earlier` lacked only the groups of trials and the single statement for new rows of the list below,
ran on a more crowded machine, and was stopped.

{waits}

![Waits of a thousand workers](waits.png)

With a thousand workers the first thousand proposals come from a quasi-random sequence, as no trial
has ended yet. All ask at once then, and the runner answers one after the other: the last one waits
for all others, 23 s on SQLite and 52 s on PostgreSQL. How workers queue later is not measured;
what a thousand of them need of the runner is the last but one column. Nor were there ever a
thousand actors of Ray.

## What bent first, and what became of it

All figures above and below are of versions that kept a study in a database. Its trials are now in
a journal that one process writes and keeps in memory ([storage](../storage/README.md)); the cache,
the index and the batched statements that are told of here went with the database, the part that
TPE is shown stayed. What asking costs now, and opening such a study again
(`python -m benchmarks.scale_proposals`, processor time, default space):

| ended / running | all shown, ms | a part, ms | opening, s | journal, MB |
|---|---|---|---|---|
| 1000 / 8 | 60 | 47 | 0.1 | 3 |
| 3000 / 100 | 167 | 67 | 0.5 | 9 |
| 10000 / 1000 | 618 | 155 | 2.2 | 32 |

- **Reading all running trials at each look.** Optuna reads every unfinished trial from the
  database whenever anything looks at the study, a dozen times for a proposal and twice for a
  report. With 250 running, asking took 2,025 ms and reporting 275 ms; with a thousand, after the
  change, 69 ms and 7 ms (the processor was busier before, but not thirty times). `TrialCache`
  keeps in memory what it writes.
- **TPE over all trials, for each group of parameters.** One look a trial, one trial of each kind
  to find the groups, and beyond 525 ended trials a part of them: the 25 best, which are all
  that TPE ever takes for good, every running one, and five hundred others spread evenly over the
  study. Smaller studies propose bit for bit as before; larger ones as well as before (below).
- **What was proposed for running trials**, which TPE parsed from JSON for each of them and for
  each group of parameters, is parsed once a proposal.
- **Going over all trials, many times for each.** Optuna sorts them at each look; the best were
  found by ranking all that had ended, by constraints first; whether a rung had enough trials was
  counted to the end. At 5,000 trials an ask took 166 ms of processor time and grew with every
  trial; with fewer and cheaper looks, `earlier`, it still grew from 50 to 95 ms in 7,000 trials.
  Now trials stand in groups that are kept as they change (`TrialIndex`): those that wait, run and
  have ended, the best, the kinds of parameters. From 1,250 to 10,000 trials an ask stays as it is.
- **A transaction for each parameter and attribute**, two dozen a trial. What a proposal suggests,
  what a pruner decides and what an ending says is written in one each. Within one,
  Optuna asks for the trial before each row; new rows now go in one statement for each table. 100
  trials of 10 workers after 6,000 took 11.5 to 13.2 s of processor time without this and the
  groups (four runs), and 9.3 and 10.6 s with them, in turns.
- **Work at each message.** The share of failures was counted over all ended trials, posts were
  searched for in a list, and the live display built a row for each running training. Failures
  are counted as they happen, and the display is drawn four times a second with as many rows as
  fit.
- **YAML.** Resuming, ranking and the study's W&B run read each trial's `config.yaml`: 5.4 ms,
  now 1.6 ms; it is written by libyaml as well. Publishing to W&B waits until it takes a twentieth
  of the sweep's time at most.

The first of these together: 160 trials of 40 workers took 163 s of the runner's time before and
48 s after, one after the other on the same busy machine, and left the same database, bit for bit.

What is left: a report grows from 9 to over 20 ms in 10,000 trials, because Optuna's successive
halving goes over all trials for the scores of a rung; TPE's own arithmetic, and, with a thousand
workers, what it makes of each running trial, 60 ms an ask; Optuna's own SQL, which on PostgreSQL
takes 0.03 s more a trial in this process, beside what the server takes. Memory grows by 2 MiB a
hundred trials, 4 with a thousand workers.

What a proposal costs with a database in memory (processor time, median of five; trials drawn at
random; tests ran beside the first three rows):

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
