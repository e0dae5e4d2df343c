// What an application does with the Langfuse SDK for JavaScript; prints what it saw as JSON.
// Keys and the address stand in the environment.
import { LangfuseClient } from '@langfuse/client';
import { LangfuseSpanProcessor } from '@langfuse/otel';
import { startObservation } from '@langfuse/tracing';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const tracing = new NodeTracerProvider({ spanProcessors: [new LangfuseSpanProcessor()] });
tracing.register();
const langfuse = new LangfuseClient();
const name = 'support/answer';
const chat = [
  { role: 'system', content: 'You answer {{tenant}}.' },
  { type: 'placeholder', name: 'history' },
  { role: 'user', content: '{{question}}' },
];
const seen = ({ version, prompt, config, labels, tags }) => ({ version, prompt, config, labels, tags });

const first = await langfuse.prompt.create({
  name,
  prompt: 'Answer {{question}} in one sentence.',
  labels: ['production'],
  tags: ['beta'],
  config: { temperature: 0.2 },
  commitMessage: 'first try',
});
await langfuse.prompt.create({ name, prompt: 'Answer {{question}} at length.', labels: ['staging'] });
await langfuse.prompt.create({ name: 'chat', type: 'chat', prompt: chat, labels: ['production'] });
const production = await langfuse.prompt.get(name);
const found = {
  made: seen(first),
  default: seen(production),
  label: seen(await langfuse.prompt.get(name, { label: 'staging' })),
  version: seen(await langfuse.prompt.get(name, { version: 1 })),
  compiled: production.compile({ question: '<it>' }),
  chat: (await langfuse.prompt.get('chat', { type: 'chat' })).compile(
    { tenant: 'acme', question: 'why?' },
    { history: [{ role: 'assistant', content: 'hello' }] },
  ),
};
await langfuse.prompt.update({ name, version: 2, newLabels: ['production'] });
const moved = await langfuse.prompt.get(name, { cacheTtlSeconds: 0 });
found.moved = seen(moved);
found.listed = (await langfuse.api.prompts.list({ limit: 1, page: 2 })).data.map((one) => one.name);
found.missing = await langfuse.prompt.get('nobody/made/this', { maxRetries: 0 }).catch(String);
const fields = { model: 'models:/assistant/1', prompt: moved, usageDetails: { input: 12, output: 3 } };
startObservation('call', fields, { asType: 'generation' }).end();
await tracing.forceFlush();
await tracing.shutdown();
console.log(JSON.stringify(found));
