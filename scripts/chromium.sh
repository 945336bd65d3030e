#!/usr/bin/env bash
# Print the path of a Chromium; install the system's when there is none and we may.
set -euo pipefail
find_it() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
if ! find_it; then
  if [ "$(id -u)" != 0 ]; then
    echo "No Chromium found. Install it (apt-get install chromium) or set CHROMIUM to its path." >&2
    exit 1
  fi
  echo "Installing the system's Chromium…" >&2
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >&2
  find_it
fi
