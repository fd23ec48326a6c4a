import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Alert } from '../../src/telemetry/alerts.js';

/** Collects the alerts of this process; `alerts.splice(0)` forgets them, and disposing ends it. */
export function hearAlerts(): Disposable & { alerts: Alert[] } {
  const alerts: Alert[] = [];
  const onAlert = (alert: unknown) => void alerts.push(alert as Alert);
  subscribe('jetfleet.alert', onAlert);
  return { alerts, [Symbol.dispose]: () => void unsubscribe('jetfleet.alert', onAlert) };
}
