import { nkeys } from '@nats-io/transport-node';

type Pair = ReturnType<typeof nkeys.createUser>;

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signed claim of the NATS JWT format, version 2. */
function claim(issuer: Pair, subject: string, nats: object, times: { exp?: number } = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const body = {
    jti: `${subject}-${Math.random()}`,
    iat: now,
    iss: issuer.getPublicKey(),
    name: subject,
    sub: subject,
  };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...body, ...times, nats: { version: 2, ...nats } })}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}

/** An operator with one account that has JetStream, for servers that check JWTs. */
export class Operator {
  readonly #operator = nkeys.createOperator();
  readonly #account = nkeys.createAccount();
  readonly #system = nkeys.createAccount();

  /** Settings of a server that trusts it. */
  settings(): string {
    const unlimited = {
      subs: -1,
      data: -1,
      payload: -1,
      imports: -1,
      exports: -1,
      conn: -1,
      leaf: -1,
      wildcards: true,
    };
    const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
    const account = (pair: Pair, limits: object) =>
      claim(this.#operator, pair.getPublicKey(), { type: 'account', limits });
    return [
      `operator: ${claim(this.#operator, this.#operator.getPublicKey(), { type: 'operator' })}`,
      `system_account: ${this.#system.getPublicKey()}`,
      'resolver: MEMORY',
      'resolver_preload: {',
      `  ${this.#account.getPublicKey()}: ${account(this.#account, { ...unlimited, ...storage })}`,
      `  ${this.#system.getPublicKey()}: ${account(this.#system, unlimited)}`,
      '}',
    ].join('\n');
  }

  /** The text of a `.creds` file of a new user, who may come for `validMs` from now on (whole seconds). */
  creds(validMs: number): string {
    const user = nkeys.createUser();
    const exp = Math.floor((Date.now() + validMs) / 1000);
    const nats = { type: 'user', subs: -1, data: -1, payload: -1, pub: {}, sub: {} };
    const jwt = claim(this.#account, user.getPublicKey(), nats, { exp });
    const block = (name: string, body: string) =>
      `-----BEGIN ${name}-----\n${body}\n------END ${name}------\n`;
    return `${block('NATS USER JWT', jwt)}\n${block('USER NKEY SEED', text(user.getSeed()))}`;
  }
}
