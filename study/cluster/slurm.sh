#!/bin/bash
# A study on Slurm, with the head and the workers of Ray in one job. Submit it from the environment that it
# shall run in, with the arguments of study.run; every path must lie on storage that all nodes share:
#     sbatch --nodes=4 slurm.sh cremad_dr --data DIR --results DIR --storage journal:///DIR/ledger.log
# It takes whole nodes: symmetric-run starts no Ray beside another, and at its end stops all of ours on a node.
#SBATCH --job-name=study
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

# Whoever else can reach these nodes cannot use this Ray: it asks for a token, which only this job knows.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token
export RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID # short, and our own: /tmp/ray belongs to whoever came first
export RAY_USAGE_STATS_ENABLED=0 RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300

# symmetric-run tells neither the study's process nor, where Ray did not start, that it has failed.
noted=$(mktemp -d)
trap 'rm -rf "$noted"' EXIT
# shellcheck disable=SC2016  # the shell on the head expands it
srun --cpu-bind=none ray symmetric-run --address "$SLURMD_NODENAME:6379" --min-nodes "$SLURM_JOB_NUM_NODES" \
    -- bash -c '"$@" & echo $! >"$0/pid"; wait $!; echo $? >"$0/code"' "$noted" \
    python -m study.run "$@" --address auto &
step=$!

# Three minutes before the time limit the study is asked to stop. scancel sends SIGTERM, which ends this shell.
trap 'kill -TERM "$(cat "$noted/pid")" || :' USR1
until [[ -s $noted/code ]] || ! kill -0 "$step"; do
    sleep 2 &
    wait $! || :
done 2>/dev/null
sleep 2 # srun still passes on what was said last

if [[ ! -s $noted/code ]]; then
    echo "slurm.sh: Ray did not start on all nodes, or died: see above" >&2
    exit 70
fi
code=$(<"$noted/code")
if [[ $code = 3 ]]; then # interrupted: the same command again continues
    scontrol requeue "$SLURM_JOB_ID" || echo "slurm.sh: submit the same command again" >&2
fi
exit "$code"
