/** A dead-man's switch: a shell script on the instance that ends it when its lease is not renewed. */
import type { ProviderCapabilities, Template } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';

/** What a watchdog is told. */
export interface WatchdogSettings {
  /** What it asks for the lease. */
  leaseUrl: string;
  leaseMs: number;
  /** What it asks for to end the instance. */
  endUrl?: string | undefined;
  /** A line of shell by which the instance ends itself at its provider. */
  endCommand?: string | undefined;
}

/** So often the lease is asked for in its time. */
const POLLS = 20;
const MAX_FETCH_S = 20;

/**
 * The script. It needs sh, and curl or wget. The lease is counted down by its own pauses, so that a clock that is set neither ends an instance nor
 * saves it. An answer that is no number renews nothing. After its end it goes on to ask: a lease that is renewed then keeps the instance.
 */
export function watchdogScript({
  leaseUrl,
  leaseMs,
  endUrl = '',
  endCommand = ':',
}: WatchdogSettings): string {
  const leaseS = Math.ceil(leaseMs / 1_000);
  const pauseS = Math.max(1, Math.floor(leaseS / POLLS));
  return `# Ends this instance when its lease is not renewed.
lease_url=${quoted(leaseUrl)}
end_url=${quoted(endUrl)}
lease_s=${leaseS}
pause_s=${pauseS}
fetch_s=${Math.max(1, Math.min(MAX_FETCH_S, pauseS))}
fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsS -m "$fetch_s" "$1" 2>/dev/null
  else
    wget -q -t 1 -T "$fetch_s" -O - "$1" 2>/dev/null
  fi
}
end_self() {
  ${endCommand}
}
left_s=$lease_s
last=$(date +%s)
while :; do
  answer=$(fetch "$lease_url")
  now=$(date +%s)
  passed_s=$((now - last))
  last=$now
  if [ "$passed_s" -lt 0 ] || [ "$passed_s" -gt $((pause_s + fetch_s)) ]; then
    passed_s=$((pause_s + fetch_s))
  fi
  left_s=$((left_s - passed_s))
  case $answer in
    '' | 0* | *[!0-9]* | ?????????*) ;;
    *) left_s=$answer ;;
  esac
  if [ "$left_s" -le 0 ]; then
    [ -z "$end_url" ] || fetch "$end_url" >/dev/null
    end_self
  fi
  sleep "$pause_s"
done
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Other programs, and what cloud-init takes besides scripts. */
const FOREIGN = /^#(!|cloud-|include)/;
/** Scripts of these begin so that more shell may come before the rest. */
const SHELL = /^#!\s*(\/usr)?\/bin\/(env\s+)?(sh|bash|dash|ash)\b.*\n?/;

/**
 * A template whose start script runs the watchdog beside what it runs otherwise.
 * @throws ProviderError `validation` for a provider without start scripts, for a script that is no shell, and where nothing could end the instance
 */
export function withWatchdog(
  template: Template,
  capabilities: ProviderCapabilities,
  settings: Omit<WatchdogSettings, 'endCommand'>,
): Template {
  const { startScript } = capabilities;
  if (!startScript)
    throw new ProviderError('validation', 'this provider runs no start script, so no lease is possible');
  if (settings.endUrl === undefined && startScript.endCommand === undefined) {
    throw new ProviderError(
      'validation',
      'an instance of this provider cannot end itself: the lease needs an endUrl',
    );
  }
  const { startCommand = '' } = template;
  const [shebang = ''] = SHELL.exec(startCommand) ?? [];
  if (shebang === '' && FOREIGN.test(startCommand)) {
    const first = startCommand.split('\n', 1)[0];
    throw new ProviderError(
      'validation',
      `the start script of template ${template.id} is no shell script (${first})`,
    );
  }
  const script = watchdogScript({ ...settings, endCommand: startScript.endCommand });
  const head = shebang || (startScript.needsShebang ? '#!/bin/sh\n' : '');
  // In a process group of its own it would outlive a script that ends with exec.
  const watchdog = `(\n${script}) >/dev/null 2>&1 &\n`;
  return { ...template, startCommand: `${head}${watchdog}${startCommand.slice(shebang.length)}` };
}
