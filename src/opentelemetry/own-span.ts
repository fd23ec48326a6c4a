/** Spans that fail nothing: a tracer, its processors and its context manager are code of others, and may throw. */
import {
  type Context,
  context as contexts,
  diag,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { maskText } from '../jobs/mask-text.js';
import { safely } from '../telemetry/user-code.js';
import { errorType } from './attributes.js';

/** Runs code of the SDK. @returns undefined where it throws; that is reported to `diag`, and goes no further */
export function guarded<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    safely(
      () => diag.error('jetfleet: OpenTelemetry failed', error),
      () => {},
    );
    return undefined;
  }
}

/**
 * Does something within a span that ends with it.
 * @param start gives the span
 * @param call called once, also where there is no span, or it cannot be made the active one
 * @returns the outcome of `call`, whatever the span does
 */
export async function within<T>(
  parent: Context,
  start: () => Span,
  call: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  const span = guarded(start);
  try {
    return await called(span && trace.setSpan(parent, span), async () => call(span));
  } catch (error) {
    if (span) guarded(() => fail(span, error));
    throw error;
  } finally {
    if (span) guarded(() => span.end());
  }
}

function called<T>(context: Context | undefined, call: () => Promise<T>): Promise<T> {
  let outcome: Promise<T> | undefined;
  if (context)
    guarded(() =>
      contexts.with(context, () => {
        outcome = call();
      }),
    );
  return outcome ?? call();
}

/** Secrets that a message quotes are masked, as in logs. */
export function fail(span: Span, error: unknown): void {
  const { message = '' } = Object(error) as { message?: unknown };
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: maskText(String(message)) });
}
