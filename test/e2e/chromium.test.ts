import { afterEach, expect, it, vi } from 'vitest';
import { ChromiumError, findChromium } from './chromium.js';

afterEach(() => vi.unstubAllEnvs());

it('says how to get a browser where there is none', () => {
  vi.stubEnv('CHROMIUM_BIN', '');
  vi.stubEnv('PATH', '/nowhere');
  expect(findChromium).toThrow(ChromiumError);
  expect(findChromium).toThrow(/CHROMIUM_NOT_FOUND: .* set CHROMIUM_BIN/);
});

it('takes the one that CHROMIUM_BIN names, and no other', () => {
  vi.stubEnv('CHROMIUM_BIN', process.execPath);
  expect(findChromium()).toBe(process.execPath);
  vi.stubEnv('CHROMIUM_BIN', '/nowhere/chromium');
  expect(findChromium).toThrow(/CHROMIUM_BIN is \/nowhere\/chromium/);
});
