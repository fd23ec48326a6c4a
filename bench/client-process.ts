import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LOADER, scriptOf } from './script.js';
import type { Answer, Assignment, MeasureName, Unit } from './unit.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/**
 * V8 lets a heap grow to several times what lives in it unless it is told to collect sooner. The space for what is new
 * counts too: with as much of it as usual, the heap is at its limit all the time, and V8 collects without end.
 */
const FLAGS: Partial<Record<MeasureName, string[]>> = {
  monitors: ['--max-old-space-size=160', '--max-semi-space-size=4'],
};
const TIME_LIMIT_MS = { quick: 90_000, full: 45 * 60_000 } as const;

/**
 * Carries out a unit in a fresh process of `node`.
 * @throws Error when it fails, ends early or takes too long
 * @throws the reason of `signal`
 */
export async function measureInProcess(
  node: string,
  assignment: Assignment,
  signal: AbortSignal,
): Promise<Extract<Answer, { figures: object }>> {
  signal.throwIfAborted();
  const flags = FLAGS[assignment.unit.measure] ?? [];
  const child = spawn(node, [...flags, ...LOADER, scriptOf('client')], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // What would lend the client a setting that is not the product's default.
    env: { ...withoutSettings(process.env), ...syncOf(assignment.unit) },
  });
  const exited = once(child, 'exit');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT_MS[assignment.mode])]);
  const kill = () => child.kill('SIGKILL');
  limit.addEventListener('abort', kill);
  try {
    child.send(assignment);
    const answered = once(child, 'message').then(([answer]) => answer as Answer);
    const answer = await Promise.race([answered, exited.then(() => undefined)]);
    limit.throwIfAborted();
    if (!answer)
      throw new Error(`the client ended without an answer (${child.signalCode ?? child.exitCode})`);
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  } finally {
    kill();
    await exited;
    limit.removeEventListener('abort', kill);
  }
}

/** As the server of the unit is set. */
function syncOf({ durability }: Unit): NodeJS.ProcessEnv {
  return { JETFLEET_SYNC: durability === 'fsync' ? 'always' : 'periodic' };
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(JETFLEET_|NATS_(?!SERVER_BIN)|PG)/.test(name)),
  );
}
