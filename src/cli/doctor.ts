import type { Command } from 'commander';
import { type Examination, examine } from '../doctor/doctor.js';
import { namesProvider } from '../gpu/from-environment.js';
import { combinedProvider, type GpuProvider } from '../gpu/index.js';
import { defined } from '../jobs/defined.js';
import { FINDINGS, type Finding, type Mended, type Severity } from '../upkeep/finding.js';
import { givenFlags } from './config.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { ExitCode, usageError } from './exit-code.js';
import { durationOption, type GlobalOptions, openQueue, withExamples } from './options.js';
import { note, paint, plain, print, printJson } from './output.js';
import { type ProgressFlags, showProgress, withProgress } from './progress.js';
import type { GivenFlags } from './settings.js';
import { writeSupportBundle } from './support-bundle.js';
import { providersFrom } from './worker.js';

interface DoctorCommandOptions extends GlobalOptions, ConfirmFlags, ProgressFlags {
  fix?: boolean;
  bundle?: string | true;
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
    .option(
      '--bundle [file]',
      'instead, write versions, settings, streams, findings and causes of errors into one file for support; never payloads, results or secrets',
    )
    .option('--monitor-url <url>', "the server's monitoring page (default: NATS_MONITOR_URL, else none)")
    .addOption(
      durationOption('--grace <duration>', 'how long something may be overdue (default: 1m, instances 10m)', {
        isTimer: false,
      }),
    )
    .action(() => doctor(command.optsWithGlobals<DoctorCommandOptions>(), givenFlags(program)));
  withProgress(withYes(command));
  withExamples(
    command,
    'doctor',
    'doctor --monitor-url http://127.0.0.1:8222 --fix',
    'doctor --fix --yes',
    'doctor --bundle support.tar.gz',
  );
}

async function doctor(all: DoctorCommandOptions, given: GivenFlags): Promise<void> {
  const { fix, json, monitorUrl, grace, yes, progress, ...options } = all;
  const page = monitorUrl ?? process.env.NATS_MONITOR_URL;
  await using queue = openQueue(options);
  const look = (provider: GpuProvider | undefined) => {
    const settings = defined({ provider, monitorUrl: page || undefined, graceMs: grace });
    return showProgress('checks made', { progress }, (onProgress) =>
      examine(queue, { ...settings, onProgress }),
    );
  };
  if (all.bundle !== undefined) {
    if (fix) throw usageError('--fix does not go with --bundle, which changes nothing');
    const findings = async () => (await look(configuredProvider())).findings;
    return await writeSupportBundle(queue, findings, given, { ...all, bundle: all.bundle });
  }
  const provider = configuredProvider();
  const { findings, mend } = await look(provider);
  const fixed = fix ? await repaired(findings, mend, all) : [];
  if (json) printJson({ findings, fixed });
  else show(findings, fixed);
  if (!provider) note('instances were not examined: no GPU provider is configured (JETFLEET_PROVIDER)');
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
