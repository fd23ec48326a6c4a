/** Why no connection came about, in words that say what to do. */
import { errors } from '@nats-io/transport-node';
import { BrokerError, type ErrorCode } from '../../jobs/errors.js';
import type { ServerList } from './server-urls.js';

export interface Attempt {
  list: ServerList;
  /** Who asked, without a secret; undefined without credentials. */
  login: string | undefined;
  /** Whether TLS was insisted on. */
  tls: boolean;
  /** Whether a server greeted, so that it is there. */
  greeted: boolean;
  /** Whether it wants a certificate that was not given. */
  asksForCertificate: boolean;
}

/** What nats-server says when it refuses somebody, besides what the client has classes for. */
const REFUSALS = /authorization|authentication|revoked|expired|account|maximum connections/i;
/** Codes of OpenSSL and of Node for handshakes that failed and certificates that are not trusted. */
const TLS_CODES =
  /^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH)/;

/** Whether a server was there and refused: trying again helps only once its or our settings change. */
export function isRefusal(thrown: unknown): boolean {
  return isAuthError(thrown) || isTlsError(thrown);
}

export function isAuthError(thrown: unknown): boolean {
  return (
    thrown instanceof errors.AuthorizationError ||
    thrown instanceof errors.UserAuthenticationExpiredError ||
    (thrown instanceof errors.ProtocolError && REFUSALS.test(thrown.message))
  );
}

/** Anything that the client throws while it connects, as an error with a code. */
export function connectionError(cause: unknown, attempt: Attempt): BrokerError {
  const { list, login, tls, greeted, asksForCertificate } = attempt;
  const where = `NATS at ${list.servers.join(', ')}`;
  const said = cause instanceof Error ? cause.message || cause.name : String(cause);
  const error = (code: ErrorCode, why: string) =>
    new BrokerError(code, why, { cause, retryable: code === 'JETFLEET_BROKER_UNREACHABLE' });
  if (isAuthError(cause)) {
    const who =
      login === undefined ? `${where} asks for credentials and none were given` : `${where} refuses ${login}`;
    const advice = 'check NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_NKEY or NATS_CREDS';
    return error('JETFLEET_BROKER_AUTH', `${who} (${said}); ${advice}`);
  }
  if (isTlsError(cause)) {
    const advice = tls
      ? 'check NATS_TLS_CA, NATS_TLS_CERT and NATS_TLS_KEY; nats:// connects to a server without TLS'
      : 'the server uses TLS: set NATS_TLS_CA if its certificate is of an authority of your own';
    return error('JETFLEET_BROKER_TLS', `${where}: no TLS connection: ${said}; ${advice}`);
  }
  if (asksForCertificate) {
    const why = `${where} asks for a certificate of the client; set NATS_TLS_CERT and NATS_TLS_KEY`;
    return error('JETFLEET_BROKER_TLS', why);
  }
  const why = greeted
    ? `${where} is there but did not let the connection in: ${said}; it may be overloaded, or a limit of connections is reached: see its log`
    : `cannot connect to ${where}: ${said}; start one with "jetfleet dev", or set NATS_URL`;
  return error('JETFLEET_BROKER_UNREACHABLE', why);
}

function isTlsError(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (TLS_CODES.test((error as NodeJS.ErrnoException).code ?? '')) return true;
    if (/server does not support 'tls'|'tls' is not available|certificate|altname/i.test(error.message))
      return true;
  }
  return false;
}
