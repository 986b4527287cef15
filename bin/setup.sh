# Sourced by bin/serve, bin/test and bin/lock, from the top of the tree: a Python, its packages, system packages.
# Works on a bare Debian 12, whose own Python takes no packages (PEP 668), and needs no network once all is there.

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "error: $*"
    exit 1
}

# apt_install REASON PACKAGE...
apt_install() {
    reason=$1
    shift
    if ! command -v apt-get >/dev/null; then
        fail "$reason. There is no apt-get here: install the equivalent of '$*' and run this again."
    elif [ "$(id -u)" -eq 0 ]; then
        root=
    elif command -v sudo >/dev/null; then
        root=sudo
    else
        fail "$reason. Run this as root, then try again: apt-get install $*"
    fi
    say "$reason: installing $*"
    # A failed update may concern other packages only; the install decides.
    $root apt-get -qq update >&2 || true
    $root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >&2 ||
        fail "apt-get could not install $*. Is there a network?"
}

# Debian keeps ensurepip, without which a virtual environment has no pip, in a package of its own.
find_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

create_venv() {
    if ! find_python; then
        way="Install Python 3.11 or newer with its venv module and run this again with PYTHON=/path/to/python."
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is no Python 3.11 or newer with venv and ensurepip. $way"
        command -v apt-get >/dev/null || fail "no Python 3.11 or newer with venv and ensurepip found. $way"
        apt_install "Python 3.11 or newer with venv is missing" python3 python3-venv
        find_python || fail "this system's Python is older than 3.11. $way"
    fi
    say "creating .venv with $("$python" --version 2>&1)"
    rm -rf .venv
    mkdir .venv
    : >.venv/unfinished
    "$python" -m venv .venv >&2 || fail "could not create .venv with $python"
}

# Prints what identifies the packages of REQUIREMENTS in this .venv; fails where its Python does not run.
# An upgrade of the system's Python leaves a .venv without packages, hence the version.
fingerprint() {
    .venv/bin/python -c 'import sys; assert sys.version_info >= (3, 11); print(*sys.version_info[:2])' 2>/dev/null &&
        cksum <"$1"
}

# installed REQUIREMENTS: whether .venv holds them. The file `unfinished` is there while .venv is worked on: without
# a setup that runs, it tells of one that was killed, whose leftovers can't be trusted.
installed() {
    [ ! -e .venv/unfinished ] && [ -e ".venv/$1.installed" ] &&
        [ "$(fingerprint "$1")" = "$(cat ".venv/$1.installed")" ]
}

# require_packages REQUIREMENTS: a .venv that holds them.
require_packages() {
    if installed "$1"; then
        return
    fi
    # bin/serve and bin/test may be started at the same time.
    exec 9>.venv.lock
    ! command -v flock >/dev/null || flock 9
    installed "$1" || install_packages "$1"
    exec 9>&-
}

install_packages() {
    if [ -e .venv/unfinished ] || ! fingerprint "$1" >/dev/null || ! .venv/bin/python -m pip -V >/dev/null 2>&1; then
        create_venv
    fi
    say "installing $1 into .venv"
    : >.venv/unfinished
    status=0
    .venv/bin/python -m pip --quiet --disable-pip-version-check install -r "$1" >&2 || status=$?
    rm .venv/unfinished
    [ "$status" -eq 0 ] || fail "pip could not install $1. Is there a network?"
    fingerprint "$1" >".venv/$1.installed"
}
