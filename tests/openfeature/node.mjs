// Asks the unmodified OFREP provider for Node what it is told to, and prints the answers.
//
// stdin: {"baseUrl", "apiKey", "asked": [[kind, flag, default, context], ...]}
// stdout: the evaluation details of each, in the same order, as JSON
import { readFileSync } from 'node:fs';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';

const { baseUrl, apiKey, asked } = JSON.parse(readFileSync(0, 'utf8'));
const provider = new OFREPProvider({ baseUrl, headers: [['X-API-Key', apiKey]] });
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
const answers = [];
for (const [kind, flag, fallback, context] of asked) {
  answers.push(await client[`get${kind}Details`](flag, fallback, context));
}
await OpenFeature.close();
console.log(JSON.stringify(answers));
