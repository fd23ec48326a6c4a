import type { Command } from 'commander';
import { JetfleetError } from '../jobs/errors.js';
import { usageError } from './exit-code.js';
import { durationOption, type GlobalOptions, withExamples } from './options.js';
import { print, printJson } from './output.js';

interface HealthcheckOptions extends GlobalOptions {
  url: string;
  timeout: number;
}

/** Longest answer that is shown. */
const MAX_SHOWN = 2_000;

export function healthcheckCommand(program: Command): void {
  const command = program
    .command('healthcheck')
    .description(
      'ask a server or worker whether it is ready: ends with 0, or with 1; for images without a shell',
    )
    .option('--url <url>', 'what to ask', 'http://127.0.0.1:8080/readyz')
    .addOption(durationOption('--timeout <duration>', 'how long it may take', { byDefault: '3s' }))
    .action(async () => {
      const { url, timeout, json } = command.optsWithGlobals<HealthcheckOptions>();
      const answer = await ask(url, timeout);
      if (json) printJson(answer);
      else print(`${url} ${answer.status}`);
    });
  withExamples(command, 'healthcheck', 'healthcheck --url http://127.0.0.1:8081/livez --timeout 1s');
}

/** @throws JetfleetError `JETFLEET_NOT_READY` unless it answers 2xx in time */
async function ask(url: string, timeoutMs: number): Promise<{ url: string; status: number }> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw usageError(`--url ${JSON.stringify(url)} must be an http:// or https:// URL`);
  const failed = (why: string, cause?: unknown) =>
    new JetfleetError('JETFLEET_NOT_READY', `${url} ${why}`, { retryable: true, cause });
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' }).catch(
    (error: Error) => {
      const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
      const isLate = error.name === 'TimeoutError';
      throw failed(
        isLate ? `did not answer within ${timeoutMs} ms` : `does not answer: ${code ?? message}`,
        error,
      );
    },
  );
  const text = (await response.text()).slice(0, MAX_SHOWN).trim();
  if (!response.ok) throw failed(`answered ${response.status}: ${text}`);
  return { url, status: response.status };
}
