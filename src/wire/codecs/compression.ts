import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';
import type { Codec, CodecContext } from '../../jobs/codec.js';
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { checkInteger } from '../../jobs/numbers.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';

export interface CompressionOptions {
  /** What is smaller stays as it is, in bytes of JSON. Defaults to 1,024. */
  overBytes?: number;
  /** `brotli` makes less of it, and takes longer. Defaults to `gzip`. */
  algorithm?: 'gzip' | 'brotli';
}

const OPTIONS: OptionNames<Required<CompressionOptions>> = { overBytes: true, algorithm: true };
const DEFAULT_OVER_BYTES = 1_024;
/** No value of a job is larger: what a few bytes grow beyond it is no honest message. */
const MAX_DECODED_BYTES = 1024 * 1024;
/** Of 0 to 11: those above take many times as long. */
const BROTLI_QUALITY = 4;

const limit = ({ maxBytes = MAX_DECODED_BYTES }: CodecContext) => ({ maxOutputLength: maxBytes });
const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };

const STEPS: Record<'gzip' | 'brotli', Pick<Codec, 'decode'> & { compress(data: Uint8Array): Uint8Array }> = {
  gzip: { compress: (data) => gzipSync(data), decode: (data, context) => gunzipSync(data, limit(context)) },
  brotli: {
    compress: (data) => brotliCompressSync(data, { params }),
    decode: (data, context) => brotliDecompressSync(data, limit(context)),
  },
};

/** What every process can decode, whatever codec it has. */
export const decompressors: readonly Codec[] = (['gzip', 'brotli'] as const).map((name) => ({
  name,
  encode: () => undefined,
  decode: STEPS[name].decode,
}));

/**
 * A codec that compresses larger payloads and results. Every process of this version and later reads them, without a setting.
 * Before encryption only: what is encrypted cannot be compressed.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function compression(options: CompressionOptions = {}): Codec {
  assertOptions('compression', options, OPTIONS);
  const { overBytes = DEFAULT_OVER_BYTES, algorithm = 'gzip' } = options;
  checkInteger('overBytes', overBytes, 0);
  if (!Object.hasOwn(STEPS, algorithm))
    throw invalidOption(`algorithm ${quoted(algorithm)} must be gzip or brotli`);
  const { compress, decode } = STEPS[algorithm];
  return {
    name: algorithm,
    encode: (data) => {
      if (data.length <= overBytes) return undefined;
      const made = compress(data);
      // In base64 it has a third more.
      return made.length * 4 < data.length * 3 ? made : undefined;
    },
    decode,
  };
}
