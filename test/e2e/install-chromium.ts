import { execFileSync } from 'node:child_process';
import { ChromiumError, findChromium } from './chromium.js';

const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };

/**
 * Chromium, installed first where there is none and this process may do so: as root, on Debian or Ubuntu.
 * @throws ChromiumError when there is none in the end
 */
export function ensureChromium(): string {
  try {
    return findChromium();
  } catch (error) {
    if (!(error instanceof ChromiumError) || process.env.CHROMIUM_BIN || process.getuid?.() !== 0)
      throw error;
    process.stderr.write('installing chromium with apt-get, for the tests of the dashboard\n');
    try {
      execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env: ENV });
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: ENV,
      });
    } catch {
      throw error;
    }
    return findChromium();
  }
}
