/** Secrets inside text: what stands in URLs, after `Bearer`, after a telling name, or has the form of a known token. */

/** What stands in the place of a secret. */
export const MASK = '[masked]';

/** Names of secrets, as they read without accents, `-`, `_`, `.`, `/`, spaces and invisible characters, in lower case. */
const SECRET_NAME = new RegExp(
  [
    'pass(word|wd|phrase|code|wort)|passe?$|^pass|kennwort|motdepasse|contrasen|senha|parol[ae]$',
    '^pwd|pwd$|^pw$|^(db|user|my|root|admin)pw$|^pin$|pincode|^t?otp|^mfa|^cvv$|mnemonic',
    'secret(?!ar)|token(?!i[sz])|credential|^creds?$|cookie|bearer|jwt|hmac|[cx]srf|kubeconfig|^salt$',
    // `authorization` and `x-auth`, but no author and no authority.
    'auth(?!or(s|ed|ship|ity|ities)?$|oring)',
    '(api|access|secret|priv(ate)?|client|tls|ssl|rsa|certificate|signing|encryption|ssh|auth|account|shared|master|licen[cs]e|deploy|service|session|webhook|storage)keys?(id|pem|data|file|value)?$',
    '^nkey|natsnkey|sessionid|^session$|^sid$|signature|^x?sig$|connectionstring|^dsn$|databaseurl|^excerpt$',
  ].join('|'),
);
/** Words that such letters begin or end, and what is said of a secret without saying it. */
const HARMLESS_NAME =
  /^(passe(d|s|ng)|passive|passage|passport$|passing|passthrough|passes|bypass|compass|encompass|surpass)|(by|com|sur|tres)pass$|(algorithm|algo|type|method|mode|provider|consent|scheme)$/;
/** Numbers of such names: how many tokens a model may use is no secret. */
const COUNT_NAME = /tokens$|count$|limit$|ttl$|ms$|seconds$/;

// Each begins where a word does: from within one, a long text would be read again and again.
const URLS = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}:\/\/)([^\s"'<>\\`]+)/gi;
/** A path, what a module was imported with, a line and its column, and whatever stands behind. */
const FILE_PLACE = /^(\/[^?#,;()]*?)([?#][^,;()]*?)?((?::\d+){1,2})?((?:[,;()].*)?)$/s;
const USER_INFO = /(?<![^\s"'@/:])[^\s"'@/:]{1,100}:[^\s"'@/]{1,100}@(?=[^\s"'@])(?!sha\d{3}:)[^\s"']*/g;
const SCHEMES = /\b(Bearer|Basic|Digest|Negotiate|Token|ApiKey)(\s+)([^\s,;"'[]+)/gi;
/** A name and what stands before its value, by a character without which there is none. */
const ASSIGNMENTS: readonly (readonly [needle: string, form: RegExp])[] = [
  ['', /(?<![\w.-])-{0,2}([A-Za-z_][\w.-]{0,120})(?:\\{0,3}["'])?\s{0,3}(?::=|=>|[:=])\s{0,3}/g],
  ['%3', /(?:(?<![\w.-])|(?<=%[0-9A-Fa-f]{2}))([A-Za-z_][\w.-]{0,120})%3[ADad]/g],
  ['-', /(?<!\S)--?([A-Za-z][\w.-]{0,120})\s{1,3}(?=[^\s-])/g],
  ['<', /<([A-Za-z_][\w:.-]{0,120})>/g],
];
/** A value without quotes, after a scheme or not. */
const BARE = /(?:[A-Za-z0-9-]{1,20} (?!-))?[^\s"'&,;[<]+/y;
const OPENING_QUOTE = /\\{0,3}["']/y;
/** A value in quotes that is longer is masked up to here. */
const MAX_QUOTED = 4_000;
const LOGINS = /(?<!\S)((?:-u|--user|--proxy-user)[\s=]{1,3}["']?)[^\s:"']{1,100}:[^\s"']+/g;
const TOKENS = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g,
  /\bwhs(?:ec|k)_[\w+/=-]+/g,
  /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[\w-]{12,}/g,
  /\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|hf_\w{16,}|xox[abeprs]-[\w-]{8,})/g,
  /\b(?:npm_\w{16,}|pypi-[\w-]{12,}|dckr_pat_[\w-]{12,}|shp(?:at|ca|pa|ss)_\w{16,}|do[opr]_v1_\w{16,}|hvs\.[\w-]{12,})/g,
  /\b(?:nvapi-[\w-]{16,}|r8_\w{16,}|rpa_\w{16,}|gsk_\w{16,}|xai-[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]+|ya29\.[\w-]{16,})/g,
  /\b(?:A[KS]IA[A-Z0-9]{12,}|AGE-SECRET-KEY-1[A-Z0-9]+|AIza[\w-]{20,}|S[UAOCNX][A-Z2-7]{56})\b/g,
];

/** Whether a value of this name is a secret. */
export function isSecretName(name: string, value?: unknown): boolean {
  if (typeof value === 'boolean') return false;
  const plain = plainName(name);
  if (!SECRET_NAME.test(plain) || HARMLESS_NAME.test(plain)) return false;
  return !(typeof value === 'number' && COUNT_NAME.test(plain));
}

function plainName(name: string): string {
  const ascii = /^[\x20-\x7e]*$/.test(name) ? name : name.normalize('NFKD').replaceAll(/[\p{M}\p{C}]/gu, '');
  return ascii.toLowerCase().replaceAll(/[-_.\s/]/g, '');
}

/** A copy of a text without the secrets that can be recognised in it. */
export function maskText(text: string): string {
  // Shorter than any secret, and most texts of a record.
  if (text.length < 6) return text;
  let masked = text;
  for (const form of TOKENS) masked = masked.replace(form, MASK);
  if (text.includes('://')) masked = maskUrls(masked);
  if (text.includes('@')) masked = masked.replace(USER_INFO, MASK);
  masked = masked.replace(SCHEMES, (whole, scheme: string, space: string, value: string) =>
    isCredential(scheme, value) ? scheme + space + MASK : whole,
  );
  return maskAssignments(masked.replace(LOGINS, (_, flag: string) => flag + MASK));
}

function maskAssignments(text: string): string {
  let masked = text;
  for (const [needle, form] of ASSIGNMENTS)
    if (masked.includes(needle)) masked = maskValues(masked, needle, form);
  return masked;
}

function maskValues(text: string, needle: string, form: RegExp): string {
  let masked = '';
  let from = 0;
  for (const match of text.matchAll(form)) {
    const [whole, name = ''] = match;
    const start = match.index + whole.length;
    if (match.index < from || !isSecretName(name)) continue;
    if (text.startsWith('//', start) || text.startsWith(MASK, start)) continue;
    const value = valueAt(text, start, needle === '<');
    if (!value) continue;
    masked += text.slice(from, value.start) + MASK;
    from = value.end;
  }
  return masked + text.slice(from);
}

/** Where the value that begins at `start` stands, without its quotes. */
function valueAt(
  text: string,
  start: number,
  isElement: boolean,
): { start: number; end: number } | undefined {
  if (isElement) {
    const end = text.slice(start, start + MAX_QUOTED).indexOf('<');
    return end > 0 ? { start, end: start + end } : undefined;
  }
  OPENING_QUOTE.lastIndex = start;
  const [quote] = OPENING_QUOTE.exec(text) ?? [];
  if (quote !== undefined) {
    const inner = start + quote.length;
    const length = text.slice(inner, inner + MAX_QUOTED).search(closingOf(quote));
    if (length !== 0)
      return { start: inner, end: length < 0 ? Math.min(inner + MAX_QUOTED, text.length) : inner + length };
    return undefined;
  }
  BARE.lastIndex = start;
  const [bare] = BARE.exec(text) ?? [];
  return bare === undefined ? undefined : { start, end: start + bare.length };
}

/** The next quote of the kind; inside a text in quotes it has a backslash before it. */
function closingOf(quote: string): RegExp {
  const mark = quote.at(-1);
  return quote.length > 1 ? new RegExp(`\\\\+${mark}`) : new RegExp(`(?<!\\\\)${mark}`);
}

function maskUrls(text: string): string {
  return text.replace(
    URLS,
    (_, scheme: string, rest: string) =>
      scheme + ((/^file:/i.test(scheme) && maskAfterPath(rest)) || maskAfterScheme(rest)),
  );
}

/** The place of a line in a stack: the path is shown. Undefined for what names a host, or has a URL within. */
function maskAfterPath(rest: string): string | undefined {
  const [, path, query, line = '', more = ''] = FILE_PLACE.exec(rest) ?? [];
  if (path === undefined || path.includes('://')) return undefined;
  return path + (query ? query[0] + MASK : '') + line + maskUrls(more);
}

/** Of a URL scheme, host and port are shown: `user:pw@host:1/hooks/T0?x=1` as `[masked]@host:1/[masked]?[masked]`. */
function maskAfterScheme(rest: string): string {
  const [, authority = '', path = '', query, fragment] =
    /^([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(rest) ?? [];
  const at = authority.lastIndexOf('@');
  const host = at < 0 ? authority : `${MASK}@${authority.slice(at + 1)}`;
  return `${host}${/[^/]/.test(path) ? `/${MASK}` : path}${query ? `?${MASK}` : ''}${fragment ? `#${MASK}` : ''}`;
}

/** In prose "basic steps" and "token expired" are no credentials. */
function isCredential(scheme: string, value: string): boolean {
  return /^bearer$/i.test(scheme) || (value.length >= 8 && !/^[a-z]+[.:)]?$/.test(value));
}
