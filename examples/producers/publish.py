#!/usr/bin/env python3
"""Adds a job with Python's standard library: NATS is lines of text over a socket.

usage: publish.py <host> <port> <subject> <payload>
"""

import json
import os
import socket
import sys


def publish(host: str, port: int, subject: str, payload: str) -> dict:
    """Returns the stream and sequence under which the job is stored."""
    inbox = f"_INBOX.python.{os.getpid()}"
    headers = b"NATS/1.0\r\nJetfleet-Max-Attempts: 5\r\n\r\n"
    body = payload.encode()
    connect = {"verbose": False, "headers": True, "no_responders": True, "name": "publish.py"}
    with socket.create_connection((host, port), timeout=10) as connection:
        stream = connection.makefile("rb")
        stream.readline()  # INFO
        connection.sendall(
            f"CONNECT {json.dumps(connect)}\r\nSUB {inbox} 1\r\n".encode()
            # With a reply subject, so that the server confirms that the job is stored.
            + f"HPUB {subject} {inbox} {len(headers)} {len(headers) + len(body)}\r\n".encode()
            + headers
            + body
            + b"\r\n"
        )
        while line := stream.readline():
            if line.startswith(b"PING"):
                connection.sendall(b"PONG\r\n")
            elif line.startswith(b"MSG"):
                answer = json.loads(stream.read(int(line.split()[-1])))
                if "error" in answer:
                    raise RuntimeError(answer["error"]["description"])
                return answer
            elif line.startswith(b"HMSG"):
                raise RuntimeError(f"no stream covers {subject}")
            elif line.startswith(b"-ERR"):
                raise RuntimeError(line.decode().strip())
    raise RuntimeError("no answer")


if __name__ == "__main__":
    host, port, subject, payload = sys.argv[1:]
    try:
        print(json.dumps(publish(host, int(port), subject, payload)))
    except (OSError, RuntimeError) as error:
        sys.exit(str(error))
