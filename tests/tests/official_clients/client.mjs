// Talks to prxy with the SDKs that the providers publish for Node, and prints what came of it as JSON.
//
// usage: node client.mjs URL SDK CASE TEXT

import { createRequire } from "node:module";

// The packages lie in the folder that this is run in, not beside this file.
const require = createRequire(process.cwd() + "/");
const { default: AnthropicSdk } = require("@anthropic-ai/sdk");
const { default: OpenAiSdk } = require("openai");

const [URL, SDK, CASE, TEXT] = process.argv.slice(2);
const ASK = [{ role: "user", content: TEXT }];
const SCHEMA = { type: "object", properties: { text: { type: "string" } } };

async function collect(stream, part) {
  const parts = [];
  for await (const event of await stream) parts.push(part(event) ?? "");
  return parts.join("");
}

function labels(response) {
  return response.headers.get("x-prxy-masked").split(",").map((p) => p.split("=")[0]).sort();
}

class Anthropic {
  common = { model: "claude-opus-4-8", max_tokens: 100 };
  tools = [{ name: "mail", description: "Sends mail", input_schema: SCHEMA }];
  client = new AnthropicSdk({ baseURL: URL, apiKey: "clients", timeout: 20_000 });

  whole(more) {
    return this.client.messages.create({ messages: ASK, ...this.common, ...more });
  }

  streamed(more) {
    return this.client.messages.stream({ messages: ASK, ...this.common, ...more });
  }

  async echo() {
    const raw = await this.whole({ system: TEXT }).withResponse();
    const texts = [raw.data.content[0].text];
    texts.push(await collect(this.whole({ stream: true }), (e) => e.delta?.text));
    texts.push(await this.streamed().finalText());
    const said = { role: "assistant", content: texts[0] };
    const turns = await this.whole({ messages: [...ASK, said, ...ASK] });
    return { texts: [...texts, turns.content[0].text], masked: labels(raw.response) };
  }

  async tool() {
    const whole = await this.whole({ tools: this.tools });
    const streamed = await this.streamed({ tools: this.tools }).finalMessage();
    const [call, other] = [whole, streamed].map((a) => a.content.find((b) => b.type === "tool_use"));
    const result = { type: "tool_result", tool_use_id: call.id, content: `sent: ${TEXT}` };
    const turns = [
      { role: "assistant", content: whole.content },
      { role: "user", content: [result] },
    ];
    await this.whole({ messages: [...ASK, ...turns], tools: this.tools });
    return [call.input, other.input];
  }

  async surfaces() {
    const { batches } = this.client.messages;
    const params = { messages: ASK, ...this.common };
    const count = await this.client.messages.countTokens({ model: "m", messages: ASK });
    const requests = ["a", "b"].map((custom_id) => ({ custom_id, params }));
    const batch = await batches.create({ requests });
    const results = [];
    for await (const { result } of await batches.results(batch.id)) {
      results.push(result.message.content[0].text);
    }
    const models = [];
    for await (const model of this.client.models.list()) models.push(model.id);
    const status = (await batches.retrieve(batch.id)).processing_status;
    return { texts: [], count: count.input_tokens, batch: [batch.id, status], results, models };
  }
}

class OpenAi {
  tools = [{ type: "function", function: { name: "mail", parameters: SCHEMA } }];
  client = new OpenAiSdk({ baseURL: URL + "/v1", apiKey: "clients", timeout: 20_000 });
  chat = this.client.chat.completions;

  whole(more) {
    return this.chat.create({ model: "m", messages: ASK, ...more });
  }

  streamed(more) {
    return this.chat.stream({ model: "m", messages: ASK, ...more });
  }

  async echo() {
    const raw = await this.whole().withResponse();
    const texts = [raw.data.choices[0].message.content];
    texts.push(await collect(this.whole({ stream: true }), (c) => c.choices[0]?.delta.content));
    texts.push(await this.streamed().finalContent());
    const said = { role: "assistant", content: texts[0] };
    const turns = await this.whole({ messages: [...ASK, said, ...ASK] });
    return { texts: [...texts, turns.choices[0].message.content], masked: labels(raw.response) };
  }

  async tool() {
    const { message } = (await this.whole({ tools: this.tools })).choices[0];
    const streamed = await this.streamed({ tools: this.tools }).finalMessage();
    const calls = [message, streamed].map((m) => m.tool_calls[0]);
    const result = { role: "tool", tool_call_id: calls[0].id, content: `sent: ${TEXT}` };
    await this.whole({ messages: [...ASK, message, result], tools: this.tools });
    return calls.map((call) => JSON.parse(call.function.arguments));
  }

  async surfaces() {
    const { responses } = this.client;
    const common = { model: "m", input: TEXT };
    const whole = await responses.create({ instructions: TEXT, ...common });
    const events = [];
    const previous_response_id = whole.id;
    for await (const event of await responses.create({ stream: true, previous_response_id, ...common })) {
      events.push(event);
    }
    const of = (type) => events.filter((e) => e.type === `response.output_text.${type}`);
    const final = await responses.stream(common).finalResponse();
    const completion = await this.client.completions.create({ model: "m", prompt: TEXT });
    const embedded = await this.client.embeddings.create({ model: "m", input: [TEXT] });
    const models = [];
    for await (const model of this.client.models.list()) models.push(model.id);
    const numbers = events.map((e) => e.sequence_number);
    return {
      texts: [
        whole.output_text,
        of("delta").map((e) => e.delta).join(""),
        ...of("done").map((e) => e.text),
        final.output_text,
        completion.choices[0].text,
      ],
      summary: whole.output[0].summary[0].text,
      encrypted: whole.output[0].encrypted_content,
      ordered: numbers.every((number, n) => n === 0 || number > numbers[n - 1]),
      kept: (await responses.retrieve("resp_1")).output_text,
      embedding: embedded.data[0].embedding,
      models,
    };
  }

  async responses_tool() {
    const tools = [{ type: "function", name: "mail", parameters: SCHEMA, strict: false }];
    const common = { model: "m", input: TEXT, tools };
    const whole = await this.client.responses.create(common);
    const streamed = await this.client.responses.stream(common).finalResponse();
    const calls = [whole, streamed].map((a) => a.output[1]);
    const result = { type: "function_call_output", call_id: calls[0].call_id, output: TEXT };
    const input = [result];
    await this.client.responses.create({ model: "m", input, previous_response_id: whole.id });
    return calls.map((call) => JSON.parse(call.arguments));
  }
}

async function failure(call) {
  try {
    await call();
  } catch (error) {
    const reason = error.headers?.get("x-prxy-error");
    return [error.constructor.name, error.status, reason, error.message];
  }
  return "no error";
}

async function main() {
  const sdk = new { anthropic: Anthropic, openai: OpenAi }[SDK]();
  if (CASE === "refused") {
    return [
      await failure(() => sdk.whole()),
      await failure(() => collect(sdk.whole({ stream: true }), () => "")),
    ];
  }
  return sdk[CASE]();
}

console.log(JSON.stringify(await main()));
