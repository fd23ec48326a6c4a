import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

/** How a nats-server ended: an exit code, or the signal that killed it. */
export interface ServerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Tenths of a second between SIGTERM and SIGKILL. */
const TERM_TENTHS = 50;

/**
 * A shell between us and nats-server, holding the reading end of a pipe that only we write to. The kernel closes
 * our end however we die, SIGKILL included; then the watchdog stops the server and removes its files. It has a session
 * of its own, so Ctrl-C reaches a worker, which drains, but not the broker that it drains to.
 *
 * The run folder may be gone by then: a redirection that fails would end the shell with `:`, as with any special built-in, and not with `true`.
 *
 * It starts the server on the line `go`, so that the lock on the store can name the watchdog first. It ends with the
 * server, and with its exit code (128 + n for signal n). The line `keep` before the end of the pipe says that we
 * are alive and remove the files ourselves.
 */
const SCRIPT = `
bin=$1 run=$2 lock=$3 tenths=$4
exec 3<&0 </dev/null
read -r go <&3 || { rm -rf "$run"; exit 75; }
"$bin" -c "$run/nats.conf" 3<&- &
server=$!
(
  keep=
  while read -r word <&3; do keep=$word; done
  [ "$keep" ] || true >"$run/orphaned"
  kill -TERM "$server"
  trap 'kill "$nap"; wait; exit' TERM
  while [ "$tenths" -gt 0 ] && kill -0 "$server"; do
    sleep 0.1 & nap=$!
    wait "$nap"
    tenths=$((tenths - 1))
  done
  kill -KILL "$server"
  [ "$keep" ] || rm -rf "$run"
) 2>/dev/null &
watcher=$!
exec 3<&-
trap 'kill -TERM "$server" 2>/dev/null' TERM INT HUP
while :; do
  wait "$server"
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
rm -f "$lock"
[ ! -e "$run/orphaned" ] || rm -rf "$run"
exit "$code"
`;

export interface Watchdog {
  pid: number;
  /** Settles when the server and its watchdog have ended. */
  exited: Promise<ServerExit>;
  readonly isRunning: boolean;
  /** Lets the watchdog start the server. */
  go(): void;
  /** Stops the server: SIGTERM, and SIGKILL after 5 s. The files stay. */
  stop(): void;
}

/**
 * Starts a watchdog for one run of nats-server, with the configuration `<runDir>/nats.conf`.
 * @param lockFile removed when the server has ended
 * @throws Error when there is no `sh`
 */
export async function startWatchdog(binary: string, runDir: string, lockFile: string): Promise<Watchdog> {
  const stderr = openSync(join(runDir, 'stderr.log'), 'a');
  const child = spawn(
    'sh',
    ['-c', SCRIPT, 'jetfleet-watchdog', binary, runDir, lockFile, String(TERM_TENTHS)],
    {
      cwd: '/',
      detached: true,
      env: serverEnvironment(),
      stdio: ['pipe', stderr, stderr],
    },
  );
  closeSync(stderr);
  const exited = exitOf(child);
  // The watchdog may end before it has read what we write.
  child.stdin?.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return {
    pid: child.pid as number,
    exited,
    get isRunning() {
      return child.exitCode === null && child.signalCode === null;
    },
    go: () => void child.stdin?.write('go\n'),
    stop: () => void child.stdin?.end('keep\n'),
  };
}

/** The broker needs none of our secrets. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'GOMAXPROCS', 'GOMEMLIMIT', 'GOGC'];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function exitOf(child: ChildProcess): Promise<ServerExit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signal) => {
      const killedBy = code !== null && code > 128 ? signalName(code - 128) : undefined;
      resolve(killedBy ? { code: null, signal: killedBy } : { code, signal });
    });
  });
}

function signalName(number: number): NodeJS.Signals | undefined {
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  return names.find(([, value]) => value === number)?.[0];
}
