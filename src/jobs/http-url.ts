import * as z from 'zod';
import { MAX_URL_LENGTH } from './limits.js';
import { webhookUrlFault } from './webhook-url.js';

/** A URL of a payload that webhooks go to; see {@link webhookUrlFault}. */
export const httpUrl = z
  .string()
  .max(MAX_URL_LENGTH)
  .superRefine((url, context) => {
    const fault = webhookUrlFault(url);
    if (fault !== undefined) context.addIssue(fault);
  });
