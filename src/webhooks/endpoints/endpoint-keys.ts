/** How the secrets and headers of an endpoint are stored: encrypted, with the key's id beside them. */
import { invalidOption, JetfleetError } from '../../jobs/errors.js';
import { encryption } from '../../wire/codecs/encryption.js';

/** A secret that signs; an old one signs beside the new one until `until`, ISO 8601. */
export interface EndpointSecret {
  secret: string;
  since: string;
  until?: string;
}

/** What of an endpoint nobody is shown. */
export interface EndpointPrivate {
  /** The newest first. */
  secrets: EndpointSecret[];
  headers: Record<string, string>;
}

/** Seals and opens what is secret of endpoints. */
export interface EndpointKeys {
  /** @throws JetfleetError `JETFLEET_ENDPOINT_SEALED` without keys */
  seal(endpointId: string, value: EndpointPrivate): string;
  /** @throws JetfleetError `JETFLEET_ENDPOINT_SEALED` where the key is missing, or it is another's */
  open(endpointId: string, sealed: string): EndpointPrivate;
}

const NO_KEYS =
  'set JETFLEET_WEBHOOK_KEYS to "<id>:<32 bytes in base64>"; "openssl rand -base64 32" makes a key';

/**
 * @param text `<id>:<base64>` with blanks between several: the first one seals, all of them open
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; the message never has a key
 */
export function endpointKeys(text = ''): EndpointKeys {
  const pairs = text.split(/\s+/).filter(Boolean).map(pairOf);
  const [first] = pairs;
  const codec = first && encryption({ keys: Object.fromEntries(pairs), current: first[0] });
  const contextOf = (id: string) => ({ type: `endpoint/${id}`, field: 'payload' as const });
  return {
    seal(id, value) {
      if (!codec) throw sealed(`the secrets of endpoint ${id} cannot be encrypted: ${NO_KEYS}`);
      const data = codec.encode(Buffer.from(JSON.stringify(value)), contextOf(id)) as Uint8Array;
      return Buffer.from(data).toString('base64');
    },
    open(id, text) {
      if (!codec) throw sealed(`the secrets of endpoint ${id} are encrypted: ${NO_KEYS}`);
      try {
        const data = codec.decode(Buffer.from(text, 'base64'), contextOf(id));
        return JSON.parse(Buffer.from(data).toString()) as EndpointPrivate;
      } catch (cause) {
        const why = (cause as Error).message;
        throw sealed(`the secrets of endpoint ${id} cannot be decrypted with JETFLEET_WEBHOOK_KEYS: ${why}`);
      }
    },
  };
}

function pairOf(text: string): [id: string, key: string] {
  const at = text.indexOf(':');
  // Without a colon it may be a key, which no message shows.
  if (at < 1) throw invalidOption('JETFLEET_WEBHOOK_KEYS must have the form "<id>:<32 bytes in base64>"');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** It can be retried: the next worker may have the key. */
function sealed(message: string): JetfleetError {
  return new JetfleetError('JETFLEET_ENDPOINT_SEALED', message, { retryable: true });
}
