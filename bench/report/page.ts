import type { BenchResult } from '../result.js';
import type { Summary } from '../statistics.js';
import { type Bar, barChart } from './bar-chart.js';
import { type FigureRow, figureRows } from './figure-rows.js';
import { inDigits } from './number-text.js';
import { DURABILITY_OF, PEER_STRENGTHS, SECTIONS, type Section, SYSTEM_LABEL } from './words.js';

/** The page and its charts, by path from the folder `docs`. */
export function pageFiles(result: BenchResult): Map<string, string> {
  const files = new Map<string, string>();
  const sections = SECTIONS.map((section) => {
    const rows = figureRows(result.figures, section.measure);
    if (rows.length === 0) return '';
    const image = `images/bench-${section.measure}.svg`;
    files.set(image, barChart(chartOf(section, rows)));
    const apartOn = result.apart?.[section.measure];
    return [
      `## ${section.title}`,
      ...(apartOn ? [`*Measured by itself on ${apartOn}.*`] : []),
      section.text,
      `![${section.title}](${image})`,
      tableOf(section, rows),
    ].join('\n\n');
  });
  const parts = [
    heading(result),
    ratioTable(result),
    ...sections,
    failures(result),
    method(result),
    strengths(),
  ];
  files.set('benchmarks.md', `${parts.filter(Boolean).join('\n\n')}\n`);
  return files;
}

function heading({ mode, date, rounds, machine, versions }: BenchResult): string {
  const { cpus, model, memoryGiB, kernel } = machine;
  const versionList = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    '<!-- Made by `npm run bench` from docs/benchmarks.json; `npm run bench -- --render` makes it again. -->',
    '# Benchmarks',
    `Measured on ${date} in ${rounds} ${rounds === 1 ? 'round' : 'rounds'} on ${cpus} cores ` +
      `(${model}), ${memoryGiB} GiB of memory, ${kernel}. Versions: ${versionList.join(', ')}.`,
    ...(mode === 'quick'
      ? ['**These are sizes for trying out the benchmark: too small to compare by.**']
      : []),
    'Server, client and, where there is one, simulated provider share those cores. Figures are ' +
      'medians, with the smallest and largest run in brackets. Run `npm run bench` to reproduce them.',
  ].join('\n\n');
}

function ratioTable({ ratios }: BenchResult): string {
  const rows = Object.entries(ratios).map(([name, ratio]) => [`\`${name}\``, inDigits(ratio)]);
  return [
    '## In short',
    "Jetfleet's median rate over the other's, and the other's median latency over Jetfleet's: " +
      'above 1, Jetfleet is better. `VsRawJetStream` is the share of the raw limit, `rateAt1MVsAt1k` ' +
      'the processing rate with the most jobs waiting over that with the fewest. Compared is only ' +
      'what is equally durable.',
    markdownTable(['ratio', 'value'], rows),
  ].join('\n\n');
}

function chartOf({ title, columns }: Section, rows: readonly FigureRow[]) {
  const [[figure, unit] = ['', '']] = columns;
  const bars = rows.flatMap((row): Bar[] => {
    const summary = row.figures[figure];
    if (!summary) return [];
    const { median: value, min, max } = summary;
    return [{ label: labelOf(row), value, min, max, emphasised: row.system === 'jetfleet' }];
  });
  return { title: `${title} (${unit})`, bars };
}

function labelOf({ system, durability, part }: FigureRow): string {
  return [SYSTEM_LABEL[system], durability, part && partText(part)].filter(Boolean).join(', ');
}

function partText(part: string): string {
  return /^\d+$/.test(part) ? Number(part).toLocaleString('en') : part;
}

function tableOf({ columns, partHeading }: Section, rows: readonly FigureRow[]): string {
  const head = [
    'durability',
    'system',
    ...(partHeading ? [partHeading] : []),
    ...columns.map(([, text]) => text),
  ];
  const body = rows.map(({ durability, system, part = '', figures }) => [
    durability,
    SYSTEM_LABEL[system],
    ...(partHeading ? [partText(part)] : []),
    ...columns.map(([figure]) => summaryText(figures[figure])),
  ]);
  return markdownTable(head, body);
}

function summaryText(summary: Summary | undefined): string {
  if (!summary) return '';
  const { median, min, max, runs } = summary;
  return runs === 1 ? inDigits(median) : `${inDigits(median)} (${inDigits(min)} to ${inDigits(max)})`;
}

function failures({ failures: failed }: BenchResult): string {
  if (failed.length === 0) return '';
  const lines = failed.map(({ unit, message }) => `- \`${unit}\`: ${message.split('\n')[0]}`);
  return ['## Not measured', lines.join('\n')].join('\n\n');
}

function method({ sizes }: BenchResult): string {
  const { addJobs, addBulkJobs, processJobs, rawJobs, latencyMs, backlogs, backlogJobs } = sizes;
  const { monitors, pollMs, polls, listJobs, criticalJobs, lowJobs } = sizes;
  const count = (value: number) => value.toLocaleString('en');
  // Figures that were stored earlier had none.
  const warmUp = sizes.criticalWarmUpJobs
    ? ` after ${count(sizes.criticalWarmUpJobs)} that compile the code`
    : '';
  const durabilities = Object.entries(DURABILITY_OF).flatMap(([durability, systems]) =>
    Object.entries(systems).map(([system, setting]) => [
      durability,
      SYSTEM_LABEL[system as keyof typeof SYSTEM_LABEL],
      setting,
    ]),
  );
  return [
    '## Method',
    'Every measurement has an empty server and a client process of its own; a round goes once over ' +
      'all of them, in an order that turns with the round. Jetfleet is measured as it is built and ' +
      "with its defaults, except for the worker's concurrency. Payloads are about 200 bytes of JSON, " +
      'jobs may be tried three times, priorities are used evenly.',
    `Jobs: ${count(addJobs)} added one at a time, ${count(addBulkJobs)} in bulk, ` +
      `${count(processJobs)} processed, ${count(rawJobs)} for the raw limit, ${count(latencyMs / 1_000)} ` +
      `s of start latency, ${count(backlogJobs)} on top of backlogs of ${backlogs.map(count).join(', ')}, ` +
      `${count(criticalJobs)} CRITICAL${warmUp} before ${count(lowJobs)} LOW, ${count(monitors)} monitors ` +
      `with ${polls} polls of ${count(pollMs / 1_000)} s each, ${count(listJobs)} finished jobs to list.`,
    'Peers have the settings that suit them best here: BullMQ removes completed jobs; ' +
      'graphile-worker has a local queue of 500, completes in batches and has 50 connections, opened ' +
      'before; pg-boss has 50 connections, four loops of 64 jobs that fetch again at once, and ' +
      'notifies only where latency is measured, because that halves its adds. Every system keeps ' +
      'priorities; in BullMQ a prioritised add costs O(log n), a plain one does not.',
    'CPU of the client is that of its process; CPU of the server that of its process tree, ended ' +
      'processes included, read from `/proc` with a grain of 10 ms.',
    '`fsync` is flushed to disk before it is confirmed, `periodic` about once a second, so that a ' +
      'power cut may take what was confirmed last.',
    markdownTable(['durability', 'system', 'setting'], durabilities),
  ].join('\n\n');
}

function strengths(): string {
  const items = PEER_STRENGTHS.map(([peer, text]) => `- **${peer}**: ${text}`);
  return ['## What each peer is better at', 'Besides what the tables show:', items.join('\n')].join('\n\n');
}

function markdownTable(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
