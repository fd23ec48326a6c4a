import type { BenchResult } from '../result.js';
export async function renderStoredPage(): Promise<void> {}
export async function writePage(_result: BenchResult): Promise<void> {}
