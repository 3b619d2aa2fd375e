#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A Kerberos realm of its own in a directory, for tests.
# usage: kdc.sh start DIR     makes the realms EXAMPLE.TEST and OTHER.TEST (which trusts it), starts krb5kdc
#        kdc.sh stop DIR      ends it (it ends by itself after ten minutes)
# Exits 77 with the reason where the programs are missing. After start, DIR has
# krb5.conf, kafka.keytab, localhost.keytab, other.keytab (other keys) and the passwords: each is its name.
set -eu
PATH=$PATH:/usr/sbin:/sbin
verb=$1 dir=$2

stop() {
	[ -s "$dir/kdc.pid" ] && kill "$(cat "$dir/kdc.pid")" 2>/dev/null || :
	rm -f "$dir/kdc.pid"
}
[ "$verb" = start ] || { stop; exit 0; }

for p in krb5kdc kdb5_util kadmin.local kinit; do
	command -v $p >/dev/null || {
		echo "skipped: no $p (Debian: krb5-kdc krb5-admin-server krb5-user)"; exit 77; }
done

write_conf() { # PORT
port=$1
cat >"$dir/krb5.conf" <<EOF
[libdefaults]
	default_realm = EXAMPLE.TEST
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	udp_preference_limit = 1
	default_ccache_name = FILE:$dir/ccache
[realms]
	EXAMPLE.TEST = {
		kdc = 127.0.0.1:$port
	}
	OTHER.TEST = {
		kdc = 127.0.0.1:$port
	}
[domain_realm]
	.example.test = EXAMPLE.TEST
EOF
cat >"$dir/kdc.conf" <<EOF
[kdcdefaults]
	kdc_ports = ""
	kdc_tcp_ports = ""
	kdc_listen = ""
	kdc_tcp_listen = 127.0.0.1:$port
[realms]
	EXAMPLE.TEST = {
		database_name = $dir/db
		key_stash_file = $dir/stash
		acl_file = $dir/acl
		supported_enctypes = aes256-cts-hmac-sha1-96:normal
	}
	OTHER.TEST = {
		database_name = $dir/db-other
		key_stash_file = $dir/stash-other
		acl_file = $dir/acl
		supported_enctypes = aes256-cts-hmac-sha1-96:normal
	}
EOF
}

export KRB5_CONFIG="$dir/krb5.conf" KRB5_KDC_PROFILE="$dir/kdc.conf"
: >"$dir/acl"
write_conf 1
kdb5_util -r EXAMPLE.TEST create -s -P master >/dev/null 2>&1
kdb5_util -r OTHER.TEST create -s -P master >/dev/null 2>&1
kadmin.local -r EXAMPLE.TEST >/dev/null 2>"$dir/kadmin.log" <<EOF
addprinc -pw anna anna
addprinc -pw root root
addprinc -pw svc svc/host1
addprinc -pw cross krbtgt/EXAMPLE.TEST@OTHER.TEST
addprinc -randkey kafka/broker.example.test
addprinc -randkey kafka/elsewhere.example.test
addprinc -randkey kafka/localhost
ktadd -k $dir/kafka.keytab kafka/broker.example.test
ktadd -k $dir/localhost.keytab kafka/localhost
ktadd -k $dir/other.keytab kafka/elsewhere.example.test
EOF
kadmin.local -r OTHER.TEST >/dev/null 2>>"$dir/kadmin.log" <<EOF
addprinc -pw anna anna
addprinc -pw cross krbtgt/EXAMPLE.TEST@OTHER.TEST
EOF
[ -s "$dir/kafka.keytab" ] || { cat "$dir/kadmin.log"; exit 1; }

# A free port is one on which the KDC stays alive.
try=0
while [ $try -lt 10 ]; do
	port=$((20000 + ($$ * 7 + try * 1013) % 20000))
	write_conf $port
	timeout 600 krb5kdc -n -r EXAMPLE.TEST -r OTHER.TEST >"$dir/kdc.log" 2>&1 &
	echo $! >"$dir/kdc.pid"
	i=0
	while [ $i -lt 50 ]; do
		kill -0 "$(cat "$dir/kdc.pid")" 2>/dev/null || break
		echo anna | kinit -c "FILE:$dir/probe" anna >/dev/null 2>&1 && exit 0
		sleep 0.1
		i=$((i + 1))
	done
	stop
	try=$((try + 1))
done
echo "krb5kdc does not start"; tail -5 "$dir/kdc.log"
exit 1
