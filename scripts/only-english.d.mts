import type { Plugin } from 'esbuild';

/** A plugin of esbuild that leaves out what zod says in other languages. */
export const onlyEnglish: Plugin;
