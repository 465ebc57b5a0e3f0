# shellcheck shell=bash
# setup.sh: what ./run and ./test share: installing packages, building. Sourced, with the
# repository's root as working directory.

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$@"; exit 1; }

# as_root COMMAND...: through sudo for a user, plainly for root.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root for: $* (run it as root, or install sudo)"
	fi
}

# packages_missing USE...: names of tools/packages that are not installed. USE "" is the plain ones.
packages_missing() {
	local wanted name use status
	while read -r name use _; do
		case $name in '' | '#'*) continue ;; esac
		for wanted in "$@"; do
			[ "$use" = "$wanted" ] || continue
			status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
			[ "$status" = installed ] || printf '%s\n' "$name"
		done
	done <tools/packages
}

# install_packages USE...: nothing is asked of apt when nothing is missing.
install_packages() {
	local missing
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		warn "no apt here: make sure that what tools/packages lists is installed"
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	say "installing: ${missing[*]}"
	if ! as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
		as_root apt-get update -q >/dev/null
		as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
	fi
}

# build FOLDER [TARGET...] -- [MESON OPTION...]: configures once (with $CC), then builds.
build() {
	local folder=$1 targets=()
	shift
	while [ "${1:---}" != -- ]; do
		targets+=("$1")
		shift
	done
	shift
	if [ ! -f "$folder/build.ninja" ]; then
		say "building in $folder/: this takes a minute or two"
		meson setup "$folder" "$@" >/dev/null || return 1
	fi
	# ninja says "no work to do" even when told to be quiet.
	ninja -C "$folder" --quiet "${targets[@]}" | { grep -v 'no work to do' || true; }
}
