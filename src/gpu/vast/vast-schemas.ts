/**
 * What the answers of Vast.ai hold, as far as Jetfleet reads them: the OpenAPI documents of https://github.com/vast-ai/docs at
 * c624622 (api-reference/openapi/yaml: show_instance, show_instances, search_offers, create_instance, search_templates), and
 * creating-and-using-templates-with-api.mdx for the fields of templates. Unknown keys pass.
 */
import * as z from 'zod';
import { hasMessage } from '../api/api-errors.js';
import { gpuCount, id, listOf, number, readable, text } from '../api/fields.js';

const mapping = z.looseObject({ HostPort: readable(text) });

/** Without an id it says nothing; every other field is read by itself. `actual_status` is null while it is provisioned. */
export const vastInstanceSchema = z.looseObject({
  id,
  label: readable(text),
  actual_status: z.string().nullish(),
  intended_status: readable(z.string()),
  cur_state: readable(z.string()),
  status_msg: readable(z.string()),
  is_bid: readable(z.boolean()),
  num_gpus: readable(gpuCount),
  machine_id: readable(text),
  geolocation: readable(z.string()),
  dph_total: readable(number),
  public_ipaddr: readable(z.string()),
  ports: readable(z.record(z.string(), readable(z.array(readable(mapping))))),
  start_date: readable(number),
});
export type VastInstance = z.output<typeof vastInstanceSchema>;

export const vastReadSchema = z.looseObject({ instances: vastInstanceSchema.nullable() });
export const vastPageSchema = z
  .looseObject({
    instances: z.array(z.unknown()),
    total_instances: readable(number),
    // Read strictly: taken for absent, what cannot be read would end the list.
    next_token: z.string().min(1).nullish(),
  })
  .refine((body) => body.instances.length > 0 || !hasMessage(body), 'instances is empty beside a message');
/** An element of the list: there whatever its status says, and undefined when not even its id can be read. */
export const listedVastSchema = readable(
  vastInstanceSchema.extend({ actual_status: z.string().nullish().catch('') }),
);

export const vastCreatedSchema = z.looseObject({ success: z.literal(true), new_contract: id });

export const vastOffersSchema = z
  .looseObject({
    offers: listOf(
      z.looseObject({
        id,
        gpu_name: readable(z.string()),
        num_gpus: readable(number),
        geolocation: readable(z.string()),
        dph_total: readable(number),
        min_bid: readable(number),
      }),
    ),
  })
  .refine((body) => body.offers.length > 0 || !hasMessage(body), 'offers is empty beside a message');
export type VastOffer = z.output<typeof vastOffersSchema>['offers'][number];

/** It is read strictly: what is dropped here is missing on an instance that is paid for. */
export const vastTemplatesSchema = z.looseObject({
  templates: z.array(
    z.looseObject({
      hash_id: z.string(),
      image: z.string().min(1),
      tag: z.string().nullish(),
      env: z.string().nullish(),
      onstart: z.string().nullish(),
    }),
  ),
});
export type VastTemplate = z.output<typeof vastTemplatesSchema>['templates'][number];
