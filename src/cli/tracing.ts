import type { Tracing } from '../telemetry/tracing.js';

/**
 * What traces the jobs of a command: OpenTelemetry, where a module that Node has loaded before (`node --import ./otel.js`) has registered a
 * provider with its API. Nothing, where it has not, or where the API is not installed.
 */
export async function registeredTracing(): Promise<{ tracing?: Tracing }> {
  try {
    const { isProviderRegistered, openTelemetry } = await import('../opentelemetry/index.js');
    return isProviderRegistered() ? { tracing: openTelemetry() } : {};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return {};
    throw error;
  }
}
