#!/usr/bin/env bash
# Builds musicgen-api and musicgen-worker with docker or, where no daemon runs, with buildah.
#   deploy/build-images.sh [base image] [-- more arguments of the build, such as --build-arg CUDA=true]
# With buildah the images lie in STORE (default: buildah's own); no daemon and no privileges but root's are needed.
set -euo pipefail
cd "$(dirname "$0")/.."

base=node:24-bookworm-slim
if [ $# -gt 0 ] && [ "$1" != -- ]; then base=$1; shift; fi
[ "${1:-}" = -- ] && shift

build() {
  if docker info >/dev/null 2>&1; then docker build "$@"
  elif command -v buildah >/dev/null; then
    buildah --storage-driver vfs ${STORE:+--root "$STORE"} build --isolation chroot --pull=missing --format docker "$@"
  else
    echo 'Neither a docker daemon nor buildah is here; install one of them.' >&2
    exit 69
  fi
}

revision=$(git describe --always --dirty --abbrev=40 --exclude="*" 2>/dev/null || echo unknown)
for name in api worker; do
  build --file "Dockerfile.$name" --tag "musicgen-$name" --build-arg "NODE_IMAGE=$base" --build-arg "GIT_REVISION=$revision" "$@" .
done
