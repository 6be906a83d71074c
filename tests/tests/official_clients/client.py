"""Talks to prxy with the SDKs that the providers publish, and prints what came of it as JSON.

usage: client.py URL SDK CASE TEXT
"""

import asyncio
import json
import sys

import anthropic
import groq
import openai
from google import genai
from google.genai import errors as google_errors
from google.genai import types

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

    def surfaces(self):
        params = {"messages": ASK, **self.common}
        count = self.client.messages.count_tokens(model="m", messages=ASK)
        requests = [{"custom_id": id, "params": params} for id in "ab"]
        batches = self.client.messages.batches
        batch = batches.create(requests=requests)
        results = [r.result.message.content[0].text for r in batches.results(batch.id)]
        said = self.client.messages.create(**params).content[0].text
        turns = [{"role": "assistant", "content": said}, {"role": "user", "content": TEXT}]
        with self.client.messages.stream(messages=ASK + turns, **self.common) as stream:
            last = stream.get_final_text()
        return {
            "texts": [said, last],
            "count": count.input_tokens,
            "batch": [batch.id, batches.retrieve(batch.id).processing_status],
            "results": results,
            "models": [model.id for model in self.client.models.list()],
        }

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
        self.client = self.connect()
        self.chat = self.client.chat.completions

    def connect(self):
        return openai.OpenAI(base_url=URL + "/v1", api_key="clients", timeout=20)

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

    def surfaces(self):
        responses, common = self.client.responses, {"model": "m", "input": TEXT}
        whole = responses.create(instructions=TEXT, **common)
        stream = list(responses.create(stream=True, previous_response_id=whole.id, **common))
        deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
        done = [e.text for e in stream if e.type == "response.output_text.done"]
        with responses.stream(**common) as helper:
            for _ in helper:
                pass
            final = helper.get_final_response().output_text
        completion = self.client.completions.create(model="m", prompt=TEXT).choices[0].text
        said = self.whole().choices[0].message
        turns = self.chat.create(model="m", messages=ASK + [said] + ASK)
        numbers = [event.sequence_number for event in stream]
        return {
            "texts": [whole.output_text, "".join(deltas), *done, final, completion, said.content]
            + [turns.choices[0].message.content],
            "summary": whole.output[0].summary[0].text,
            "encrypted": whole.output[0].encrypted_content,
            "ordered": numbers == sorted(set(numbers)),
            "kept": responses.retrieve("resp_1").output_text,
            "embedding": self.client.embeddings.create(model="m", input=[TEXT]).data[0].embedding,
            "models": [model.id for model in self.client.models.list()],
        }

    def responses_tool(self):
        tools = [{"type": "function", "name": "mail", "parameters": SCHEMA, "strict": False}]
        common = {"model": "m", "input": TEXT, "tools": tools}
        whole = self.client.responses.create(**common)
        with self.client.responses.stream(**common) as stream:
            for _ in stream:
                pass
            streamed = stream.get_final_response()
        calls = [a.output[1] for a in (whole, streamed)]
        result = {"type": "function_call_output", "call_id": calls[0].call_id, "output": TEXT}
        self.client.responses.create(model="m", input=[result], previous_response_id=whole.id)
        return [json.loads(call.arguments) for call in calls]

    def unserved(self):
        return [
            lambda: self.client.files.list(),
            lambda: self.client.batches.list(),
            lambda: self.client.images.generate(model="m", prompt="hi"),
        ]


class Groq(OpenAi):
    errors = groq.APIStatusError

    def connect(self):
        return groq.Groq(base_url=URL + "/groq", api_key="clients", timeout=20)

    def echo(self):
        chunks = [c.choices[0].delta for c in self.whole(stream=True) if c.choices]
        deltas = "".join(delta.content or "" for delta in chunks)
        raw = self.chat.with_raw_response.create(model="m", messages=ASK)
        masked = sorted(p.split("=")[0] for p in raw.headers["x-prxy-masked"].split(","))
        return {"texts": [deltas, raw.parse().choices[0].message.content], "masked": masked}

    def tool(self):
        answer = self.whole(tools=self.tools).choices[0].message
        parts = [c.choices[0].delta for c in self.whole(tools=self.tools, stream=True)]
        parts = [part.tool_calls[0].function.arguments for part in parts if part.tool_calls]
        call = answer.tool_calls[0]
        result = {"role": "tool", "tool_call_id": call.id, "content": f"sent: {TEXT}"}
        asked = {"role": "assistant", "tool_calls": [call.model_dump()]}
        self.chat.create(model="m", messages=ASK + [asked, result], tools=self.tools)
        return [json.loads(call.function.arguments), json.loads("".join(parts))]


class Google:
    errors = google_errors.APIError
    model = "gemini-mock"

    def __init__(self):
        options = types.HttpOptions(base_url=URL, timeout=20_000)
        self.client = genai.Client(api_key="clients", http_options=options)
        self.models = self.client.models

    def whole(self, **more):
        call = self.models.generate_content_stream if more.pop("stream", 0) else None
        return (call or self.models.generate_content)(model=self.model, contents=TEXT, **more)

    def echo(self):
        config = types.GenerateContentConfig(system_instruction=TEXT)
        whole = self.whole(config=config)
        chunks = [chunk.text for chunk in self.whole(stream=True)]
        chat = self.client.chats.create(model=self.model)
        turns = [chat.send_message(TEXT).text, chat.send_message(TEXT).text]
        turns.append("".join(chunk.text for chunk in chat.send_message_stream(TEXT)))
        masked = whole.sdk_http_response.headers["x-prxy-masked"]
        masked = sorted(part.split("=")[0] for part in masked.split(","))
        texts = [whole.text, "".join(chunks), *turns, asyncio.run(self.streamed())]
        return {"texts": texts, "masked": masked}

    async def streamed(self):
        stream = await self.client.aio.models.generate_content_stream(
            model=self.model, contents=TEXT
        )
        return "".join([chunk.text async for chunk in stream])

    def tool(self):
        mail = types.FunctionDeclaration(name="mail", parameters_json_schema=SCHEMA)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[mail])])
        answer = self.whole(config=config)
        streamed = [chunk for chunk in self.whole(config=config, stream=True)]
        calls = [answer.function_calls[0], streamed[0].function_calls[0]]
        result = types.Part.from_function_response(
            name="mail", response={"result": f"sent: {TEXT}"}
        )
        turns = [
            types.UserContent(TEXT),
            answer.candidates[0].content,
            types.Content(role="user", parts=[result]),
        ]
        self.models.generate_content(model=self.model, contents=turns, config=config)
        return [call.args for call in calls]

    def surfaces(self):
        embedded = self.models.embed_content(model=self.model, contents=TEXT)
        return {
            "count": self.models.count_tokens(model=self.model, contents=TEXT).total_tokens,
            "embedding": embedded.embeddings[0].values,
            "models": [model.name for model in self.models.list()],
        }

    def unserved(self):
        return [
            lambda: self.client.caches.list().page,
            lambda: self.client.files.delete(name="files/1"),
            lambda: self.client.batches.list().page,
        ]


def failure(errors, call):
    try:
        call()
    except errors as error:
        status = getattr(error, "status_code", None) or error.code
        reason = error.response.headers.get("x-prxy-error")
        return [type(error).__name__, status, reason, str(error)]
    return "no error"


def main():
    sdks = {"anthropic": Anthropic, "openai": OpenAi, "groq": Groq, "google": Google}
    sdk = sdks[SDK]()
    if CASE == "refused":
        calls = [sdk.whole, lambda: list(sdk.whole(stream=True))]
        return [failure(sdk.errors, call) for call in calls]
    if CASE == "unserved":
        return [failure(sdk.errors, call) for call in sdk.unserved()]
    return getattr(sdk, CASE)()


print(json.dumps(main()))
