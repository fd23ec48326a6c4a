import type { Command } from 'commander';
import { type Examination, examine } from '../doctor/doctor.js';
import { namesProvider } from '../gpu/from-environment.js';
import { combinedProvider, type GpuProvider } from '../gpu/index.js';
import { defined } from '../jobs/defined.js';
import { FINDINGS, type Finding, type Mended, type Severity } from '../upkeep/finding.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { ExitCode } from './exit-code.js';
import { durationOption, type GlobalOptions, openQueue, withExamples } from './options.js';
import { note, paint, plain, print, printJson } from './output.js';
import { type ProgressFlags, showProgress, withProgress } from './progress.js';
import { providersFrom } from './worker.js';

interface DoctorCommandOptions extends GlobalOptions, ConfirmFlags, ProgressFlags {
  fix?: boolean;
  monitorUrl?: string;
  grace?: number;
}

const ORDER: readonly Severity[] = ['danger', 'warning', 'info'];
const STYLE = { danger: 'red', warning: 'yellow', info: 'dim' } as const;

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'find what is stuck, left over or badly set up; --fix repairs it. Ends with 1 when anything is left',
    )
    .option('--fix', 'repair what can be repaired')
    .option('--monitor-url <url>', "the server's monitoring page (default: NATS_MONITOR_URL, else none)")
    .addOption(
      durationOption('--grace <duration>', 'how long something may be overdue (default: 1m, instances 10m)', {
        isTimer: false,
      }),
    )
    .action(() => doctor(command.optsWithGlobals<DoctorCommandOptions>()));
  withProgress(withYes(command));
  withExamples(command, 'doctor', 'doctor --monitor-url http://127.0.0.1:8222 --fix', 'doctor --fix --yes');
}

async function doctor(all: DoctorCommandOptions): Promise<void> {
  const { fix, json, monitorUrl, grace, yes, progress, ...options } = all;
  const provider = configuredProvider();
  const page = monitorUrl ?? process.env.NATS_MONITOR_URL;
  await using queue = openQueue(options);
  const settings = defined({ provider, monitorUrl: page || undefined, graceMs: grace });
  const { findings, mend } = await showProgress('checks made', { progress }, (onProgress) =>
    examine(queue, { ...settings, onProgress }),
  );
  const fixed = fix ? await repaired(findings, mend, all) : [];
  if (json) printJson({ findings, fixed });
  else show(findings, fixed);
  if (!provider) note('instances were not examined: no GPU provider is configured (NOVITA_API_KEY)');
  const mended = new Set(fixed.filter(({ ok }) => ok).map(keyOf));
  const left = findings.filter((finding) => finding.severity !== 'info' && !mended.has(keyOf(finding)));
  if (left.length > 0) process.exitCode = ExitCode.FAILURE;
}

/** On a terminal, what was found is shown before it is changed. */
async function repaired(
  findings: readonly Finding[],
  mend: Examination['mend'],
  options: DoctorCommandOptions,
): Promise<Mended[]> {
  const question = async () => {
    const fixable = findings.filter((finding) => finding.fixable);
    if (fixable.length === 0) return undefined;
    const list = fixable.map(({ code, target }) => `  ${code}  ${plain(target)}: ${FINDINGS[code].fix}`);
    return `${list.join('\n')}\nRepair ${counted(fixable.length, 'finding')}?`;
  };
  await confirm(options, question, { unasked: 'do it' });
  return showProgress('findings repaired', options, (onProgress) => mend({ onProgress }));
}

function keyOf({ code, target }: Pick<Finding, 'code' | 'target'>): string {
  return `${code} ${target}`;
}

/** Without one, the rest can be examined still. A provider that is named and cannot be used is an error. */
function configuredProvider(): GpuProvider | undefined {
  if (!namesProvider(process.env)) return undefined;
  const providers = providersFrom(process.env);
  return providers.length === 1 ? providers[0] : combinedProvider(providers);
}

function show(findings: readonly Finding[], fixed: readonly Mended[]): void {
  if (findings.length === 0) note('nothing found');
  for (const finding of ORDER.flatMap((severity) => findings.filter((each) => each.severity === severity))) {
    const { code, severity, target, message, fixable } = finding;
    print(`${paint(STYLE[severity], severity.padEnd(8))} ${code}  ${plain(target)}`);
    print(`         ${FINDINGS[code].explanation}`);
    print(`         ${plain(message)}`);
    const mended = fixed.find((each) => keyOf(each) === keyOf(finding));
    if (mended) print(`         ${mended.ok ? 'fixed' : 'not fixed'}: ${plain(mended.result)}`);
    else if (fixable) print(`         --fix ${FINDINGS[code].fix}`);
  }
}
