# shellcheck shell=bash
# relay.sh: the relay that ./run starts beside the guard: its own folder, joined with the guard, the page's link.
# Whatever fails here is said, and the guard goes on without. Sourced by run.

RUN_STATE=/var/lib/rouse-run
RELAY_CONF=$RUN_STATE/relay.conf
RELAY_LINK=$RUN_STATE/link # what `rouse share` printed: a secret
RELAY_USER=rouse-relay
relay_pid=

# What the guard says of its relay: relay_said SOCKET KEY
relay_said() {
	build/rouse --socket "$1" relay --json | sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p"
}

# Where phones at home reach this box: relay_host INTERFACE
relay_host() {
	local host
	host=$(ip -o -4 address show dev "$1" scope global | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p' | head -n 1)
	if [ -z "$host" ]; then
		host=$(ip -o -6 address show dev "$1" scope global -temporary -deprecated |
			sed -n 's|.* inet6 \([0-9a-f:]*\)/.*|[\1]|p' | head -n 1)
	fi
	printf '%s\n' "${host:-127.0.0.1}"
}

port_is_free() { [ -z "$(ss -Hltn "sport = :$1")" ]; }

# The port of last time, or the first that is free.
relay_port() {
	local port before
	before=$(sed -n 's/^listen = .*:\([0-9]*\)$/\1/p' "$RELAY_CONF" 2>/dev/null || true)
	for port in $before $(seq 8080 8099); do
		if port_is_free "$port"; then
			printf '%s\n' "$port"
			return 0
		fi
	done
	return 1
}

ensure_relay_user() {
	getent passwd "$RELAY_USER" >/dev/null || useradd --system --user-group --home-dir "$RUN_STATE" \
		--no-create-home --shell /usr/sbin/nologin --comment 'rouse relay' "$RELAY_USER"
}

# relay_configure URL PORT
relay_configure() {
	local any=0.0.0.0
	[ ! -e /proc/net/if_inet6 ] || any='[::]'
	install -d -m 0711 "$RUN_STATE" &&
		install -d -o "$RELAY_USER" -g "$RELAY_USER" -m 0700 "$RUN_STATE/relay" &&
		cat >"$RELAY_CONF" <<-CONF
			# Written by ./run at each start.
			[relay]
			public-url = $1
			listen = $any:$2
			database = $RUN_STATE/relay/relay.db
			drain = 1s
			log-level = notice
		CONF
}

# relay_start PORT: relay_pid is set while it runs.
relay_start() {
	setsid build/rouse-relay -c "$RELAY_CONF" &
	relay_pid=$!
	for _ in $(seq 100); do
		port_is_free "$1" || return 0
		kill -0 "$relay_pid" 2>/dev/null || break
		sleep 0.1
	done
	relay_stop
	return 1
}

relay_stop() {
	[ -n "$relay_pid" ] || return 0
	kill -TERM "$relay_pid" 2>/dev/null || true
	wait "$relay_pid" || true
	relay_pid=
}

# relay_join SOCKET URL
relay_join() {
	local invitation joined
	joined=$(relay_said "$1" url)
	if [ "$joined" = "$2" ] && [ "$(relay_said "$1" state)" != refused ]; then
		return 0
	fi
	[ -z "$joined" ] || build/rouse --socket "$1" leave >/dev/null || true
	invitation=$(build/rouse-relay -c "$RELAY_CONF" invite --json --expires 5min |
		sed -n 's/.*"invitation":"\([^"]*\)".*/\1/p')
	[ -n "$invitation" ] && build/rouse --socket "$1" join "$2" "$invitation" >/dev/null
}

# The link that was made before, if it still opens this home; else a new one: relay_link SOCKET URL
relay_link() {
	local before
	before=$(sed -n '1s/^[^#]*#[^.]*\.\([^.]*\)\..*/\1/p' "$RELAY_LINK" 2>/dev/null || true)
	if [ -n "$before" ] && build/rouse --socket "$1" grants --json | grep -qF "\"$before\""; then
		case $(head -n 1 "$RELAY_LINK") in "$2/#"*) return 0 ;; esac
		# Nobody reaches its address any more.
		build/rouse --socket "$1" revoke "$before" >/dev/null || true
	fi
	(umask 077 && build/rouse --socket "$1" share --name 'link of run' >"$RELAY_LINK.new") &&
		mv "$RELAY_LINK.new" "$RELAY_LINK"
}

# relay_beside INTERFACE SOCKET: a relay for this guard, unless it has one.
relay_beside() {
	local joined port url
	joined=$(relay_said "$2" url)
	if [ -n "$joined" ] && ! grep -qxF "public-url = $joined" "$RELAY_CONF" 2>/dev/null; then
		say "The guard is joined to $joined; no relay is started beside it."
		return 0
	fi
	port=$(relay_port) || { warn "no relay: ports 8080 to 8099 are taken"; return 1; }
	url=http://$(relay_host "$1"):$port
	if ! ensure_relay_user || ! relay_configure "$url" "$port"; then
		warn "no relay: $RUN_STATE cannot be prepared"
		return 1
	fi
	relay_start "$port" || { warn "the relay did not start; the guard goes on without"; return 1; }
	if ! relay_join "$2" "$url" || ! relay_link "$2" "$url"; then
		warn "the guard did not join the relay beside it, and goes on without"
		relay_stop
		return 1
	fi
}

# What is said of it, when it runs.
relay_tell() {
	[ -n "$relay_pid" ] || return 0
	cat <<-EOF
	The page, for phones and browsers that reach this box:

	EOF
	cat "$RELAY_LINK"
	cat <<-EOF

	From outside: put the relay on a server (packaging/deploy-relay), then \`rouse leave\` and \`rouse join\` there.
	EOF
}
