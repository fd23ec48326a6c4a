#!/usr/bin/env bash
# Adds a job with nothing but bash: NATS is lines of text over a socket.
# usage: publish.sh <host> <port> <subject> <payload>
#   NATS_URL is not read: a server that needs a password or TLS needs a client, such as `nats req`.
set -euo pipefail
host=$1 port=$2 subject=$3 payload=$4
inbox="_INBOX.shell.$$"

exec 3<>"/dev/tcp/$host/$port"
read -r -t 10 _ <&3 # INFO
options='NATS/1.0\r\nJetfleet-Max-Attempts: 5\r\n\r\n'
header_bytes=$(printf "$options" | wc -c)
payload_bytes=$(printf '%s' "$payload" | wc -c)
{
  printf 'CONNECT {"verbose":false,"headers":true,"no_responders":true,"name":"publish.sh"}\r\n'
  printf 'SUB %s 1\r\n' "$inbox"
  # With a reply subject, so that the server confirms that the job is stored.
  printf 'HPUB %s %s %d %d\r\n' "$subject" "$inbox" "$header_bytes" "$((header_bytes + payload_bytes))"
  printf "$options"
  printf '%s\r\n' "$payload"
} >&3
while read -r -t 10 line <&3; do
  case $line in
    PING*) printf 'PONG\r\n' >&3 ;;
    MSG*) read -r -t 10 answer <&3 && printf '%s\n' "${answer%$'\r'}" && break ;;
    HMSG*) echo "no stream covers $subject" >&2 && exit 1 ;;
    -ERR*) echo "$line" >&2 && exit 1 ;;
  esac
done
case ${answer:-} in
  *'"error"'*) exit 1 ;;
  '') echo 'no answer' >&2 && exit 1 ;;
esac
