#!/bin/sh
# Trains, evaluates and exports the embedded model, from nothing. Interrupted, the same command goes on.
#   training/train.sh [minutes of joint training, default 75]
# On Debian: apt-get install python3-torch python3-onnx python3-numpy python3-matplotlib libopenblas0-pthread
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch, onnx, numpy' || { echo 'needs torch, onnx and numpy; see the top of this file' >&2; exit 1; }

# Keep freed memory: with the default limits every large tensor is mapped, zeroed and unmapped by the kernel at each step.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592
"$python" train.py --folder .runs/micro --minutes "${1:-75}" --threads 1
"$python" evaluate.py --checkpoint .runs/micro/checkpoint.pt
"$python" curves.py --log .runs/micro/log.jsonl --out curves.png
"$python" export.py --checkpoint .runs/micro/checkpoint.pt --out ../models/musicgen-micro
echo 'now: npm run model:eval'
