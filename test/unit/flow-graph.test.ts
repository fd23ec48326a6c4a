import { describe, expect, it } from 'vitest';
import { flowToSvg } from '../../src/inspect/index.js';
import { drawnIn, type FamilyJob, flowIn, graphOfFamily, standsOfFamily } from '../../src/jobs/family.js';
import { graphOfFlow, standsOf } from '../../src/jobs/flow-graph.js';
import type { FlowJobStatus, FlowStatus } from '../../src/jobs/shown-flow.js';

type Job = Partial<FlowJobStatus> & { key: string };

function flowOf(jobs: Job[]): FlowStatus {
  const all = jobs.map(
    (job): FlowJobStatus => ({
      ...{ id: `f-${job.key}`, type: 'fetch', state: 'queued', after: [], onFailure: 'fail', ...job },
    }),
  );
  const count = (state: string) => all.filter((job) => job.state === state).length;
  const counts = { total: all.length, completed: count('completed'), failed: count('exhausted') };
  return { id: 'f', status: 'processing', state: 'waiting', ...counts, jobs: all };
}

/** So many chains of two, with one job after all. */
function chains(count: number, more: (index: number) => Partial<Job> = () => ({})): Job[] {
  const indexes = Array.from({ length: count }, (_, index) => index);
  return [
    ...indexes.map((index) => ({ key: `fetch-${index}`, ...more(index) })),
    ...indexes.map((index) => ({ key: `parse-${index}`, type: 'parse', after: [`fetch-${index}`] })),
    { key: 'report', type: 'report', after: indexes.map((index) => `parse-${index}`) },
  ];
}

describe('the graph of a flow', () => {
  it('has a box for each job, as long as few are alike', () => {
    const { nodes, edges } = graphOfFlow(flowOf(chains(3)).jobs);
    expect(nodes.map(({ id }) => id)).toHaveLength(7);
    expect(edges).toContainEqual({ from: 'fetch-1', to: 'parse-1', isLoose: false });
    expect(edges).toHaveLength(6);
  });

  it('has one box for many that are alike, with where they stand', () => {
    const state = (index: number) => (index < 5 ? 'completed' : index < 7 ? 'exhausted' : 'running');
    const flow = flowOf(chains(2_000, (index) => ({ state: state(index) })));
    const graph = graphOfFlow(flow.jobs);
    expect(graph.nodes.map(({ type, keys }) => [type, keys.length])).toEqual([
      ['fetch', 2_000],
      ['parse', 2_000],
      ['report', 1],
    ]);
    expect(graph.edges).toHaveLength(2);
    expect([...standsOf(graph, flow).values()]).toEqual([
      { tone: 'failed', words: '5 of 2000 completed, 2 failed' },
      { tone: 'pending', words: '0 of 2000 completed' },
      { tone: 'pending', words: 'queued' },
    ]);
  });

  it('tells jobs apart that differ in their type, their policy or what is around them', () => {
    const jobs = chains(10, (index) => (index === 9 ? { onFailure: 'ignore' } : {}));
    const { nodes, edges } = graphOfFlow(flowOf(jobs).jobs);
    expect(nodes.map(({ keys }) => keys.length)).toEqual([9, 1, 9, 1, 1]);
    expect(edges).toContainEqual({ from: 'fetch-9', to: 'parse-9', isLoose: true });
  });

  it('is nothing that a circle, or a job that is not there, can break', () => {
    const jobs = flowOf([
      { key: 'a', after: ['b'] },
      { key: 'b', after: ['a', 'gone'] },
    ]).jobs;
    expect(graphOfFlow(jobs).edges).toHaveLength(2);
  });
});

describe('the graph of a family', () => {
  const job = (id: string, more: Partial<FamilyJob> = {}): FamilyJob => ({
    ...{ id, type: 'step', status: 'completed', state: 'completed', createdAt: '2026-11-01T12:00:00.000Z' },
    ...more,
  });
  const child = (id: string, parentId: string, more: Partial<FamilyJob> = {}) =>
    job(id, { parentId, relation: 'child', ...more });
  const next = (id: string, parentId: string, type = 'step') =>
    job(id, { parentId, relation: 'follow-up', type });

  it('leads from each job to what it waits for, and to what followed from it', () => {
    const jobs = [job('a'), child('a-1', 'a'), next('a-hook', 'a', 'send_webhook'), next('a-1-next', 'a-1')];
    const graph = graphOfFamily({ id: 'a-1', jobs });
    expect(graph.nodes.map(({ id }) => id)).toEqual(['a', 'a-1', 'a-hook', 'a-1-next']);
    expect(graph.edges).toEqual([
      { from: 'a', to: 'a-1', isLoose: true },
      { from: 'a', to: 'a-hook', isLoose: false },
      { from: 'a-1', to: 'a-1-next', isLoose: false },
    ]);
    expect(standsOfFamily(graph, { id: 'a-1', jobs }).get('a-1')).toEqual({
      tone: 'completed',
      words: 'completed',
    });
  });

  it('has one box for many children that are alike, and names every way in which they have ended', () => {
    const states = ['running', 'cancelled', 'cancelled', 'exhausted', ...Array(6).fill('completed')] as const;
    const jobs = [job('a'), ...states.map((state, index) => child(`a-${index}`, 'a', { state }))];
    const graph = graphOfFamily({ id: 'a', jobs });
    expect(graph.nodes.map(({ keys }) => keys.length)).toEqual([1, 10]);
    expect(standsOfFamily(graph, { id: 'a', jobs }).get('a-0')?.words).toBe(
      '6 of 10 completed, 1 failed, 2 cancelled',
    );
  });

  it('leaves the jobs of a flow to the graph of the flow', () => {
    const jobs = [
      job('f', { type: 'run_flow' }),
      child('f-a', 'f'),
      next('f-a-next', 'f-a'),
      next('f-hook', 'f', 'send_webhook'),
    ];
    expect(drawnIn({ id: 'f', jobs }).map(({ id }) => id)).toEqual(['f', 'f-hook']);
    expect(drawnIn({ id: 'f-a', jobs })).toHaveLength(4);
    expect([flowIn({ id: 'f', jobs }), flowIn({ id: 'f-a', jobs }), flowIn({ id: 'f-hook', jobs })]).toEqual([
      ...['f', 'f'],
      undefined,
    ]);
  });
});

describe('the drawing of a flow', () => {
  it('says where each job stands, and is escaped', async () => {
    const svg = await flowToSvg(
      flowOf([
        { key: 'a', state: 'completed', type: '<b>', onFailure: 'ignore' },
        { key: 'b', state: 'running', after: ['a'] },
        { key: 'c', state: 'timed_out', after: ['a'] },
      ]),
    );
    expect(svg).toMatch(/class="state job completed" data-state="a"/);
    expect(svg).toMatch(/class="state job processing lit" data-state="b"/);
    expect(svg).toMatch(/data-stand-of="c">timed out</);
    expect(svg).toContain('class="edge loose" data-edge="a b"');
    expect(svg).toContain('&lt;b&gt;');
    expect(svg).not.toContain('<b>');
  });

  it('is refused for a flow of too many jobs that differ', async () => {
    const jobs = Array.from({ length: 401 }, (_, index) => ({ key: `k${index}`, type: `t${index}` }));
    await expect(flowToSvg(flowOf(jobs))).rejects.toMatchObject({ code: 'JETFLEET_CHART_TOO_LARGE' });
  });
});
