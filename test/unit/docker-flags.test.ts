import { expect, test } from 'vitest';
import { parseDockerFlags, toEnvObject } from '../../src/gpu/vast/docker-flags.js';

test.each<[string, Record<string, string>]>([
  ['-e A=1 --env B=2 --env=C=3 -eD=4', { A: '1', B: '2', C: '3', D: '4' }],
  [`-e A="x y" -e 'B=$z'`, { A: 'x y', B: '$z' }],
  [
    '-p 8081:8080 --publish=53:53/udp -p8000:8000',
    { '-p 8081:8080': '1', '-p 53:53/udp': '1', '-p 8000:8000': '1' },
  ],
  ['-p 127.0.0.1:81:80', { '-p 127.0.0.1:81:80': '1' }],
  ['-p 72299:72299 -p 80', { '-p 72299:72299': '1', '-p 80': '1' }],
  ['--env-file /run/env --publish-all --environment x -P --privileged', {}],
  ['--env-file=/run/env -e A=1 --hostname e', { A: '1' }],
])('%s are sent as they are', (flags, expected) => {
  expect(toEnvObject(parseDockerFlags(flags), flags)).toEqual(expected);
});

test('a port that is added is published under its own number', () => {
  const { envs, ports } = parseDockerFlags('-p 8081:8080');
  const more = [...ports, { port: 22, protocol: 'tcp' }];
  expect(toEnvObject({ envs, ports: more }, '-p 8081:8080')).toEqual({
    '-p 8081:8080': '1',
    '-p 22:22': '1',
  });
});
