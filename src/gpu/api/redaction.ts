/** Shorter values, such as `1` or `on`, would only garble messages. */
const MIN_SECRET_LENGTH = 4;

/** A text without the secrets, in every form in which an answer may repeat them. */
export function redacted(text: string, secrets: readonly string[]): string {
  const forms = secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH).flatMap(formsOf);
  // The longest first, so that a secret inside another leaves no rest of it behind.
  forms.sort((a, b) => b.length - a.length);
  return forms.reduce((message, form) => message.replaceAll(form, '[redacted]'), text);
}

/** A secret as it is, in JSON, in HTML, in a URL, and in Base64. */
function formsOf(secret: string): string[] {
  const well = secret.toWellFormed();
  const base64 = Buffer.from(well).toString('base64').replace(/=+$/, '');
  const html = well.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = html.replaceAll('"', '&quot;');
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    html,
    quoted,
    quoted.replaceAll("'", '&#39;'),
    encodeURIComponent(well),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
  ];
}
