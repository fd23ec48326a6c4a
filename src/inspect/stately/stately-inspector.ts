import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebSocket } from 'ws';
import { JetfleetError } from '../../jobs/errors.js';
import type { JobQueueService } from '../../queue/job-queue-service.js';
import type { InspectionRecord } from '../../wire/inspection.js';
import { toldSteps } from '../../wire/told-steps.js';
import { chartKey } from '../chart.js';
import { watchMachines } from '../fleet.js';
import { listCharts } from '../known-charts.js';
import { StatelyMessages } from './stately-messages.js';
import { unrecorded } from './unrecorded.js';

export interface StatelyInspectorOptions {
  queue: JobQueueService;
  /** Defaults to 0: any free port. */
  port?: number;
  /** Defaults to `127.0.0.1`. Whoever reaches another address sees every job: there is no password. */
  host?: string;
  /** Only this job, beginning with what is kept of its steps. Defaults to all jobs, and the workers themselves. */
  jobId?: string;
  /** Origins of web pages that may connect besides those of this machine: `https://stately.ai`. Defaults to none. */
  allowedOrigins?: readonly string[];
}

/** A running adapter. */
export interface StatelyInspector extends AsyncDisposable {
  /** Where an inspector connects: `ws://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A listener that falls behind this far misses records, instead of filling the memory. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/**
 * Serves the state machines of all workers over WebSocket in the format of `@statelyai/inspect`, whose receivers and
 * viewers then show them. Workers report only while somebody is connected; contexts come masked, and definitions
 * without one. Browser pages of other origins are refused with 401.
 * @throws Error of Node when the port cannot be opened
 */
export async function startStatelyInspector(options: StatelyInspectorOptions): Promise<StatelyInspector> {
  const { queue, port = 0, host = '127.0.0.1', allowedOrigins = [] } = options;
  await queue.connect();
  // Loaded here, so that a chart or a command line does not wait for it.
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    host,
    port,
    maxPayload: 4_096,
    verifyClient: ({ req }: { req: IncomingMessage }) => isWelcome(req.headers.origin, allowedOrigins),
  });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  server.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    serve(socket, options).catch((err) => {
      queue.logger.error({ err }, 'cannot show the state machines to a Stately inspector');
      socket.close(1011);
    });
  });
  const { port: opened } = server.address() as AddressInfo;
  const close = async () => {
    for (const socket of server.clients) socket.terminate();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `ws://${name}:${opened}`, port: opened, close, [Symbol.asyncDispose]: close };
}

async function serve(socket: WebSocket, { queue, jobId }: StatelyInspectorOptions): Promise<void> {
  // As they are when the listener comes.
  const charts = new Map((await listCharts(queue)).map((chart) => [chartKey(chart), chart]));
  const messages = new StatelyMessages(({ machine, machineVersion: version }) =>
    machine === undefined ? undefined : charts.get(chartKey({ id: machine, version })),
  );
  const show = (record: InspectionRecord) => {
    if (socket.readyState !== socket.OPEN || socket.bufferedAmount > MAX_BUFFERED_BYTES) return;
    for (const message of messages.of(record)) socket.send(JSON.stringify(message));
  };
  // What happens while the recorded steps are read is heard, and shown after them.
  let heard: InspectionRecord[] | undefined = [];
  let isNew = (_: InspectionRecord): boolean => true;
  const watch = await watchMachines(queue, jobId === undefined ? {} : { jobId }, (record) => {
    if (heard) heard.push(record);
    else if (isNew(record)) show(record);
  });
  socket.once('close', () => void watch.close());
  const recorded = jobId === undefined ? [] : await recordedSteps(queue, jobId);
  isNew = unrecorded(recorded);
  for (const record of recorded) show(record);
  for (const record of heard.filter(isNew)) show(record);
  heard = undefined;
  if (socket.readyState !== socket.OPEN) await watch.close();
}

/** What is kept of the steps of a job, as if it was told of now; nothing of a job that is not there yet. */
async function recordedSteps(queue: JobQueueService, jobId: string): Promise<InspectionRecord[]> {
  try {
    const { steps } = await queue.steps(jobId);
    return toldSteps(steps).map(({ index, attempt: _, contextCut: __, ...step }) => {
      return { ...step, v: 1, seq: index, step: index, jobId };
    });
  } catch (error) {
    if (JetfleetError.is(error, 'JETFLEET_NOT_FOUND')) return [];
    throw error;
  }
}

/** Programs send no origin. A page does, and cannot lie about it. */
function isWelcome(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { protocol, hostname } = new URL(origin);
  return ['http:', 'https:'].includes(protocol) && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
