#!/usr/bin/env bash
# Names what a fresh machine lacks, with the command that installs it. Changes nothing.
set -euo pipefail
python=${1:-python3}
missing() {
  echo "photogen needs $1. On Debian or Ubuntu: $2" >&2
  exit 1
}
command -v "$python" >/dev/null || missing "Python 3.11 or newer" "sudo apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  missing "Python 3.11 or newer (this is $("$python" -V))" "sudo apt-get install python3.11 python3.11-venv, then make PYTHON=python3.11"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing "Python's venv" "sudo apt-get install python3-venv"
command -v git >/dev/null || missing "git" "sudo apt-get install git"
