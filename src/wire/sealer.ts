/** What payloads, results and the like are between a process and the broker: the codecs of a queue, applied and taken back. */
import {
  type Codec,
  type CodecContext,
  type CodecField,
  isSealed,
  SEALED,
  type SealedValue,
} from '../jobs/codec.js';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_OBJECT_BYTES, MAX_PAYLOAD_BYTES, MAX_RESULT_BYTES } from '../jobs/limits.js';
import { isReference, OBJECT } from '../jobs/stored-object.js';
import { decompressors } from './codecs/compression.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

interface Remembered extends CodecContext {
  sealed: SealedValue;
}

/**
 * Seals and opens single values. A sealed value is JSON, so that it goes through records, timers and schedules as any other, also in
 * processes that cannot open it: they store it again as it is.
 */
export class Sealer {
  readonly #codecs: readonly Codec[];
  readonly #byName: ReadonlyMap<string, Codec>;
  /** A value that was opened or sealed is not encoded again for each record of its job. */
  readonly #remembered = new WeakMap<object, Remembered>();
  readonly #records = new WeakMap<JobRecord, JobRecord>();

  constructor(codecs: readonly Codec[]) {
    this.#codecs = codecs;
    this.#byName = new Map([...decompressors, ...codecs].map((codec) => [codec.name, codec]));
  }

  /** Whether anything is sealed at all. */
  get seals(): boolean {
    return this.#codecs.length > 0;
  }

  /** @throws JetfleetError `JETFLEET_CODEC_FAILED` */
  seal(value: unknown, context: CodecContext): unknown {
    // What a reference refers to is sealed, and who removes it must find it.
    if (!this.seals || value === undefined || isSealed(value) || isReference(value)) return value;
    const known = this.#sealedOf(value, context);
    if (known) return known;
    const sealed = this.#encode(JSON.stringify(value), context);
    if (!sealed) return value;
    this.#remember(value, context, sealed);
    return sealed;
  }

  /**
   * The same of JSON text.
   * @throws ValidationError `JETFLEET_PAYLOAD_TOO_LARGE` for a payload that is too large once it is sealed; JetfleetError `JETFLEET_CODEC_FAILED`
   */
  sealText(text: string, context: CodecContext): string {
    if (!this.seals || isMarked(text)) return text;
    const sealed = this.#encode(text, context);
    if (!sealed) return text;
    const sealedText = JSON.stringify(sealed);
    if (context.field === 'payload' && sealedText.length > MAX_PAYLOAD_BYTES)
      throw tooLarge('payload', sealedText.length, MAX_PAYLOAD_BYTES);
    return sealedText;
  }

  /** A value that is stored as an object. @throws JetfleetError `JETFLEET_CODEC_FAILED` */
  sealObject(text: string, context: CodecContext): string {
    const sealed = this.seals ? this.#encode(text, context) : undefined;
    return sealed ? JSON.stringify(sealed) : text;
  }

  /** The body of a job's message. @throws as {@link sealText} */
  payloadText(text: string, type: string): string {
    return this.seals ? this.sealText(text, { type, field: 'payload' }) : text;
  }

  /** @throws ValidationError `JETFLEET_SEALED` for a sealed value that cannot be opened here */
  open(value: unknown, context: CodecContext): unknown {
    if (!isSealed(value)) return value;
    const opened = this.#decode(value, context, MAX_PAYLOAD_BYTES);
    this.#remember(opened, context, value);
    return opened;
  }

  /** The same of what {@link sealObject} has made. */
  openObject(value: unknown, context: CodecContext): unknown {
    if (!isSealed(value)) return value;
    return this.#decode(value, { ...context, maxBytes: MAX_OBJECT_BYTES }, MAX_OBJECT_BYTES);
  }

  #decode(value: SealedValue, context: CodecContext, maxBytes: number): unknown {
    const names = value[SEALED].split(',');
    let data: Uint8Array = Buffer.from(value.data, 'base64');
    try {
      // Data can be made that decode to themselves, over and over.
      if (new Set(names).size < names.length) throw new Error('a codec comes twice');
      for (const name of names.reverse()) {
        const codec = this.#byName.get(name);
        if (!codec) throw new Error(`there is no codec ${quoted(name)}`);
        data = codec.decode(data, context);
      }
      if (data.length > maxBytes) throw new Error(`it has ${data.length} bytes`);
      return JSON.parse(decoder.decode(data)) as unknown;
    } catch (cause) {
      const { message } = cause as Error;
      const why = `the ${context.field} is sealed by ${quoted(value[SEALED])}, and cannot be opened here: ${message}`;
      throw new ValidationError('JETFLEET_SEALED', why, { cause });
    }
  }

  /** The same; what cannot be opened stays sealed. */
  openIfCan(value: unknown, context: CodecContext): unknown {
    try {
      return this.open(value, context);
    } catch {
      return value;
    }
  }

  /**
   * A record as it is stored.
   * @param again of a write that may be stored already, which must be the same to be recognised
   */
  sealRecord(record: JobRecord, again = false): JobRecord {
    if (!this.seals) return record;
    const known = again ? this.#records.get(record) : undefined;
    const sealed = known ?? this.#eachField(record, (value, context) => this.seal(value, context));
    if (!known) this.#records.set(record, sealed);
    return sealed;
  }

  openRecord(record: JobRecord): JobRecord {
    return this.#eachField(record, (value, context) => this.openIfCan(value, context));
  }

  /** @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` where what a handler leaves is too large once it is sealed */
  assertFits({ type, checkpoint, result }: JobRecord): void {
    if (!this.seals) return;
    for (const [field, value] of [['checkpoint', checkpoint] as const, ['result', result] as const]) {
      const sealed = this.seal(value, { type, field });
      if (isSealed(sealed) && sealed.data.length > MAX_RESULT_BYTES)
        throw tooLarge(field, sealed.data.length, MAX_RESULT_BYTES);
    }
  }

  #eachField(record: JobRecord, change: (value: unknown, context: CodecContext) => unknown): JobRecord {
    const { type, next } = record;
    const changed: JobRecord = { ...record };
    for (const field of ['payload', 'result', 'checkpoint', 'progress'] as const)
      if (record[field] !== undefined) changed[field] = change(record[field], { type, field });
    if (next) {
      changed.next = next.map((each) => ({
        ...each,
        payload: change(each.payload, { type: each.type, field: 'payload' }),
      }));
    }
    return changed;
  }

  #encode(text: string, context: CodecContext): SealedValue | undefined {
    const names: string[] = [];
    let data: Uint8Array = Buffer.from(text);
    for (const codec of this.#codecs) {
      let made: Uint8Array | undefined;
      try {
        made = codec.encode(data, context);
        if (made !== undefined && !(made instanceof Uint8Array)) throw new Error('it made no bytes');
      } catch (cause) {
        const why = `the codec ${codec.name} failed to encode a ${context.field}: ${(cause as Error).message}`;
        throw new JetfleetError('JETFLEET_CODEC_FAILED', why, { cause });
      }
      if (!made) continue;
      data = made;
      names.push(codec.name);
    }
    if (names.length === 0) return undefined;
    return { [SEALED]: names.join(), data: Buffer.from(data).toString('base64') };
  }

  #sealedOf(value: unknown, { type, field }: CodecContext): SealedValue | undefined {
    const known = typeof value === 'object' && value !== null ? this.#remembered.get(value) : undefined;
    return known?.type === type && known.field === field ? known.sealed : undefined;
  }

  #remember(value: unknown, { type, field }: CodecContext, sealed: SealedValue): void {
    if (typeof value === 'object' && value !== null) this.#remembered.set(value, { type, field, sealed });
  }
}

/** Whether JSON is sealed already, or a reference. */
function isMarked(text: string): boolean {
  return text.startsWith(`{"${SEALED}":`) || text.startsWith(`{"${OBJECT}":`);
}

function tooLarge(field: CodecField, bytes: number, limit: number): ValidationError {
  return new ValidationError(
    field === 'payload' ? 'JETFLEET_PAYLOAD_TOO_LARGE' : 'JETFLEET_RESULT_TOO_LARGE',
    `the ${field} has ${bytes} bytes once it is sealed, the limit is ${limit}; compress it, or store large data elsewhere and keep a reference`,
  );
}
