#!/bin/bash
#SBATCH --job-name=gans
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#
# A sweep on the nodes of an allocation, joined by Ray:
#
#   sbatch slurm.sh --search-space default --study mine --trials 400
#
# Three minutes before its time is up the job writes its checkpoints and is queued again; the same
# command then goes on. After `scancel --batch --signal=TERM JOB` it writes them and stays away.
set -euo pipefail

PATH="$PWD/.venv/bin:$PATH"
cores=${SLURM_CPUS_ON_NODE:-$(nproc)}
head=${HEAD_ADDRESS:-$(hostname -I | cut -d' ' -f1)} # set it where nodes have several networks
export RAY_ADDRESS="$head:${RAY_PORT:-6379}"
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
# Made anew for every job: whoever else is on the network stays out of Ray's ports.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

sweep='' nodes='' stopped='' requeue=''
stop() {
  stopped=yes requeue=$1
  [ -z "$sweep" ] || kill -TERM "$sweep" 2>/dev/null || true
}
trap 'stop yes' USR1
trap 'stop ""' TERM INT
leave() {
  [ -z "$nodes" ] || kill -TERM "$nodes" 2>/dev/null || true
  ray stop >/dev/null 2>&1 || true
}
trap leave EXIT

# The batch script runs on the first node; one of its cores is for the study runner.
ray start --head --node-ip-address="$head" --port="${RAY_ADDRESS##*:}" \
  --num-cpus=$((cores > 1 ? cores - 1 : 1)) --include-dashboard=false ${RAY_START_OPTIONS:-}
others=$((SLURM_JOB_NUM_NODES - 1))
if [ "$others" -gt 0 ]; then
  srun --nodes="$others" --ntasks="$others" --ntasks-per-node=1 --cpus-per-task="$cores" \
    --exclude="$SLURMD_NODENAME" \
    ray start --address="$RAY_ADDRESS" --num-cpus="$cores" --block ${RAY_START_OPTIONS:-} &
  nodes=$!
fi

# `--workers auto` counts the cores that are there: wait for all nodes, five minutes at most.
python - "$SLURM_JOB_NUM_NODES" <<'END'
import logging, sys, time
import ray

ray.init(address="auto", logging_level=logging.ERROR, log_to_driver=False)
expected, deadline = int(sys.argv[1]), time.monotonic() + 300
while (there := sum(node["Alive"] for node in ray.nodes())) < expected:
    if time.monotonic() > deadline:
        print(f"slurm.sh: {there} of {expected} nodes joined; going on", file=sys.stderr)
        break
    time.sleep(1)
END

code=143
if [ -z "$stopped" ]; then
  python -m harness.sweep --engine ray --address auto "$@" &
  sweep=$!
  while true; do
    wait "$sweep" && code=0 || code=$?
    kill -0 "$sweep" 2>/dev/null || break # a signal ends `wait`, not the sweep
  done
fi
if [ -n "$requeue" ] && [ "$code" -ne 0 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
