/** Fields of answers, read as tolerantly as is safe. */
import * as z from 'zod';
import { isInstanceId } from '../provider.js';

/** Numbers arrive as strings in places, and the other way round. */
export const text = z.union([z.string(), z.number()]).transform(String);
const digits = z
  .string()
  .trim()
  .regex(/^-?\d+(\.\d+)?$/);
export const number = z.union([z.number(), digits]).transform(Number);
export const absentOr = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);
/** A field that Jetfleet can do without: null, or of another type than documented, it counts as absent. */
export const readable = <T extends z.ZodType>(schema: T) => absentOr(schema).catch(undefined);
export const id = text.refine(isInstanceId, 'is no usable id');
export const gpuCount = number.pipe(z.int().min(1));
/** Elements that cannot be read are left out; null stands for an empty list. */
export const listOf = <T extends z.ZodType>(schema: T) =>
  z
    .array(z.unknown())
    .nullable()
    .transform((elements) =>
      (elements ?? []).flatMap((element) => {
        const { success, data } = schema.safeParse(element);
        return success ? [data] : [];
      }),
    );

/** What an action answers: nothing, or an object of no interest. */
export const anyAnswer = z.looseObject({}).nullable();
