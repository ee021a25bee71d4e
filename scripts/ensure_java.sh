#!/usr/bin/env bash
# Find Java 17 or newer for Spark; install it with apt where that is possible; else say what to do.
set -euo pipefail

version_of() { "$1" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -n 1; }

java=${JAVA_HOME:+$JAVA_HOME/bin/java}
java=${java:-$(command -v java || true)}
if [ -n "$java" ] && [ -x "$java" ] && [ "$(version_of "$java")" -ge 17 ] 2>/dev/null; then
  exit 0
fi
sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null && { [ -z "$sudo" ] || $sudo true 2>/dev/null; }; then
  echo "installing openjdk-17-jre-headless"
  $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends \
    openjdk-17-jre-headless >/dev/null && exit 0
fi
echo "Spark needs Java 17 or newer, and it could not be installed here." >&2
echo "Install one (Debian: openjdk-17-jre-headless; macOS: brew install openjdk@17)," >&2
echo "then put it on PATH or set JAVA_HOME." >&2
exit 1
