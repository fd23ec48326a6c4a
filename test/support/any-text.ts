import fc from 'fast-check';

/** Surrogates, which are no characters by themselves. */
const [FIRST_SURROGATE, SURROGATES] = [0xd800, 0x800];

/**
 * Any code point, for strings of any text. The unit `binary` of fast-check makes the same after it has built a map of
 * all of them, which takes two seconds and stays.
 */
export const anyCodePoint = fc
  .integer({ min: 0, max: 0x10ffff - SURROGATES })
  .map((code) => String.fromCodePoint(code < FIRST_SURROGATE ? code : code + SURROGATES));
