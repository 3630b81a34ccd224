#!/usr/bin/env bash
# Brings the real programs that `npm run test:e2e` runs dnscol against: CoreDNS, an OpenTelemetry Collector, a target with native
# histograms and a Kubernetes API server, built from test/e2e/peers through the Go module proxy, and Prometheus with promtool,
# and etcd, from Debian's packages. They go into a cache and
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

# build NAME [GO BUILD ARGUMENTS]: named after a hash of its sources and arguments, so that a change of version builds anew.
build() {
  local name=$1 folder=$sources/$1 built began
  shift
  built=$cache/$name-$( (cat "$folder"/go.mod "$folder"/go.sum "$folder"/main.go; printf '%s' "$*") | sha256sum | cut -c 1-12)
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

# suite NAME: a test of Go's, compiled. What it tests comes through the module proxy and is not kept here.
suite() {
  local name=$1 folder=$sources/$1 built
  built=$cache/$name-$(cat "$folder"/go.mod "$folder"/go.sum "$folder"/main_test.go | sha256sum | cut -c 1-12)
  if [ ! -x "$built" ]; then
    need go 'install Go 1.25 or newer'
    say "compiling $name"
    rm -f "$cache/$name"-*
    (cd "$folder" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local nice go test -c -trimpath -o "$built.part" .)
    mv "$built.part" "$built"
  fi
  ln -sfn "$built" "$bin/$name"
}

# debian PACKAGE: unpacks it into the cache, as $cache/debian-PACKAGE/x.
debian() {
  local package=$1 work=$cache/debian-$1
  if [ ! -d "$work/x" ]; then
    need apt-get "this script takes $package from Debian; put its programs on PATH instead"
    say "fetching $package"
    rm -rf "$work"
    mkdir -p "$work"/{lists,cache/archives,state}/partial
    (
      cd "$work"
      # Package lists of its own, so that neither root nor the machine's are needed.
      own=(-o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache"
        -o APT::Sandbox::User= -o Debug::NoLocking=1)
      apt-get "${own[@]}" -qq update
      apt-get "${own[@]}" -qq download "$package"
      # Under another name first: what is cut off must not look finished.
      dpkg-deb -x "$package"_*.deb part
      mv part x
      rm -rf lists cache state
    )
  fi
}

# either PROGRAMS... PACKAGE: from PATH when they are there, from the Debian package otherwise.
either() {
  local package=${*: -1} name from
  for name in "${@:1:$#-1}"; do
    from=$(command -v "$name") || { debian "$package"; from=$cache/debian-$package/x/usr/bin/$name; }
    ln -sfn "$from" "$bin/$name"
  done
}

tool() {
  command -v "$1" > /dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$1" > /dev/null || missing+=("$2")
}
missing=()
tool ip iproute2
tool ethtool ethtool
tool dnsmasq dnsmasq-base
tool faketime faketime
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    say "installing ${missing[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" > /dev/null
  else
    say "install ${missing[*]} for the tests that need them"
  fi
fi

either prometheus promtool prometheus
either etcd etcd-server
build coredns
# Of the service discoveries, the clouds' are most of its size.
build otelcol -tags remove_all_sd,enable_kubernetes_sd
build histograms
# Prometheus' remote-write sender suite with dnscol as its sender.
suite rwsender
kubernetes=$(sed -n 's|^.*k8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$sources/kube-apiserver/go.mod")
build kube-apiserver -ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes"

say "$("$bin/prometheus" --version 2>&1 | head -n 1)"
say "$("$bin/coredns" -version | head -n 1)"
say "$("$bin/otelcol" --version)"
say "$("$bin/etcd" --version | head -n 1)"
say "$("$bin/kube-apiserver" --version)"
say "all in $bin"
