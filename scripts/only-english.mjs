/** A plugin of esbuild. Jetfleet speaks English: fifty languages of zod's messages are half of it. */
export const onlyEnglish = {
  name: 'only-english',
  setup(bundle) {
    const contents = "export { default as en } from './en.js'";
    bundle.onLoad({ filter: /node_modules\/zod\/v4\/locales\/index\.js$/ }, () => ({ contents }));
  },
};
