#!/usr/bin/env bash
# Brings the real programs that `npm run test:e2e` runs dnscol against: CoreDNS, an OpenTelemetry Collector and a target with
# native histograms, built from test/e2e/peers through the Go module proxy, and Prometheus with promtool from Debian's packages. They go into a cache and
# nowhere else: no service starts, root is not needed. What is there already is kept. Only the few small tools that tests
# find on PATH are installed, by root, where they are missing; none of their packages has a service.
set -euo pipefail

sources=$(cd "$(dirname "$0")/../test/e2e/peers" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dnscol-peers
bin=$cache/bin
mkdir -p "$bin"

say() { echo "peers: $*"; }

need() {
  command -v "$1" > /dev/null || { say "$1 is missing: $2"; exit 1; }
}

# build NAME [GO BUILD ARGUMENTS]: named after a hash of its sources, so that a change of version builds anew.
build() {
  local name=$1 folder=$sources/$1 built began
  shift
  built=$cache/$name-$(cat "$folder"/go.mod "$folder"/go.sum "$folder"/main.go | sha256sum | cut -c 1-12)
  if [ ! -x "$built" ]; then
    need go 'install Go 1.25 or newer'
    say "building $name"
    began=$SECONDS
    rm -f "$cache/$name"-*
    # Under another name first: a build that is cut off must not look finished.
    (cd "$folder" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local nice go build -trimpath -ldflags='-s -w' "$@" -o "$built.part" .)
    mv "$built.part" "$built"
    say "built $name in $((SECONDS - began)) s"
  fi
  ln -sfn "$built" "$bin/$name"
}

debian_prometheus() {
  local work=$cache/debian
  if [ ! -x "$work/x/usr/bin/prometheus" ]; then
    need apt-get 'this script takes Prometheus from Debian; put prometheus and promtool on PATH instead'
    say 'fetching Prometheus'
    rm -rf "$work"
    mkdir -p "$work"/{lists,cache/archives,state}/partial
    (
      cd "$work"
      # Package lists of its own, so that neither root nor the machine's are needed.
      own=(-o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache"
        -o APT::Sandbox::User= -o Debug::NoLocking=1)
      apt-get "${own[@]}" -qq update
      apt-get "${own[@]}" -qq download prometheus
      dpkg-deb -x prometheus_*.deb x
      rm -rf lists cache state
    )
  fi
  ln -sfn "$work/x/usr/bin/prometheus" "$bin/prometheus"
  ln -sfn "$work/x/usr/bin/promtool" "$bin/promtool"
}

tool() {
  command -v "$1" > /dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$1" > /dev/null || missing+=("$2")
}
missing=()
tool ip iproute2
tool ethtool ethtool
tool dnsmasq dnsmasq-base
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    say "installing ${missing[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" > /dev/null
  else
    say "install ${missing[*]} for the tests that need them"
  fi
fi

if command -v prometheus > /dev/null && command -v promtool > /dev/null; then
  ln -sfn "$(command -v prometheus)" "$bin/prometheus"
  ln -sfn "$(command -v promtool)" "$bin/promtool"
else
  debian_prometheus
fi
build coredns
# Without the clouds' service discoveries, which are most of its size.
build otelcol -tags remove_all_sd
build histograms

say "$("$bin/prometheus" --version 2>&1 | head -n 1)"
say "$("$bin/coredns" -version | head -n 1)"
say "$("$bin/otelcol" --version)"
say "all in $bin"
