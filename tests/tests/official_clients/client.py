"""Talks to prxy with the SDKs that the providers publish, and prints what came of it as JSON.

usage: client.py URL SDK CASE TEXT
"""

import asyncio
import json
import sys

import anthropic
import openai

URL, SDK, CASE, TEXT = sys.argv[1:]
ASK = [{"role": "user", "content": TEXT}]
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


class Anthropic:
    errors = anthropic.APIStatusError
    common = {"model": "claude-opus-4-8", "max_tokens": 100}
    tools = [{"name": "mail", "description": "Sends mail", "input_schema": SCHEMA}]

    def __init__(self):
        self.client = anthropic.Anthropic(base_url=URL, api_key="clients", timeout=20)

    def whole(self, **more):
        return self.client.messages.create(messages=ASK, **self.common, **more)

    def echo(self):
        whole = self.whole(system=TEXT).content[0].text
        events = self.whole(stream=True)
        deltas = [e.delta.text for e in events if e.type == "content_block_delta"]
        with self.client.messages.stream(messages=ASK, **self.common) as stream:
            helper = "".join(stream.text_stream)
            final = stream.get_final_message().content[0].text
        beta = self.client.beta.messages.create(
            messages=ASK, betas=["context-1m-2025-08-07"], **self.common
        )
        raw = self.client.messages.with_raw_response.create(messages=ASK, **self.common)
        masked = sorted(p.split("=")[0] for p in raw.headers["x-prxy-masked"].split(","))
        texts = [whole, "".join(deltas), helper, final, beta.content[0].text]
        texts += [raw.parse().content[0].text] + asyncio.run(self.concurrent())
        return {"texts": texts, "masked": masked}

    async def concurrent(self):
        async with anthropic.AsyncAnthropic(base_url=URL, api_key="clients", timeout=20) as client:

            async def streamed():
                async with client.messages.stream(messages=ASK, **self.common) as stream:
                    return await stream.get_final_text()

            async def whole():
                answer = await client.messages.create(messages=ASK, **self.common)
                return answer.content[0].text

            return await asyncio.gather(*[call() for call in [streamed, whole] * 4])

    def tool(self):
        answer = self.whole(tools=self.tools)
        with self.client.messages.stream(
            messages=ASK, tools=self.tools, **self.common
        ) as stream:
            streamed = stream.get_final_message()
        calls = [[b for b in a.content if b.type == "tool_use"][0] for a in (answer, streamed)]
        result = {"type": "tool_result", "tool_use_id": calls[0].id, "content": f"sent: {TEXT}"}
        turns = [
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [result]},
        ]
        self.client.messages.create(messages=ASK + turns, tools=self.tools, **self.common)
        return [call.input for call in calls]

    def unserved(self):
        return [
            lambda: self.client.get("/v1/files", cast_to=object),
            lambda: self.client.delete("/v1/files/file_1", cast_to=object),
            lambda: self.client.post("/v1/complete", cast_to=object, body={"prompt": TEXT}),
        ]


class OpenAi:
    errors = openai.APIStatusError
    tools = [{"type": "function", "function": {"name": "mail", "parameters": SCHEMA}}]

    def __init__(self):
        self.client = openai.OpenAI(base_url=URL + "/v1", api_key="clients", timeout=20)
        self.chat = self.client.chat.completions

    def whole(self, **more):
        return self.chat.create(model="m", messages=ASK, **more)

    def final(self, **more):
        with self.chat.stream(model="m", messages=ASK, **more) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion().choices[0].message

    def echo(self):
        system = [{"role": "system", "content": TEXT}]
        whole = self.chat.create(model="m", messages=system + ASK).choices[0].message.content
        chunks = [c.choices[0].delta for c in self.whole(stream=True) if c.choices]
        deltas = "".join(delta.content or "" for delta in chunks)
        raw = self.chat.with_raw_response.create(model="m", messages=ASK)
        masked = sorted(p.split("=")[0] for p in raw.headers["x-prxy-masked"].split(","))
        texts = [whole, deltas, self.final().content, raw.parse().choices[0].message.content]
        return {"texts": texts + asyncio.run(self.concurrent()), "masked": masked}

    async def concurrent(self):
        url = URL + "/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="clients", timeout=20) as client:

            async def streamed():
                create = client.chat.completions.create
                chunks = await create(model="m", messages=ASK, stream=True)
                parts = [c.choices[0].delta.content or "" async for c in chunks if c.choices]
                return "".join(parts)

            async def whole():
                answer = await client.chat.completions.create(model="m", messages=ASK)
                return answer.choices[0].message.content

            return await asyncio.gather(*[call() for call in [streamed, whole] * 4])

    def tool(self):
        answer = self.whole(tools=self.tools).choices[0].message
        calls = [m.tool_calls[0] for m in (answer, self.final(tools=self.tools))]
        result = {"role": "tool", "tool_call_id": calls[0].id, "content": f"sent: {TEXT}"}
        self.chat.create(model="m", messages=ASK + [answer, result], tools=self.tools)
        return [json.loads(call.function.arguments) for call in calls]

    def unserved(self):
        return [
            lambda: self.client.files.list(),
            lambda: self.client.batches.list(),
            lambda: self.client.images.generate(model="m", prompt="hi"),
        ]


def failure(errors, call):
    try:
        call()
    except errors as error:
        reason = error.response.headers.get("x-prxy-error")
        return [type(error).__name__, error.status_code, reason, str(error)]
    return "no error"


def main():
    sdk = {"anthropic": Anthropic, "openai": OpenAi}[SDK]()
    if CASE == "refused":
        calls = [sdk.whole, lambda: list(sdk.whole(stream=True))]
        return [failure(sdk.errors, call) for call in calls]
    if CASE == "unserved":
        return [failure(sdk.errors, call) for call in sdk.unserved()]
    return getattr(sdk, CASE)()


print(json.dumps(main()))
