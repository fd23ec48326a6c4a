import type { Command } from 'commander';
import { generateWebhookKeyPair, generateWebhookSecret } from '../webhooks/index.js';
import { type GlobalOptions, withExamples } from './options.js';
import { print, printJson } from './output.js';
import { webhookDeliveryCommands } from './webhook-deliveries.js';
import { webhookEndpointCommand } from './webhook-endpoint.js';

/** `jetfleet webhook`: endpoints, deliveries, and what webhooks are signed with. */
export function webhookCommand(program: Command): void {
  const webhook = program
    .command('webhook')
    .description('endpoints and deliveries of webhooks, secrets and keys');
  withExamples(webhook, 'webhook endpoint list', 'webhook list --status failed', 'webhook secret');
  webhookEndpointCommand(webhook);
  webhookDeliveryCommands(webhook);
  const secret = webhook
    .command('secret')
    .description('print a new signing secret, for JETFLEET_WEBHOOK_SECRET and the receivers')
    .action(() => {
      const made = generateWebhookSecret();
      if (secret.optsWithGlobals<GlobalOptions>().json) printJson({ secret: made });
      else print(made);
    });
  withExamples(secret, 'webhook secret');
  const pair = webhook
    .command('key-pair')
    .description('print a new ed25519 key pair: the private key signs, receivers verify with the public one')
    .action(() => {
      const made = generateWebhookKeyPair();
      if (pair.optsWithGlobals<GlobalOptions>().json) return printJson(made);
      print(`JETFLEET_WEBHOOK_SECRET=${made.privateKey}`);
      print(`JETFLEET_WEBHOOK_PUBLIC_KEY=${made.publicKey}`);
    });
  withExamples(pair, 'webhook key-pair', 'webhook key-pair --json');
}

/** The secrets and keys of an environment variable, parted by spaces. */
export function keysOf(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}
