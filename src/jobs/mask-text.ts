/** Secrets inside text: what stands in URLs, after `Bearer`, after a telling name, or has the form of a known token. */

/** What stands in the place of a secret. */
export const MASK = '[masked]';

/** Names of secrets, as they read without `-`, `_`, `.` and spaces, in lower case. */
const SECRET_NAME = new RegExp(
  [
    'pass(word|wd|phrase|code|wort)',
    '^pwd|pwd$|^pin$|pincode|^otp$|^cvv$',
    'secret|token|credential|^creds?$|cookie|bearer|jwt|hmac',
    // `authorization` and `x-auth`, but no author and no authority.
    'auth(?!or(s|ed|ship|ity|ities)?$|oring)',
    '(api|access|secret|private|signing|encryption|ssh|auth|account|shared|master|licen[cs]e|deploy|service|session|webhook|storage)keys?$',
    'nkey|sessionid|^session$|^sid$|signature|^x?sig$|connectionstring|^dsn$|databaseurl|^excerpt$',
  ].join('|'),
);
/** Numbers of such names: how many tokens a model may use is no secret. */
const COUNT_NAME = /tokens$|count$|limit$|ttl$|ms$|seconds$/;

// Each begins where a word does: from within one, a long text would be read again and again.
const URLS = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}:\/\/)([^\s"'<>\\`]+)/gi;
const USER_INFO = /(?<![^\s"'@/:])[^\s"'@/:]{1,100}:[^\s"'@/]{1,100}@(?=[^\s"'@])[^\s"']*/g;
const SCHEMES = /\b(Bearer|Basic|Digest|Negotiate|Token|ApiKey)(\s+)([^\s,;"'[]+)/gi;
const ASSIGNMENTS =
  /(?<![\w.-])([A-Za-z_][\w.-]{0,120})(["']?\s{0,3}[:=]\s{0,3}["']?)((?:[A-Za-z0-9-]{1,20} )?[^\s"'&,;[]+)/g;
const TOKENS = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g,
  /\bwhsec_[\w+/=-]+/g,
  /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[\w-]{12,}/g,
  /\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|hf_\w{16,}|xox[abeprs]-[\w-]{8,})/g,
  /\b(?:AKIA[A-Z0-9]{12,}|AIza[\w-]{20,}|S[UAOCNX][A-Z2-7]{56})\b/g,
];
/** Segments of a URL's path that cannot be a secret; from the first other one on the path is masked. */
const PATH_WORD =
  /^(v\d{1,3}|api|hooks?|web-?hooks?|callbacks?|services|incoming|events?|jobs?|queues?|notify|notifications?|integrations?|internal|public|orders?|gpu|instances?|delivered|deliveries|status|health|jetfleet|docs|repository|images?)$/i;

/** Whether a value of this name is a secret. */
export function isSecretName(name: string, value?: unknown): boolean {
  const plain = name.toLowerCase().replaceAll(/[-_.\s]/g, '');
  if (!SECRET_NAME.test(plain)) return false;
  return !(typeof value === 'number' && COUNT_NAME.test(plain));
}

/** A copy of a text without the secrets that can be recognised in it. */
export function maskText(text: string): string {
  // Shorter than any secret, and most texts of a record.
  if (text.length < 6) return text;
  let masked = text;
  for (const form of TOKENS) masked = masked.replace(form, MASK);
  if (text.includes('://')) {
    masked = masked.replace(URLS, (_, scheme: string, rest: string) => scheme + maskAfterScheme(rest));
  }
  if (text.includes('@')) masked = masked.replace(USER_INFO, MASK);
  masked = masked.replace(SCHEMES, (whole, scheme: string, space: string, value: string) =>
    isCredential(scheme, value) ? scheme + space + MASK : whole,
  );
  return masked.replace(ASSIGNMENTS, (whole, name: string, sign: string, value: string) =>
    isSecretName(name) && !value.startsWith('//') ? name + sign + MASK : whole,
  );
}

/** `user:pw@host:1/hooks/T0?x=1` as `[masked]@host:1/hooks/[masked]?[masked]`. */
function maskAfterScheme(rest: string): string {
  const [, authority = '', path = '', query, fragment] =
    /^([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(rest) ?? [];
  const at = authority.lastIndexOf('@');
  const host = at < 0 ? authority : `${MASK}@${authority.slice(at + 1)}`;
  return `${host}${maskPath(path)}${query ? `?${MASK}` : ''}${fragment ? `#${MASK}` : ''}`;
}

function maskPath(path: string): string {
  const segments = path.split('/');
  const first = segments.findIndex(
    (segment) => segment !== '' && segment !== MASK && !PATH_WORD.test(segment),
  );
  return first < 0 ? path : [...segments.slice(0, first), MASK].join('/');
}

/** In prose "basic steps" and "token expired" are no credentials. */
function isCredential(scheme: string, value: string): boolean {
  return /^bearer$/i.test(scheme) || (value.length >= 8 && !/^[a-z]+[.:)]?$/.test(value));
}
