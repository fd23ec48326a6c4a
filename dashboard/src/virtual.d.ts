/** Made from docs/errors.md when the dashboard is built: what to do, by error code. */
declare module 'virtual:advice' {
  export const advice: Readonly<Record<string, string>>;
}
